//! What is not a download, and what no request reaches.

use std::os::unix::ffi::OsStrExt;

use proxy_tests::{Backend, Proxy, Request, Response, Site, World, configuration, strict};

pub(crate) fn what_is_no_readable_file_of_the_storage_is_404_without_a_trace_of_the_download(
    proxy: Proxy,
) {
    let world = World::new(proxy);
    let site = &world.site;
    site.write("outside/secret.txt", "secret");
    site.make_folder("media/folder");
    site.make_fifo("media/fifo");
    site.make_link("media/link.txt", "../outside/secret.txt");
    site.make_link("media/absolute.txt", site.path("outside/secret.txt"));
    site.make_link("media/linked", "../outside");
    site.make_link("media/loop", "loop");
    site.write("media/unreadable.txt", "unreadable");
    site.make_unreadable("media/unreadable.txt");
    let too_long = "n".repeat(256);

    for (what, name) in [
        ("a missing file", "missing.txt"),
        ("a file below a file", "plain.txt/below"),
        ("a folder", "folder"),
        ("a folder by its slash", "folder/"),
        // One that is opened for reading never answers, and the client gives up with an error.
        ("a FIFO", "fifo"),
        ("an unreadable file", "unreadable.txt"),
        ("a link out of the root", "link.txt"),
        ("an absolute link out of the root", "absolute.txt"),
        ("a file behind a link out of the root", "linked/secret.txt"),
        ("a link to itself", "loop"),
        ("a name that no file can have", &too_long),
    ] {
        let answer = world.front.get(&format!("/files/{name}"));
        assert_is_bare_404(what, &answer);
    }
}

#[track_caller]
fn assert_is_bare_404(what: &str, answer: &Response) {
    assert_eq!(answer.status, 404, "{what}: {}", answer.head());
    for name in [
        "Location",
        "Content-Disposition",
        "X-Accel-Redirect",
        "X-Sendfile",
    ] {
        assert!(!answer.has(name), "{what}: {}", answer.head());
    }
    let cached = answer.all("Cache-Control").concat().contains("public");
    assert!(!cached, "{what}: {}", answer.head());
    assert_shows_nothing_internal(what, answer);
}

#[track_caller]
fn assert_shows_nothing_internal(what: &str, answer: &Response) {
    let text = format!("{}\n{}", answer.head(), answer.text());
    for word in ["_internal", "/media", "secret"] {
        assert!(!text.contains(word), "{what}: {text}");
    }
}

pub(crate) fn a_link_inside_the_storage_is_the_file_under_the_links_name(proxy: Proxy) {
    let world = World::new(proxy);
    world.site.make_link("media/link.txt", "plain.txt");
    let answer = world.front.get("/files/link.txt");
    assert_eq!(answer.status, 200, "{}", answer.head());
    assert_eq!(answer.text(), World::PLAIN);
    let disposition = answer.header("Content-Disposition");
    assert_eq!(disposition, "attachment; filename=\"link.txt\"");
}

pub(crate) fn no_target_climbs_out_of_the_storage(proxy: Proxy) {
    let world = World::new(proxy);
    world.site.write("outside/secret.txt", "secret");
    for target in [
        "/files/../outside/secret.txt",
        "/files/%2e%2e/outside/secret.txt",
        "/files/..%2foutside%2fsecret.txt",
        "/files/%252e%252e/outside/secret.txt",
        "/files/sub/%2e%2e/%2e%2e/outside/secret.txt",
        "/files//outside/secret.txt",
        "/files/plain.txt%00.html",
    ] {
        for server in [&world.front, &world.gateway] {
            let answer = server.get(target);
            let refused = matches!(answer.status, 400 | 404);
            assert!(refused, "{target}: {}", answer.head());
            assert_shows_nothing_internal(target, &answer);
        }
    }
}

pub(crate) fn the_files_have_no_address_of_their_own(proxy: Proxy) {
    let world = World::new(proxy);
    world.site.write("outside/secret.txt", "secret");
    let path = world.site.path("media/plain.txt");
    let path = strict(path.as_os_str().as_bytes());
    for target in [
        "/_internal/media/plain.txt",
        "/_internal/media/",
        "/_internal/media",
        "/_internal/media../outside/secret.txt",
        "/_internal/media/%2e%2e/outside/secret.txt",
        "/plain.txt",
        "/media/plain.txt",
        &path,
    ] {
        let answer = world.front.get(target);
        assert_eq!(answer.status, 404, "{target}: {}", answer.head());
    }
}

pub(crate) fn other_methods_are_405(proxy: Proxy) {
    let world = World::new(proxy);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let request = Request::new(method, "/files/plain.txt").header("Content-Length", "0");
        let answer = world.front.send(&request);
        assert_eq!(answer.status, 405, "{method}: {}", answer.head());
        let allowed: Vec<_> = answer.header("Allow").split(',').map(str::trim).collect();
        assert_eq!(allowed, ["GET", "HEAD"], "{method}");
        assert!(!answer.text().contains("plain content"));
    }
}

/// Between the gateway's look and the proxy's own, a file may have become anything.
pub(crate) fn a_hand_off_of_what_is_no_file_shows_nothing_internal(proxy: Proxy) {
    for name in [
        "missing.txt",
        "folder",
        "folder/",
        "plain.txt/",
        "unreadable.txt",
    ] {
        let site = Site::new(&configuration(proxy));
        site.write("media/plain.txt", World::PLAIN);
        site.make_folder("media/folder");
        site.write("media/folder/index.html", "an index");
        site.write("media/unreadable.txt", "unreadable");
        site.make_unreadable("media/unreadable.txt");
        let answer = answer_to_hand_off(&site, proxy, name);
        if name == "plain.txt/" && proxy.ignores_a_slash_at_the_end() {
            assert_eq!((answer.status, &*answer.text()), (200, World::PLAIN));
            continue;
        }
        let refused = matches!(answer.status, 403 | 404);
        assert!(refused, "{name}: {}", answer.head());
        assert!(!answer.has("Location"), "{name}: {}", answer.head());
        assert_shows_nothing_internal(name, &answer);
    }
}

/// A second net: the gateway states no such name.
pub(crate) fn a_hand_off_out_of_the_storage_is_refused(proxy: Proxy) {
    let site = Site::new(&configuration(proxy));
    site.write("outside/secret.txt", "secret");
    site.write("media-sibling/secret.txt", "secret");
    site.make_link("media/link.txt", "../outside/secret.txt");
    let mut names = vec!["../outside/secret.txt", "../media-sibling/secret.txt"];
    // mod_xsendfile and Caddy follow links, and have no switch.
    if matches!(proxy.backend(), Backend::Nginx | Backend::Lighttpd) {
        names.push("link.txt");
    }
    for name in names {
        let answer = answer_to_hand_off(&site, proxy, name);
        assert!(
            matches!(answer.status, 403 | 404),
            "{name}: {}",
            answer.head()
        );
        assert_shows_nothing_internal(name, &answer);
    }
}

/// Asks by the same name, for a server that compares the two to see whether a slash is missing.
fn answer_to_hand_off(site: &Site, proxy: Proxy, name: &str) -> Response {
    let _app = site.start_scripted_app(format!(
        "HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\nConnection: close\r\n\r\n",
        site.hand_off(proxy, name)
    ));
    let target = format!("/{}", name.trim_start_matches("../"));
    site.start_proxy(proxy).get(&target)
}
