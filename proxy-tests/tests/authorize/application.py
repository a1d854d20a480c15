"""An application with sessions that says who may have what, on the standard library alone."""

import secrets
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SESSIONS = {}


class Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def session(self):
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("session")
        return cookie.value if cookie else ""

    def do_GET(self):
        target = urlsplit(self.path)
        user = SESSIONS.get(self.session())
        if target.path == "/login":
            session = secrets.token_hex(16)
            SESSIONS[session] = target.query
            self.answer(204, {"Set-Cookie": f"session={session}; HttpOnly"})
        elif target.path == "/logout":
            SESSIONS.pop(self.session(), None)
            self.answer(204)
        elif user is None:
            self.answer(401, {"WWW-Authenticate": "Session"}, "log in first")
        elif self.owner() == user:
            self.answer(204)
        else:
            self.answer(403, {}, "not yours")

    def owner(self):
        params = parse_qs(self.headers.get("X-Download-Params", ""))
        path = params.get("path", [""])[0]
        # What both say must be one.
        assert urlsplit(self.headers["X-Forwarded-Uri"]).path.startswith("/private/")
        return path.split("/")[0]

    def answer(self, status, headers={}, text=""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        told = [f"{name.lower()}={value}" for name, value in sorted(self.headers.items())]
        print(self.requestline, *told, sep=" | ")


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Application).serve_forever()
