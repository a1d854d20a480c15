//! Others on the way, secrets, and servers that are not who they are taken for.

use proxy_tests::{Proxy, Site, announced, announcement, configuration};

use crate::found::UNREAD;
use crate::found::{check, front, through};
use crate::stand::{Stand, another_nginx, another_nginx_with, changed, without};

#[test]
fn a_second_nginx_that_eats_the_header() {
    let site = Site::new(&configuration(Proxy::Nginx));
    site.give("media");
    let gateway = site.start_gateway();
    let second = another_nginx(&site, gateway.address(), "");
    let outer = site.start_proxy_amid(Proxy::Nginx, |printed| {
        changed(
            &printed,
            &format!("server {};", gateway.address()),
            &format!("server {};", second.address()),
        )
    });
    check(&site, &front(Proxy::Nginx, &outer))
        .assert_guilty("another_hop", &["takes the hand-off header"]);
}

#[test]
fn a_second_nginx_that_compresses() {
    let stand = Stand::new(Proxy::Nginx, |_, printed| printed);
    let gzip = "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;";
    let outer = another_nginx(&stand.site, stand.front.address(), gzip);
    check(&stand.site, &front(Proxy::Nginx, &outer))
        .assert_guilty("proxy_or_another_hop", &["compressed (gzip)", "gzip off;"]);
}

/// It asks the application for the first client only. What is public may be kept.
#[test]
fn a_second_nginx_that_keeps_what_is_for_one_client() {
    const CACHE: &str = "proxy_cache all; proxy_cache_valid 200 1h; proxy_set_header Host $http_host; \
        proxy_ignore_headers Cache-Control Expires Set-Cookie Vary; proxy_max_temp_file_size 0;";
    for proxy in [Proxy::Nginx, Proxy::Lighttpd] {
        let stand = Stand::new(proxy, |_, printed| printed);
        let above = "proxy_cache_path kept keys_zone=all:1m;";
        let outer = another_nginx_with(&stand.site, stand.front.address(), above, CACHE);
        let found = check(&stand.site, &front(proxy, &outer));
        let words = ["answered without asking", "no proxy_cache"];
        found.assert_guilty("proxy_or_another_hop", &words);
        let told = found.text();
        let is_told = |route: &str| told.contains(&format!("{route}: answers for one client"));
        assert!(is_told("/inline/{*path}"), "{proxy:?}: {told}");
        assert!(!is_told("/files/{*path}"), "{proxy:?}: {told}");
    }
}

/// As people write it: what a client does not read lies on its disk.
#[test]
fn a_second_nginx_before_the_proxy_that_keeps_whole_answers() {
    for proxy in [Proxy::Nginx, Proxy::Caddy] {
        let stand = Stand::new(proxy, |_, printed| printed);
        let outer = another_nginx(&stand.site, stand.front.address(), "");
        let found = check(&stand.site, &front(proxy, &outer));
        let words = ["another_hop", "proxy_max_temp_file_size 0;", "--proxy "];
        found.assert_noted("that the client did not read", &words);
        let lean = "proxy_max_temp_file_size 0;";
        let outer = another_nginx(&stand.site, stand.front.address(), lean);
        let found = check(&stand.site, &front(proxy, &outer));
        assert_eq!(found.right(UNREAD), 1, "{}", found.everything());
    }
}

/// It lets the hand-off pass, so that all arrives as it should.
#[test]
fn a_second_nginx_behind_the_proxy_that_keeps_whole_answers() {
    let site = Site::new(&configuration(Proxy::Nginx));
    site.give("media");
    let gateway = site.start_gateway();
    let pass = "proxy_ignore_headers X-Accel-Redirect; proxy_pass_header X-Accel-Redirect; \
                proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $http_host;";
    let upstream = format!("server {};", gateway.address());
    let inner = another_nginx(&site, gateway.address(), pass);
    let to_inner = format!("server {};", inner.address());
    let outer = site.start_proxy_amid(Proxy::Nginx, |printed| {
        changed(&printed, &upstream, &to_inner)
    });
    let found = check(&site, &front(Proxy::Nginx, &outer));
    assert!(
        found.noted("that the client did not read"),
        "{}",
        found.text()
    );
}

#[test]
fn a_proxy_whose_own_line_against_it_is_missing() {
    let stand = Stand::new(Proxy::Nginx, |_, printed| {
        without(&printed, "proxy_max_temp_file_size")
    });
    let words = ["proxy_max_temp_file_size 0;", "proxy-config nginx"];
    stand
        .check()
        .assert_noted("that the client did not read", &words);
    let stand = Stand::new(Proxy::Lighttpd, |_, printed| {
        without(&printed, "server.stream-response-body")
    });
    let words = ["server.stream-response-body = 2"];
    stand
        .check()
        .assert_noted("that the client did not read", &words);
}

#[test]
fn a_secret_that_is_not_the_same() {
    let stand = Stand::of(Proxy::Nginx, &announced(&[Proxy::Nginx]), |_, printed| {
        changed(
            &printed,
            &announcement(Proxy::Nginx),
            "nginx another-0123456789abcdef",
        )
    });
    let found = stand.check();
    found.assert_guilty("proxy", &["another name or secret", "X-Downloadview-Proxy"]);
    assert!(
        !found.text().contains("0123456789abcdef"),
        "{}",
        found.text()
    );
}

#[test]
fn a_proxy_that_does_not_announce_itself() {
    let stand = Stand::of(Proxy::Nginx, &announced(&[Proxy::Nginx]), |_, printed| {
        without(&printed, "proxy_set_header X-Downloadview-Proxy")
    });
    stand.check().assert_guilty(
        "proxy",
        &[
            "does not announce itself",
            "proxy_set_header X-Downloadview-Proxy",
        ],
    );
}

#[test]
fn a_proxy_before_another_gateway() {
    let site = Site::new(&configuration(Proxy::Nginx));
    site.give("media");
    let _gateway = site.start_gateway();
    let other = Site::new(&configuration(Proxy::Nginx));
    let _other = other.start_gateway();
    let front_of_other = other.start_proxy(Proxy::Nginx);
    let found = check(&site, &front(Proxy::Nginx, &front_of_other));
    found.assert_guilty(
        "proxy",
        &[
            "this gateway was not asked",
            &format!("server {}", site.app()),
        ],
    );
}

#[test]
fn a_proxy_that_does_not_run() {
    let site = Site::new(&configuration(Proxy::Nginx));
    site.give("media");
    let _gateway = site.start_gateway();
    let found = check(&site, &through("nginx", site.free_address()));
    found.assert_guilty("proxy", &["cannot connect", "start nginx"]);
}
