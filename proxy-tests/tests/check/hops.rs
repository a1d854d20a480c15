//! Others on the way, secrets, and servers that are not who they are taken for.

use proxy_tests::{Proxy, Site, announced, announcement, configuration};

use crate::found::{check, front, through};
use crate::stand::{Stand, another_nginx, changed, without};

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
        .assert_guilty("another_hop", &["compressed (gzip)", "gzip off;"]);
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
