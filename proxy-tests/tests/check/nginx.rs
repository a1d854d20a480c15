//! nginx with one thing wrong in its configuration.

use proxy_tests::{Proxy, configuration};

use crate::found::VIEWS;
use crate::stand::{Stand, changed, folder, without};

fn nginx(change: impl FnOnce(String) -> String) -> Stand {
    Stand::new(Proxy::Nginx, |_, printed| change(printed))
}

#[test]
fn an_alias_without_its_slash() {
    let stand = Stand::new(Proxy::Nginx, |site, printed| {
        let media = folder(site, "media");
        changed(
            &printed,
            &format!("alias {media}/;"),
            &format!("alias {media};"),
        )
    });
    let alias = format!("alias {}/;", folder(&stand.site, "media"));
    stand
        .check()
        .assert_guilty("proxy", &["404", "location ^~", &alias]);
}

#[test]
fn a_location_that_is_not_internal() {
    let stand = nginx(|printed| {
        let lines = printed.lines().filter(|line| line.trim() != "internal;");
        lines.collect::<Vec<_>>().join("\n")
    });
    stand
        .check()
        .assert_guilty("proxy", &["open to anybody", "internal;"]);
}

#[test]
fn a_location_with_another_folder() {
    let stand = Stand::new(Proxy::Nginx, |site, printed| {
        let (media, outside) = (folder(site, "media"), folder(site, "outside"));
        changed(&printed, &media, &outside)
    });
    stand.check().assert_guilty("proxy", &["404", "alias"]);
}

#[test]
fn a_location_with_another_prefix() {
    let stand = nginx(|printed| changed(&printed, "/_internal/media", "/_internal/other"));
    stand.check().assert_guilty(
        "proxy",
        &["has no such location", "location ^~ /_internal/media/"],
    );
}

/// A container, or another machine: a file of that name is there, and it is not the same.
#[test]
fn a_folder_of_the_same_names_with_other_files() {
    let stand = Stand::new(Proxy::Nginx, |site, printed| {
        site.write("media/report.txt", "the storage's own report");
        site.write("outside/report.txt", "the report of somebody else");
        let (media, outside) = (folder(site, "media"), folder(site, "outside"));
        changed(&printed, &media, &outside)
    });
    let mut arguments = crate::found::front(Proxy::Nginx, &stand.front);
    let file = "--file=/files/{*path}=/files/report.txt".to_owned();
    arguments.push(file);
    let found = crate::found::check(&stand.site, &arguments);
    found.assert_guilty("proxy", &["other bytes", "container"]);
}

#[test]
fn buffers_without_room_for_a_long_name() {
    let stand = nginx(|printed| {
        let small = changed(&printed, "proxy_buffer_size 16k", "proxy_buffer_size 2k");
        changed(&small, "proxy_buffers 8 16k", "proxy_buffers 8 2k")
    });
    stand
        .check()
        .assert_guilty("proxy", &["502", "long name", "proxy_buffer_size 16k;"]);
}

#[test]
fn connections_that_are_not_kept() {
    let stand = nginx(|printed| without(&without(&printed, "keepalive 32"), "keepalive_timeout"));
    stand
        .check()
        .assert_guilty("proxy", &["opened anew", "keepalive 32;"]);
}

#[test]
fn a_header_that_is_not_carried_over() {
    let configuration = configuration(Proxy::Nginx);
    let configuration =
        format!("{configuration}\n[headers]\nContent-Security-Policy = \"sandbox\"\n");
    let stand = Stand::of(Proxy::Nginx, &configuration, |_, printed| {
        without(&printed, "add_header Content-Security-Policy")
    });
    stand.check().assert_guilty(
        "proxy",
        &[
            "`content-security-policy`",
            "add_header Content-Security-Policy",
        ],
    );
}

#[test]
fn a_second_content_disposition() {
    let stand = nginx(|printed| {
        changed(
            &printed,
            "etag on;",
            "etag on;\n    add_header Content-Disposition attachment;",
        )
    });
    stand
        .check()
        .assert_guilty("proxy", &["`content-disposition` arrived twice"]);
}

#[test]
fn ranges_switched_off() {
    let stand = nginx(|printed| changed(&printed, "etag on;", "etag on;\n    max_ranges 0;"));
    stand.check().assert_guilty("proxy", &["range", "200 OK"]);
}

#[test]
fn conditions_switched_off() {
    let stand = nginx(|printed| {
        let never = changed(
            &printed,
            "if_modified_since before;",
            "if_modified_since off;",
        );
        changed(&never, "etag on;", "etag off;")
    });
    let words = ["304", "if_modified_since before;", "etag on;"];
    stand.check().assert_guilty("proxy", &words);
}

/// What is wrong with one thing does not hide another.
#[test]
fn several_mistakes_at_once() {
    let headers = "[headers]\nContent-Security-Policy = \"sandbox\"\nContent-Language = \"en\"\n";
    let configuration = format!("{}\n{headers}", configuration(Proxy::Nginx));
    let stand = Stand::of(Proxy::Nginx, &configuration, |_, printed| {
        let kept = without(&printed, "add_header Content-Security-Policy");
        let kept = without(&kept, "add_header Content-Language");
        let kept = without(&without(&kept, "keepalive 32"), "keepalive_timeout");
        changed(&kept, "etag on;", "etag on;\n    max_ranges 0;")
    });
    let found = stand.check();
    for words in [
        "`content-security-policy`",
        "`content-language`",
        "opened anew",
        "bytes 2 to 5",
    ] {
        assert!(found.blames("proxy", words), "{words}: {}", found.text());
    }
    assert_eq!(found.wrong(), 4 * VIEWS, "{}", found.text());
}

#[test]
fn a_file_that_does_not_arrive_and_connections_that_are_not_kept() {
    let stand = Stand::new(Proxy::Nginx, |site, printed| {
        let (media, outside) = (folder(site, "media"), folder(site, "outside"));
        let moved = changed(&printed, &media, &outside);
        without(&without(&moved, "keepalive 32"), "keepalive_timeout")
    });
    let found = stand.check();
    for words in ["404", "opened anew"] {
        assert!(found.blames("proxy", words), "{words}: {}", found.text());
    }
    assert_eq!(found.wrong(), 2 * VIEWS, "{}", found.text());
}

/// The gateway runs by another file, and what it hands over is known all the same.
#[test]
fn an_older_file_and_a_location_that_is_not_internal() {
    let stand = nginx(|printed| {
        let lines = printed.lines().filter(|line| line.trim() != "internal;");
        lines.collect::<Vec<_>>().join("\n")
    });
    let anew = changed(&configuration(Proxy::Nginx), "max-age=60", "max-age=61");
    stand.site.configure(&anew);
    let found = stand.check();
    let older = found.blames("application", "does not know this file");
    let open = found.blames("proxy", "open to anybody");
    assert!(older && open, "{}", found.text());
}

#[test]
fn head_refused() {
    let stand = nginx(|printed| {
        let refuse = "location / {\n if ($request_method = HEAD) { return 405; }\n";
        changed(&printed, "location / {\n", refuse)
    });
    stand.check().assert_guilty("proxy", &["HEAD", "405"]);
}
