//! nginx with a line too many, which `proxy-config` does not print: the finding says what to look for.

use proxy_tests::{Proxy, configuration};

use crate::found::Found;
use crate::stand::{Stand, changed};

/// What is found of an nginx as it is printed, but for `to` in the place of `from`.
#[track_caller]
fn nginx(from: &str, to: &str) -> Found {
    Stand::new(Proxy::Nginx, |_, printed| changed(&printed, from, to)).check()
}

/// In each location that passes on to the gateway.
const PASS: &str = "proxy_pass http://downloadview;";
/// In each internal location.
const INTERNAL: &str = "etag on;";

#[test]
fn a_header_that_nginx_states_a_second_time_with_another_value() {
    for (header, line) in [
        (
            "cache-control",
            "add_header Cache-Control \"public, max-age=3600\";",
        ),
        (
            "content-security-policy",
            "add_header Content-Security-Policy \"default-src *\";",
        ),
        (
            "x-content-type-options",
            "add_header X-Content-Type-Options off;",
        ),
        ("content-type", "add_header Content-Type text/html;"),
    ] {
        let policy = "\n[headers]\nContent-Security-Policy = \"sandbox\"\n";
        let stand = Stand::of(
            Proxy::Nginx,
            &(configuration(Proxy::Nginx) + policy),
            |_, printed| changed(&printed, INTERNAL, &format!("{INTERNAL}\n    {line}")),
        );
        let found = stand.check();
        let twice = format!("`{header}` arrived twice");
        let look = format!("look for a line like `add_header {header} …;`");
        found.assert_guilty("proxy", &[&twice, &look, "take it out"]);
    }
}

#[test]
fn a_header_that_nginx_repeats_says_nothing_new() {
    let line = "add_header X-Content-Type-Options nosniff;";
    let found = nginx(INTERNAL, &format!("{INTERNAL}\n    {line}"));
    found.assert_right(line);
}

#[test]
fn freshness_of_its_own() {
    let found = nginx("expires off;", "expires 30d;");
    let words = ["`cache-control`", "expires off;", "or `expires …;`"];
    found.assert_guilty("proxy", &words);
}

#[test]
fn a_path_behind_proxy_pass() {
    let inner = "location /files/ { proxy_pass http://downloadview/; }\n    location / {";
    let found = nginx("location / {", inner);
    let asked = [
        "asked for GET /downloadview-check",
        "not GET /files/",
        "take the path off proxy_pass",
    ];
    found.assert_guilty("proxy", &asked);
}

#[test]
fn another_method() {
    let found = nginx(PASS, &format!("{PASS}\n        proxy_method POST;"));
    let asked = ["asked for POST /", "not GET /", "`proxy_method …;`"];
    found.assert_guilty("proxy", &asked);
}

#[test]
fn a_hand_off_that_is_ignored() {
    let line = "proxy_ignore_headers X-Accel-Redirect;";
    let found = nginx(PASS, &format!("{PASS}\n        {line}"));
    found.assert_guilty("proxy", &["an empty file", "look for", line]);
    assert!(!found.text().contains("alias"), "{}", found.text());
}

#[test]
fn somebody_who_answers_before_the_gateway() {
    for (line, words) in [
        (
            "return 301 https://files.example$request_uri;",
            "to https://files.example/files/",
        ),
        ("return 301 /elsewhere?secret=1;", "`return 301 …;`"),
        ("return 401;", "asks for a password"),
        ("deny all;", "`deny …;`"),
        ("return 404;", "another location or server"),
    ] {
        let found = nginx(PASS, &format!("{line} {PASS}"));
        found.assert_guilty("proxy", &["gateway was not asked", words]);
        assert!(!found.text().contains("secret=1"), "{}", found.text());
        let is_shown = found.text().contains("server 127.0.0.1");
        assert_eq!(is_shown, line == "return 404;", "{}", found.text());
    }
}

#[test]
fn a_file_that_is_denied() {
    let found = nginx(INTERNAL, &format!("{INTERNAL}\n    deny all;"));
    found.assert_guilty(
        "proxy",
        &["403", "may not send", "`deny all;`", "error_log"],
    );
    assert!(!found.text().contains("does not find"), "{}", found.text());
}

#[test]
fn ranges_that_are_switched_off() {
    let found = nginx(INTERNAL, &format!("{INTERNAL}\n    max_ranges 0;"));
    found.assert_guilty("proxy", &["range", "`max_ranges 0;`"]);
    assert!(
        !found.text().contains("if_modified_since"),
        "{}",
        found.text()
    );
}

#[test]
fn a_connection_that_is_closed_without_an_answer() {
    let found = nginx(PASS, &format!("return 444; {PASS}"));
    found.assert_guilty("proxy", &["nginx runs, and breaks off", "error_log"]);
    assert!(!found.text().contains("start nginx"), "{}", found.text());
}
