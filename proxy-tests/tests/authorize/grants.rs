//! What a pass may say about the download, and that it never says which file.

use proxy_tests::{Answer, Origin, Proxy, Request};

use super::{assert_nothing_handed_over, site};

const PROXIES: [Proxy; 4] = [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy];

fn pass(lines: &str) -> Answer {
    Answer::new(format!(
        "HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n"
    ))
}

#[test]
fn name_type_disposition_and_cookies_of_a_pass_reach_the_client_with_the_file() {
    for proxy in PROXIES {
        let authorizer = Origin::start(|_| {
            pass(
                "X-Download-Name: r%C3%A9sum%C3%A9.pdf\r\nX-Download-Type: application/pdf\r\n\
                 X-Download-Disposition: inline\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
                 X-Sendfile: /etc/passwd\r\nX-Accel-Redirect: /_internal/media/other\r\nX-Extra: x\r\n",
            )
        });
        let site = site(proxy, &format!("http://{}/", authorizer.address()), "");
        site.write("media/a.txt", "content");
        let (_gateway, front) = (site.start_gateway(), site.start_proxy(proxy));
        let answer = front.get("/private/a.txt");
        assert_eq!(
            (answer.status, &*answer.text()),
            (200, "content"),
            "{proxy:?}"
        );
        let head = answer.head();
        assert_eq!(
            answer.header("Content-Type"),
            "application/pdf",
            "{proxy:?}"
        );
        let disposition = answer.header("Content-Disposition");
        assert!(disposition.starts_with("inline; "), "{proxy:?}: {head}");
        assert!(
            disposition.contains("filename*=UTF-8''r%C3%A9sum%C3%A9.pdf"),
            "{head}"
        );
        assert_eq!(answer.all("Set-Cookie"), ["a=1", "b=2"], "{proxy:?}");
        assert_eq!(
            answer.header("Cache-Control"),
            "private, no-store",
            "{proxy:?}"
        );
        for name in [
            "X-Sendfile",
            "X-Accel-Redirect",
            "X-Extra",
            "X-Download-Name",
        ] {
            assert!(!answer.has(name), "{proxy:?}: {head}");
        }
    }
}

#[test]
fn a_pass_with_fields_that_nobody_knows_is_502() {
    for lines in [
        "X-Download-File: b.txt\r\n",
        "X-Download-Path: /etc/passwd\r\n",
        "X-Download-Name: a\r\nX-Download-Name: b\r\n",
        "X-Download-Name: a%2Fb\r\n",
        "X-Download-Name: \u{e9}\r\n",
        "X-Download-Type: pdf\r\n",
        "X-Download-Disposition: attachment; filename=x\r\n",
    ] {
        let authorizer = Origin::start(move |_| pass(lines));
        let site = site(
            Proxy::Nginx,
            &format!("http://{}/", authorizer.address()),
            "",
        );
        site.write("media/a.txt", "a secret");
        let answer = site.start_gateway().get("/private/a.txt");
        assert_eq!(answer.status, 502, "{lines}: {}", answer.head());
        assert_nothing_handed_over(lines, &answer);
    }
}

/// Whoever may not have a file must not learn whether it is there.
#[test]
fn a_refusal_is_the_same_for_a_file_that_is_there_and_for_one_that_is_not() {
    let authorizer =
        Origin::start(|_| Answer::new("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"));
    let site = site(
        Proxy::Nginx,
        &format!("http://{}/", authorizer.address()),
        "",
    );
    site.write("media/a.txt", "a secret");
    let gateway = site.start_gateway();
    let without_date = |target: &str| {
        let answer = gateway.send(&Request::get(target).header("Range", "bytes=0-1"));
        let lines = answer.headers.into_iter();
        let lines = lines.filter(|(name, _)| !name.eq_ignore_ascii_case("date"));
        (answer.status, lines.collect::<Vec<_>>(), answer.body)
    };
    assert_eq!(
        without_date("/private/a.txt"),
        without_date("/private/none.txt")
    );
}
