//! Right set-ups, of which nothing is wrong.

use proxy_tests::{Proxy, Site, announced, configuration};

use crate::found::{UNREAD, check, front, through};

/// All of them at once, and the gateway alone.
#[test]
fn nothing_is_wrong_with_announced_proxies_as_they_are_printed() {
    let site = Site::new(&announced(&Proxy::ALL));
    site.give("media");
    let _gateway = site.start_gateway();
    let fronts: Vec<_> = Proxy::ALL
        .map(|proxy| (proxy, site.start_proxy(proxy)))
        .into();
    let arguments: Vec<_> = fronts
        .iter()
        .flat_map(|(proxy, server)| through(proxy.name(), server.address()))
        .collect();
    let found = check(&site, &arguments);
    found.assert_right("six proxies");
    assert_eq!(found.right("internal location"), 4 * 3, "{}", found.text());
    assert_eq!(found.right("connections to"), 5 * 3, "{}", found.text());
}

#[test]
fn nothing_is_wrong_with_a_single_proxy_as_it_is_printed() {
    for proxy in Proxy::ALL {
        let site = Site::new(&configuration(proxy));
        site.give("media");
        let _gateway = site.start_gateway();
        let server = site.start_proxy(proxy);
        let found = check(&site, &front(proxy, &server));
        found.assert_right(proxy.name());
        for what in [
            "plain name",
            "escapings",
            "? and #",
            "long name",
            "HEAD",
            "range",
            "304",
            UNREAD,
        ] {
            assert!(found.right(what) > 0, "{proxy:?} {what}: {}", found.text());
        }
        let left = std::fs::read_dir(site.path("media"))
            .expect("a folder")
            .count();
        assert_eq!(left, 0, "{proxy:?}: nothing that was placed is left");
    }
}
