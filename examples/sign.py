"""Makes a signed link: link("/media/a%20b.txt", "2026a", secret, expires_in=600, name="été.txt").
The format is described in docs/signed-links.md. `audience` is a pair: ("user", "alice")."""
import base64
import hashlib
import hmac
import re
import time
from urllib.parse import quote
# What proxies respell, or no URL holds.
BAD = re.compile(r"^$|^[^/]|^[^?]*(//|/\.\.?([/?]|$))|[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]|"
                 r"%([^0-9A-F]|.[^0-9A-F]|.?$|[01]|7[0-9AEF]|2[DE]|3[0-9]|[46][1-9A-F]|5[0-9AF])")


def link(target, key, secret, realm="", date=None, expires_in=3600,
         name=None, disposition=None, type=None, audience=None):
    if BAD.search(target):
        raise ValueError("a target is signed as it stands in the URL, percent-encoded: /a%20b.txt")
    date = int(time.time()) if date is None else date
    kind, value = audience or (None, "")
    parameters = [("Key", key), ("Date", date), ("Expires", date + expires_in), ("Name", name),
                  ("Disposition", disposition), ("Type", type), ("Audience", kind)]
    query = "&".join(f"X-Download-{parameter}={quote(str(text), safe='')}"
                     for parameter, text in parameters if text is not None)
    target += ("&" if "?" in target else "?") + query
    signed = "\n".join(["downloadview-link-1", realm, value, target])
    digest = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return target + "&X-Download-Signature=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
