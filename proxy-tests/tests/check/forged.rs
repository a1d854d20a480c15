//! A proxy whose word on the client is believed, and that lets clients say it.

use proxy_tests::{Proxy, announced, configuration};

use crate::stand::{Stand, changed, without};

const WHAT: &str = "a client that lies about itself";

/// Its word counts because of where it is.
fn trusted(proxy: Proxy) -> String {
    let one = one_view(&configuration(proxy));
    format!("trusted_proxies = [\"127.0.0.1\"]\n{one}")
}

/// Its word counts because of what it knows.
fn proven(proxy: Proxy) -> String {
    one_view(&announced(&[proxy]))
}

/// The others would only repeat what the first one shows.
fn one_view(configuration: &str) -> String {
    let mut parts = configuration.splitn(3, "[[views]]");
    let (head, first) = (parts.next(), parts.next());
    format!(
        "{}[[views]]{}",
        head.expect("it has a head"),
        first.expect("it has a view")
    )
}

#[test]
fn a_proxy_as_it_is_printed_lets_no_client_lie() {
    for proxy in Proxy::ALL {
        for configuration in [trusted(proxy), proven(proxy)] {
            let stand = Stand::of(proxy, &configuration, |_, printed| printed);
            let found = stand.check_as(match configuration.contains("trusted_proxies") {
                true => proxy.backend().name(),
                false => proxy.name(),
            });
            found.assert_right(proxy.name());
            assert_eq!(found.right(WHAT), 1, "{proxy:?}: {}", found.everything());
        }
    }
}

/// Nothing can be forged there, but every client looks like the proxy.
#[test]
fn a_proxy_that_is_not_believed_or_says_nothing_is_told() {
    let elsewhere = trusted(Proxy::Nginx).replace("[\"127.0.0.1\"]", "[\"192.0.2.1\"]");
    let stand = Stand::of(Proxy::Nginx, &elsewhere, |_, printed| {
        changed(
            &printed,
            "X-Forwarded-For $remote_addr",
            "X-Forwarded-For 192.0.2.7",
        )
    });
    let words = ["put the address that nginx asks the gateway from into `trusted_proxies`"];
    stand
        .check()
        .assert_noted("does not believe what nginx says", &words);
    let stand = Stand::of(Proxy::Nginx, &trusted(Proxy::Nginx), |_, printed| {
        changed(
            &printed,
            "X-Forwarded-For $remote_addr",
            "X-Forwarded-For ''",
        )
    });
    let words = ["proxy_set_header X-Forwarded-For $remote_addr;"];
    stand
        .check()
        .assert_noted("nginx does not say who that is", &words);
}

/// Where nobody is believed, nothing can be forged.
#[test]
fn nobody_is_asked_where_nobody_is_believed() {
    let stand = Stand::new(Proxy::Nginx, |_, printed| printed);
    let found = stand.check();
    assert!(!found.everything().contains(WHAT), "{}", found.everything());
}

#[test]
fn a_proxy_that_passes_on_what_clients_say_of_themselves() {
    for (proxy, line) in [
        (Proxy::Nginx, "proxy_set_header X-Forwarded-For"),
        (Proxy::Apache, "RequestHeader set X-Forwarded-For"),
    ] {
        for configuration in [trusted(proxy), proven(proxy)] {
            let stand = Stand::of(proxy, &configuration, |_, printed| without(&printed, line));
            let words = ["the client's own X-Forwarded-For, which", line];
            let found = stand.check();
            found.assert_guilty("proxy", &words);
            let change = found.change(WHAT);
            assert!(!change.contains("X-Forwarded-Host"), "{change}");
        }
    }
}

#[test]
fn a_proxy_that_passes_on_host_and_scheme() {
    let stand = Stand::of(Proxy::Nginx, &trusted(Proxy::Nginx), |_, printed| {
        let host = without(&printed, "proxy_set_header X-Forwarded-Host");
        without(&host, "proxy_set_header X-Forwarded-Proto")
    });
    let words = [
        "own X-Forwarded-Host, X-Forwarded-Proto, which",
        "proxy_set_header X-Forwarded-Host $http_host;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
    ];
    stand.check().assert_guilty("proxy", &words);
}

#[test]
fn a_caddy_that_trusts_its_clients() {
    let stand = Stand::of(Proxy::Caddy, &trusted(Proxy::Caddy), |_, printed| {
        let start = "\ttransport http {";
        changed(
            &printed,
            start,
            &format!("\ttrusted_proxies 127.0.0.0/8\n{start}"),
        )
    });
    let words = ["X-Forwarded-Host", "take out its `trusted_proxies`"];
    stand.check().assert_guilty("proxy", &words);
}

/// The list is right for clients who are not themselves proxies.
#[test]
fn a_proxy_that_adds_to_the_list_is_not_wrong() {
    let stand = Stand::of(Proxy::Nginx, &trusted(Proxy::Nginx), |_, printed| {
        let (own, list) = (
            "X-Forwarded-For $remote_addr",
            "X-Forwarded-For $proxy_add_x_forwarded_for",
        );
        changed(&printed, own, list)
    });
    stand
        .check()
        .assert_noted("this machine is one of `trusted_proxies`", &["nginx adds"]);
}
