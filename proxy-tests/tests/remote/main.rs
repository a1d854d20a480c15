//! Files that nginx and Caddy fetch from another server, with the printed configuration: a scripted application names them,
//! a scripted server has them.

mod allowed;
mod conditions;
mod connections;
mod failures;
mod headers;
mod journeys;
mod targets;
mod tls;

use std::sync::{Arc, Mutex, PoisonError};

use proxy_tests::{Answer, Asked, Backend, Fetcher, Origin, Request, Response, Server, Site};

/// The proxies that can.
const FETCHERS: [Fetcher; 6] = Fetcher::ALL;

/// The content of every file.
const FILE: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

/// What every good answer of the server says of the file.
const VALIDATORS: &str =
    "ETag: \"v1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n";

/// What the application states of the file, cacheable, so that an error page that keeps it is noticed.
const STATED: &str = "Content-Type: application/pdf\r\n\
    Content-Disposition: attachment; filename=\"report.pdf\"\r\nCache-Control: public, max-age=60\r\n\
    Set-Cookie: app=1\r\nContent-Security-Policy: sandbox\r\nX-Content-Type-Options: nosniff\r\n\
    Vary: Cookie\r\nX-Case: of the app\r\n";

/// A proxy between a client and both servers. The application hands off whatever it is told to.
struct Stand {
    // Dropped in this order.
    front: Server,
    origin: Origin,
    _app: Origin,
    /// The hand-off headers and what is stated beside them.
    wire: Arc<Mutex<String>>,
    site: Site,
}

impl Stand {
    fn new(proxy: Fetcher, script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::amid(proxy, script, |printed| printed)
    }

    /// With a configuration that somebody changed.
    fn amid(
        proxy: Fetcher,
        script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let origin = Origin::start(script);
        let site = Site::new(&configuration(
            proxy,
            &format!("http://{}", origin.address()),
        ));
        let front = site.start_fetcher(proxy, &[], change);
        Self::with(site, front, origin)
    }

    fn with(site: Site, front: Server, origin: Origin) -> Self {
        let wire = Arc::new(Mutex::new(String::new()));
        let told = Arc::clone(&wire);
        let app = Origin::start_at(site.app(), move |_| {
            let told = told.lock().unwrap_or_else(PoisonError::into_inner);
            Answer::new(format!(
                "HTTP/1.1 200 OK\r\n{told}Content-Length: 0\r\n\r\n"
            ))
        });
        Self {
            front,
            origin,
            _app: app,
            wire,
            site,
        }
    }

    /// What the application answers from now on.
    fn tell(&self, origin: &str, target: &str, stated: &str) {
        let text = format!(
            "X-Accel-Redirect: /_internal/remote/\r\nX-Download-Origin: {origin}\r\nX-Download-Target: {target}\r\n{stated}"
        );
        *self.wire.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// The answer for a hand-off of `target`, which the server has.
    #[track_caller]
    fn send(&self, target: &str, request: &Request) -> Response {
        self.tell(&self.url(), target, STATED);
        self.front.send(request)
    }

    #[track_caller]
    fn get(&self, target: &str) -> Response {
        self.send(target, &Request::get("/x"))
    }

    fn url(&self) -> String {
        format!("http://{}", self.origin.address())
    }
}

/// A site all of whose files lie at `origin`.
fn configuration(proxy: Fetcher, origin: &str) -> String {
    format!(
        "listen = \"@LISTEN@\"\n[storages.media]\nkind = \"local\"\nroot = \"@MEDIA@\"\n\
         [optimize]\nbackend = \"{}\"\nkeep_headers = [\"X-Case\"]\n\
         [[optimize.rules]]\nsource_url = \"{origin}/\"\ndestination_url = \"/_internal/remote/\"\n\
         [[views]]\nroute = \"/files/{{*path}}\"\nkind = \"storage\"\nstorage = \"media\"\n",
        proxy.backend().name(),
    )
}

/// A server that has one file, and knows every condition.
fn file(asked: &Asked) -> Answer {
    if asked.header("If-Match").is_some_and(|tag| tag != "\"v1\"") {
        return answer(412, "", "not the client's to see");
    }
    if asked.header("If-None-Match") == Some("\"v1\"") {
        return Answer::new(format!("HTTP/1.1 304 Not Modified\r\n{VALIDATORS}\r\n"));
    }
    let if_range = asked
        .header("If-Range")
        .is_none_or(|tag| tag == "\"v1\"" || tag.ends_with(" GMT"));
    match asked.header("Range").filter(|_| if_range) {
        Some(range) => part(range),
        None => answer(200, VALIDATORS, FILE),
    }
}

/// `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`.
fn part(range: &str) -> Answer {
    let (first, last) = range
        .trim_start_matches("bytes=")
        .split_once('-')
        .expect("a range");
    let end = FILE.len();
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let (first, after) = match (first, last) {
        ("", count) => (end - number(count), end),
        (first, "") => (number(first), end),
        (first, last) => (number(first), (number(last) + 1).min(end)),
    };
    if first >= end {
        return answer(
            416,
            &format!("Content-Range: bytes */{end}\r\n"),
            "not the client's to see",
        );
    }
    let headers = format!(
        "Content-Range: bytes {first}-{}/{end}\r\n{VALIDATORS}",
        after - 1
    );
    answer(206, &headers, &FILE[first..after])
}

fn answer(status: u16, headers: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::new(format!(
        "HTTP/1.1 {status} Status\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    ))
}

fn is_nginx(proxy: Fetcher) -> bool {
    proxy.backend() == Backend::Nginx
}
