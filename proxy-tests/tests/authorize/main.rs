//! Another program says who may have what: a Python application, Django, what login servers answer, and everything that an
//! authorizer can do wrong.

mod announced;
mod before;
mod django;
mod faults;
mod grants;
mod journeys;
mod neighbours;
mod tls;

use proxy_tests::{Proxy, Response, Server, Site, configuration};

/// The view `/private/{*path}` of a site behind `proxy`, permitted by an authorizer at `url`; with these keys too.
fn site(proxy: Proxy, url: &str, keys: &str) -> Site {
    Site::new(&authorized(&configuration(proxy), url, keys))
}

/// The same view, added to a configuration. The proxy's word on the client counts.
fn authorized(configuration: &str, url: &str, keys: &str) -> String {
    format!(
        "trusted_proxies = [\"127.0.0.1\"]\n{configuration}\n[[views]]\nroute = \"/private/{{*path}}\"\nkind = \"storage\"\n\
         storage = \"media\"\ncache_control = \"public, max-age=60\"\n\n[views.authorize]\nurl = \"{url}\"\n{keys}\n"
    )
}

/// Neither a hand-off nor a byte of a file.
#[track_caller]
fn assert_nothing_handed_over(what: &str, answer: &Response) {
    for name in [
        "X-Accel-Redirect",
        "X-Sendfile",
        "ETag",
        "Content-Disposition",
    ] {
        assert!(!answer.has(name), "{what}: {}", answer.head());
    }
    assert!(
        !answer.text().contains("secret"),
        "{what}: {}",
        answer.text()
    );
    assert_eq!(
        answer.header("Cache-Control"),
        "no-store",
        "{what}: {}",
        answer.head()
    );
}

/// The cookies that an answer sets, as a client sends them back.
fn cookies(answer: &Response) -> String {
    let set = answer.all("Set-Cookie").into_iter();
    let pairs: Vec<_> = set.filter_map(|cookie| cookie.split(';').next()).collect();
    pairs.join("; ")
}

/// The URL of a path on a server.
fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address())
}
