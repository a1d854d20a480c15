//! On machines with less than everything.

use proxy_tests::{Demo, Site};

use crate::ALL;

/// The user of the tests' servers is an ordinary one, also where the tests are root's.
#[test]
fn an_ordinary_user_sees_every_cell_verified() {
    let site = Site::new("");
    let demo = Demo::start(&site, ALL);
    let cells = demo.cells();
    assert_eq!(demo.ways().len(), 5, "{}", demo.output());
    let failed: Vec<_> = cells.iter().filter(|it| it["verified"] != true).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Hides the folders of daemons from everybody started in it. Two namespaces, so that the user is an ordinary one again.
const WITHOUT_DAEMONS: &str = "mkdir -p \"$TMPDIR/empty\" && \
    exec unshare --map-root-user --mount /bin/sh -c '\
    for folder in /usr/sbin /usr/local/sbin; do mount --bind \"$TMPDIR/empty\" $folder || exit; done; \
    PATH=\"$TMPDIR/empty\" exec /usr/bin/unshare --user --map-user=65534 --map-group=65534 \"$@\"' sh \"$@\"";

#[test]
fn without_any_proxy_installed_everything_is_streamed_and_the_page_says_so() {
    let site = Site::new("");
    let demo = Demo::start_through(&site, WITHOUT_DAEMONS, "auto");
    let page = demo.page();
    for text in [
        demo.output(),
        page.replace("&#x2f;", "/").replace("&#x27;", "'"),
    ] {
        for told in [
            "No proxy runs here: the application streams every file itself",
            "sudo apt-get install nginx apache2-bin libapache2-mod-xsendfile lighttpd caddy",
            "Debian's packages of nginx, lighttpd, caddy start servers on port 80",
            "exit 101",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
    }
    for cell in demo.cells() {
        assert_eq!(cell["proxy"], "none", "{cell}");
        assert_eq!(cell["verified"], true, "{cell}");
        let outcome = cell["outcome"].as_str().expect("a text");
        let of_store = cell["url"].as_str().is_some_and(|url| url.contains("/s3/"));
        assert_eq!(outcome == "redirected", of_store, "{cell}");
        assert!(["streamed", "redirected"].contains(&outcome), "{cell}");
    }
}
