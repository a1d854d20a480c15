//! Copies that the gateway makes for the proxy.

use proxy_tests::{Proxy, Site};

use crate::found::{check, front};

/// The site has copies for its only view.
fn site(proxy: Proxy) -> Site {
    site_with(proxy, "")
}

/// The same, with more lines in its view.
fn site_with(proxy: Proxy, lines: &str) -> Site {
    let site = Site::new("");
    site.make_own_folder("spool");
    site.configure(&format!(
        "listen = \"@LISTEN@\"\n[optimize]\nbackend = \"{}\"\n[spool]\ndir = \"spool\"\n\
         [[views]]\nroute = \"/text\"\nkind = \"virtual\"\ntext = \"made for the occasion\"\nbasename = \"a.txt\"\n{lines}",
        proxy.backend().name()
    ));
    site
}

#[test]
fn nothing_is_wrong_with_copies_that_the_proxy_may_read() {
    for proxy in Proxy::ALL {
        let site = site(proxy);
        let _gateway = site.start_gateway();
        let server = site.start_proxy(proxy);
        let found = check(&site, &front(proxy, &server));
        found.assert_right(proxy.name());
        let sent = format!(
            "{} sent the file, the application no byte",
            proxy.backend().name()
        );
        assert!(found.everything().contains(&sent), "{}", found.everything());
    }
}

/// Until the copy is there, the answer is 202: that is no mistake.
#[test]
fn nothing_is_wrong_with_a_file_that_is_prepared_first() {
    for proxy in [Proxy::Nginx, Proxy::Lighttpd] {
        let site = site_with(proxy, "prepare = true\n");
        let _gateway = site.start_gateway();
        let server = site.start_proxy(proxy);
        let found = check(&site, &front(proxy, &server));
        found.assert_right(proxy.name());
        let sent = format!("{} sent the file", proxy.name());
        assert!(found.everything().contains(&sent), "{}", found.everything());
    }
}

/// For whoever is started in it, nobody may pass the folder of the copies: as if the proxy were another user. The first
/// namespace may mount, in the second the user is an ordinary one again.
const SHUT: &str = "exec unshare --map-root-user --mount sh -c '\
    mount -t tmpfs -o mode=0 none \"$SITE/spool\" && exec unshare --user --map-user=65534 --map-group=65534 \"$@\"' sh \"$@\"";

#[test]
fn copies_that_the_proxy_may_not_read() {
    for proxy in [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy] {
        let site = site(proxy);
        let _gateway = site.start_gateway();
        let address = site.free_address();
        let printed = site.printed(proxy, address);
        let server = site.start_proxy_through(SHUT, proxy, &printed, address);
        let found = check(&site, &front(proxy, &server));
        let folder = site.path("spool").display().to_string();
        found.assert_guilty(
            "permissions",
            &[
                "not everybody may pass the folder",
                &folder,
                "mode 0750",
                "mode 0440",
                "usermod -aG ",
            ],
        );
        let change = found.change("plain name");
        assert!(!change.contains("chmod o+r"), "{change}");
    }
}
