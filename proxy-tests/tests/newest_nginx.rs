//! The suite against the newest nginx, and what it cannot be told.

use proxy_tests::{Proxy, Site, configuration};

#[macro_use]
mod suite;

suite!(NewestNginx);

/// It is built without `gzip_static`. That it starts, the whole suite shows.
#[test]
fn a_directive_that_only_another_build_knows_is_left_out_with_the_reason() {
    const REASON: &str =
        "# Left out, since this nginx is built without http_gzip_static_module: gzip_static off;\n";
    let site = Site::new(&configuration(Proxy::NewestNginx));
    let _front = site.start_proxy_amid(Proxy::NewestNginx, |printed| {
        assert!(printed.contains(REASON), "{printed}");
        printed
    });
    let _other = site.start_proxy_amid(Proxy::Nginx, |printed| {
        assert!(
            printed.contains("\n            gzip_static off;\n"),
            "{printed}"
        );
        assert!(!printed.contains("Left out"), "{printed}");
        printed
    });
}

#[test]
#[should_panic(expected = "unknown directive \"gzip_static\"")]
fn with_that_directive_it_does_not_start() {
    let site = Site::new(&configuration(Proxy::NewestNginx));
    let _front = site.start_proxy_amid(Proxy::NewestNginx, |printed| {
        let (left, right) = printed.split_once("# Left out").expect("a line");
        let (_, right) = right.split_once("module: ").expect("a reason");
        format!("{left}{right}")
    });
}
