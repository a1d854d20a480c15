//! Apache, lighttpd and Caddy with one thing wrong in their configuration, or in what it is told of their version.

use proxy_tests::{Proxy, Site, configuration};

use crate::found::{VIEWS, check, through};
use crate::stand::{Stand, changed, folder, without};

#[test]
fn apache_with_the_module_switched_off() {
    let stand = Stand::new(Proxy::Apache, |_, printed| {
        changed(&printed, "XSendFile On", "XSendFile Off")
    });
    stand
        .check()
        .assert_guilty("proxy", &["the client sees X-Sendfile", "XSendFile On"]);
}

#[test]
fn lighttpd_with_x_sendfile_disabled() {
    let stand = Stand::new(Proxy::Lighttpd, |_, printed| {
        changed(
            &printed,
            "\"x-sendfile\" => \"enable\"",
            "\"x-sendfile\" => \"disable\"",
        )
    });
    stand.check().assert_guilty(
        "proxy",
        &["an empty file", "\\\"x-sendfile\\\" => \\\"enable\\\""],
    );
}

#[test]
fn apache_and_lighttpd_with_another_folder() {
    for (proxy, status, line) in [
        (Proxy::Apache, "404", "XSendFilePath"),
        (Proxy::Lighttpd, "403", "x-sendfile-docroot"),
    ] {
        let stand = Stand::new(proxy, |site, printed| {
            let (media, outside) = (folder(site, "media"), folder(site, "outside"));
            changed(&printed, &media, &outside)
        });
        stand.check().assert_guilty("proxy", &[status, line]);
    }
}

/// Caddy 2.6 does not decode, 2.7 does: the wrong word serves another file without a word.
#[test]
fn caddy_told_of_another_version() {
    for (proxy, right, wrong) in [
        (Proxy::Caddy, "raw", "strict"),
        (Proxy::NewestCaddy, "strict", "raw"),
    ] {
        let right = format!("escaping = \"{right}\"");
        let wrong = format!("escaping = \"{wrong}\"");
        let configuration = changed(&configuration(proxy), &right, &wrong);
        let stand = Stand::of(proxy, &configuration, |_, printed| printed);
        stand
            .check()
            .assert_guilty("rule", &["reads names in another way", "escaping = "]);
    }
}

/// mod_xsendfile 0.12 refuses the line that `strict` prints; without it, it serves other files.
#[test]
fn apache_told_of_another_module() {
    let configuration = changed(&configuration(Proxy::Apache), "\"raw\"", "\"strict\"");
    let stand = Stand::of(Proxy::Apache, &configuration, |_, printed| {
        without(&printed, "XSendFileUnescape On")
    });
    stand.check().assert_guilty(
        "rule",
        &["reads names in another way", "mod_xsendfile 0.12"],
    );
}

#[test]
fn caddy_without_the_name_for_the_client() {
    let stand = Stand::new(Proxy::Caddy, |_, printed| {
        changed(
            &printed,
            "include Content-Type Content-Disposition",
            "include Content-Type",
        )
    });
    stand.check().assert_guilty(
        "proxy",
        &[
            "`content-disposition`",
            "include Content-Type Content-Disposition",
        ],
    );
}

#[test]
fn caddy_told_of_another_version_and_without_the_name_for_the_client() {
    let right = configuration(Proxy::Caddy);
    let configuration = changed(&right, "escaping = \"raw\"", "escaping = \"strict\"");
    let stand = Stand::of(Proxy::Caddy, &configuration, |_, printed| {
        let (named, unnamed) = (
            "include Content-Type Content-Disposition",
            "include Content-Type",
        );
        changed(&printed, named, unnamed)
    });
    let found = stand.check();
    let lost = found.blames("proxy", "`content-disposition`");
    let misread = found.blames("rule", "reads names in another way");
    assert!(lost && misread, "{}", found.text());
    assert_eq!(found.wrong(), 2 * VIEWS, "{}", found.text());
}

#[test]
fn caddy_with_another_folder() {
    let stand = Stand::new(Proxy::Caddy, |site, printed| {
        changed(
            &printed,
            &format!("root * {}", folder(site, "media")),
            &format!("root * {}", folder(site, "outside")),
        )
    });
    stand.check().assert_guilty("proxy", &["404", "root * "]);
}

/// The application hands over as nginx wants it, and Apache is in front.
#[test]
fn the_application_behind_another_proxy() {
    let site = Site::new(&configuration(Proxy::Nginx));
    site.give("media");
    let _gateway = site.start_gateway();
    let other = Site::before(&site, &configuration(Proxy::Apache));
    let apache = other.start_proxy(Proxy::Apache);
    let found = check(&site, &through("nginx", apache.address()));
    found.assert_guilty(
        "proxy",
        &[
            "does not send what the gateway hands over",
            "answered by Apache",
        ],
    );
}
