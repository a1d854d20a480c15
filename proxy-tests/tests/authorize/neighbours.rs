//! Login servers with the settings of `docs/authorize.md`, as far as they can be had without them: each answers here in the
//! form in which its own code does.

use proxy_tests::{Answer, Asked, Origin, Proxy, Request, Response};

use super::{assert_nothing_handed_over, site};

/// One request of a view that is permitted by this server, through nginx.
fn ask(
    keys: &str,
    path: &str,
    script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    request: &Request,
) -> (Response, Vec<Asked>) {
    let authorizer = Origin::start(script);
    let url = format!("http://{}{path}", authorizer.address());
    let site = site(Proxy::Nginx, &url, keys);
    site.write("media/a b.txt", "a secret");
    let (_gateway, front) = (site.start_gateway(), site.start_proxy(Proxy::Nginx));
    let answer = front.send(request);
    if answer.status != 200 {
        assert_nothing_handed_over(path, &answer);
    }
    (answer, authorizer.asked())
}

fn page() -> Request {
    Request::get("/private/a%20b.txt?v=1").header("Accept", "text/html,*/*;q=0.8")
}

fn bare(status: &str) -> Answer {
    Answer::new(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"))
}

/// `/oauth2/auth` of oauth2-proxy answers 202, 401 and 403, and knows no redirect: that is `login`.
#[test]
fn oauth2_proxy_lets_pass_and_browsers_log_in() {
    let keys = "login = \"/oauth2/sign_in?rd={uri}\"\nrequire_header = \"X-Auth-Request-User\"";
    let script = |asked: &Asked| match asked.header("cookie") {
        Some("_oauth2_proxy=alice") => {
            bare("202 Accepted\r\nX-Auth-Request-User: alice\r\nGAP-Auth: alice")
        }
        Some("_oauth2_proxy=bob") => bare("403 Forbidden"),
        _ => Answer::new(
            "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nUnauthorized\n",
        ),
    };
    let (answer, _) = ask(keys, "/oauth2/auth", script, &page());
    assert_eq!(answer.status, 302, "{}", answer.head());
    let back = "/oauth2/sign_in?rd=%2Fprivate%2Fa%2520b%2Etxt%3Fv%3D1";
    assert_eq!(answer.header("Location"), back);
    let program = Request::get("/private/a%20b.txt");
    let (answer, _) = ask(keys, "/oauth2/auth", script, &program);
    assert_eq!((answer.status, &*answer.text()), (401, "Unauthorized\n"));
    let bob = page().header("Cookie", "_oauth2_proxy=bob");
    assert_eq!(ask(keys, "/oauth2/auth", script, &bob).0.status, 403);
    let alice = page().header("Cookie", "_oauth2_proxy=alice");
    let (answer, asked) = ask(keys, "/oauth2/auth", script, &alice);
    assert_eq!((answer.status, &*answer.text()), (200, "a secret"));
    assert_eq!(
        asked[0].header("x-forwarded-uri"),
        Some("/private/a%20b.txt?v=1")
    );
}

/// `/api/authz/forward-auth` of Authelia reads method, scheme, host and path of the request, and redirects only who accepts HTML.
#[test]
fn authelia_is_told_what_it_reads_and_its_redirect_goes_on() {
    let script = |asked: &Asked| {
        let told = |name| asked.header(name).unwrap_or_default().to_owned();
        let (method, proto) = (told("x-forwarded-method"), told("x-forwarded-proto"));
        let (host, uri) = (told("x-forwarded-host"), told("x-forwarded-uri"));
        if [&method, &proto, &host, &uri]
            .iter()
            .any(|told| told.is_empty())
        {
            return bare("400 Bad Request");
        }
        match asked.header("cookie") {
            Some("authelia_session=alice") => {
                bare("200 OK\r\nRemote-User: alice\r\nRemote-Groups: all")
            }
            _ if told("accept").contains("text/html") => bare(&format!(
                "302 Found\r\nLocation: https://auth.example/?rd={proto}%3A%2F%2F{host}&rm={method}\r\n\
                 Set-Cookie: authelia_session=new"
            )),
            _ => {
                bare("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"Authorization Required\"")
            }
        }
    };
    let keys = "require_header = \"Remote-User\"";
    let path = "/api/authz/forward-auth";
    let (answer, asked) = ask(keys, path, script, &page());
    assert_eq!(answer.status, 302, "{}", answer.head());
    let location = answer.header("Location");
    assert!(
        location.starts_with("https://auth.example/?rd=http%3A%2F%2F127.0.0.1:"),
        "{location}"
    );
    assert!(location.ends_with("&rm=GET"), "{location}");
    assert_eq!(answer.header("Set-Cookie"), "authelia_session=new");
    assert_eq!(asked.len(), 1);
    let program = Request::get("/private/a%20b.txt");
    let (answer, _) = ask(keys, path, script, &program);
    assert_eq!(answer.status, 401, "{}", answer.head());
    assert!(answer.header("WWW-Authenticate").starts_with("Basic "));
    let alice = page().header("Cookie", "authelia_session=alice");
    assert_eq!(ask(keys, path, script, &alice).0.text(), "a secret");
}

/// `/outpost.goauthentik.io/auth/traefik` of authentik: 307 with a cookie, and 200 without a user for paths that it lets anybody have.
#[test]
fn authentik_redirects_with_a_cookie_and_a_pass_without_a_user_is_none() {
    let script = |asked: &Asked| match asked.header("cookie") {
        Some("authentik_proxy=alice") => {
            bare("200 OK\r\nX-authentik-username: alice\r\nSet-Cookie: authentik_proxy=renewed")
        }
        Some("authentik_proxy=nobody") => bare("200 OK"),
        _ => bare(
            "307 Temporary Redirect\r\nLocation: http://h.example/outpost.goauthentik.io/start?rd=x\r\nSet-Cookie: authentik_proxy=new; HttpOnly",
        ),
    };
    let keys = "host = \"client\"\nrequire_header = \"X-authentik-username\"";
    let path = "/outpost.goauthentik.io/auth/traefik";
    let (answer, asked) = ask(keys, path, script, &page());
    assert_eq!(answer.status, 307, "{}", answer.head());
    assert_eq!(answer.header("Set-Cookie"), "authentik_proxy=new; HttpOnly");
    assert_eq!(asked[0].header("host"), asked[0].header("x-forwarded-host"));
    let stranger = page().header("Cookie", "authentik_proxy=nobody");
    assert_eq!(ask(keys, path, script, &stranger).0.status, 502);
    let alice = page().header("Cookie", "authentik_proxy=alice");
    let (answer, _) = ask(keys, path, script, &alice);
    assert_eq!(answer.text(), "a secret");
    assert_eq!(answer.header("Set-Cookie"), "authentik_proxy=renewed");
    assert_eq!(answer.header("Cache-Control"), "private, no-store");
}
