//! The gateway behind a real nginx: what is handed off, what arrives, what stays closed.

use proxy_tests::{NAMES, Request, Response, Server, Site, strict};

/// One storage, delegated as a whole. Its answers are cacheable, so that an error page that keeps
/// the download's headers is noticed.
const CONFIGURATION: &str = r#"
listen = "@LISTEN@"

[storages.media]
kind = "local"
root = "@MEDIA@"
base_url = "/media/"

[optimize]
backend = "nginx"
keep_headers = ["X-Case"]

[[optimize.rules]]
source_url = "/media/"
destination_url = "/_internal/media/"

[[views]]
route = "/files/{*path}"
kind = "storage"
storage = "media"
cache_control = "public, max-age=60"
"#;

const MIB: usize = 1024 * 1024;

/// More than one process reads by accident (libraries, `/proc`, its configuration), far less than the file.
const READS_OF_ITS_OWN: u64 = 256 * 1024;

struct World {
    nginx: Server,
    gateway: Server,
    site: Site,
}

/// The gateway behind nginx, with `media/plain.txt` to download.
fn world() -> World {
    let site = Site::new(CONFIGURATION);
    site.write("media/plain.txt", "plain content\n");
    let gateway = site.start_gateway();
    let nginx = site.start_nginx();
    World {
        nginx,
        gateway,
        site,
    }
}

// === What nginx sends in the gateway's place

#[test]
fn a_large_file_arrives_whole_and_the_gateway_does_not_read_it() {
    let world = world();
    let content = numbered(100 * MIB);
    world.site.write("media/large.bin", &content);

    let before = world.gateway.bytes_read();
    let answer = world.nginx.get("/files/large.bin");
    let read = world.gateway.bytes_read() - before;

    assert_eq!(answer.status, 200, "{}", answer.head());
    assert_same_bytes(&answer.body, &content);
    assert!(read < READS_OF_ITS_OWN, "the gateway read {read} bytes");
}

#[test]
fn a_range_of_a_large_file_is_answered_by_nginx() {
    let world = world();
    let content = numbered(100 * MIB);
    world.site.write("media/large.bin", &content);
    let (first, last) = (40 * MIB + 1, 60 * MIB);
    let request =
        Request::get("/files/large.bin").header("Range", &format!("bytes={first}-{last}"));

    let before = world.gateway.bytes_read();
    let answer = world.nginx.send(&request);
    let read = world.gateway.bytes_read() - before;

    assert_eq!(answer.status, 206, "{}", answer.head());
    let expected = format!("bytes {first}-{last}/{}", content.len());
    assert_eq!(answer.header("Content-Range"), expected);
    assert_same_bytes(&answer.body, &content[first..=last]);
    assert!(read < READS_OF_ITS_OWN, "the gateway read {read} bytes");
}

#[test]
fn the_gateways_own_answer_is_an_empty_200_whatever_part_is_asked_for() {
    let world = world();
    for request in [
        Request::get("/files/plain.txt"),
        Request::get("/files/plain.txt").header("Range", "bytes=2-5"),
        Request::head("/files/plain.txt"),
    ] {
        let answer = world.gateway.send(&request);
        assert_eq!(answer.status, 200, "{request:?}: {}", answer.head());
        assert_eq!(
            answer.header("X-Accel-Redirect"),
            "/_internal/media/plain.txt"
        );
        assert_eq!(answer.header("Content-Length"), "0");
        assert!(answer.body.is_empty());
        assert!(!answer.has("Content-Range"), "{}", answer.head());
        assert!(!answer.has("Accept-Ranges"), "{}", answer.head());
    }
}

#[test]
fn head_tells_the_size_and_sends_no_body() {
    let answer = world().nginx.send(&Request::head("/files/plain.txt"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Content-Length"), "14");
    assert_eq!(answer.header("Accept-Ranges"), "bytes");
    assert!(answer.body.is_empty());
}

#[test]
fn a_download_outlives_the_gateway_that_began_it() {
    let mut world = world();
    let content = numbered(100 * MIB);
    world.site.write("media/large.bin", &content);

    let request = Request::get("/files/large.bin");
    let mut exchange = request.start(world.nginx.address()).unwrap();
    exchange.receive(MIB).unwrap();
    let status = world.gateway.terminate();

    assert!(status.success(), "SIGTERM is an orderly end, got {status}");
    assert_same_bytes(&exchange.finish().unwrap().body, &content);
}

// === Names

#[test]
fn every_file_name_arrives_with_its_own_bytes() {
    let world = world();
    for name in NAMES {
        world.site.write([b"media/", *name].concat(), name);
    }
    let complaints: Vec<String> = NAMES
        .iter()
        .filter_map(|name| complaint_about(name, &world))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_name_in_a_subfolder_arrives() {
    let world = world();
    world.site.write("media/sub/été 100%.txt", "deep");
    let answer = world
        .nginx
        .get(&format!("/files/{}", strict("sub/été 100%.txt".as_bytes())));
    assert_eq!(answer.status, 200, "{}", answer.head());
    assert_eq!(answer.text(), "deep");
}

/// What is wrong with the download of a file whose content is its name: another file's would be noticed.
fn complaint_about(name: &[u8], world: &World) -> Option<String> {
    let escaped = strict(name);
    let target = format!("/files/{escaped}");
    let direct = world.gateway.get(&target);
    let handed_off = direct.all("X-Accel-Redirect");
    if handed_off != [format!("/_internal/media/{escaped}")] {
        return Some(format!(
            "{escaped}: handed off as {handed_off:?} ({})",
            direct.status
        ));
    }
    let answer = world.nginx.get(&target);
    let same = answer.status == 200 && answer.body == name;
    (!same).then(|| format!("{escaped}: {} {:?}", answer.status, answer.text()))
}

// === What is no download

#[test]
fn the_internal_location_is_closed_to_clients() {
    let world = world();
    for target in [
        "/_internal/media/plain.txt",
        "/_internal/media/",
        "/_internal/media",
        "/_internal/media../outside/secret.txt",
        "/_internal/media/%2e%2e/outside/secret.txt",
    ] {
        let answer = world.nginx.get(target);
        assert_eq!(answer.status, 404, "{target}: {}", answer.head());
    }
}

#[test]
fn what_is_no_readable_file_of_the_storage_is_404_without_a_trace_of_the_download() {
    let world = world();
    let site = &world.site;
    site.write("outside/secret.txt", "secret");
    site.make_folder("media/folder");
    site.make_fifo("media/fifo");
    site.make_link("media/link.txt", "outside/secret.txt");
    site.make_link("media/linked", "outside");
    site.write("media/unreadable.txt", "unreadable");
    site.make_unreadable("media/unreadable.txt");

    for (what, name) in [
        ("a missing file", "missing.txt"),
        ("a file below a file", "plain.txt/below"),
        ("a folder", "folder"),
        ("a folder by its slash", "folder/"),
        // One that is opened for reading never answers, and the client gives up with an error.
        ("a FIFO", "fifo"),
        ("an unreadable file", "unreadable.txt"),
        ("a link out of the root", "link.txt"),
        ("a file behind a link out of the root", "linked/secret.txt"),
    ] {
        let answer = world.nginx.get(&format!("/files/{name}"));
        assert_is_bare_404(what, &answer);
    }
}

#[test]
fn no_target_climbs_out_of_the_storage() {
    let world = world();
    world.site.write("outside/secret.txt", "secret");
    for target in [
        "/files/../outside/secret.txt",
        "/files/%2e%2e/outside/secret.txt",
        "/files/..%2foutside%2fsecret.txt",
        "/files/sub/%2e%2e/%2e%2e/outside/secret.txt",
        "/files//outside/secret.txt",
    ] {
        for server in [&world.nginx, &world.gateway] {
            let answer = server.get(target);
            assert!(
                matches!(answer.status, 400 | 404),
                "{target}: {}",
                answer.head()
            );
            assert!(
                !answer.text().contains("secret"),
                "{target}: {}",
                answer.text()
            );
        }
    }
}

#[test]
fn other_methods_are_405() {
    let world = world();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let request = Request::new(method, "/files/plain.txt").header("Content-Length", "0");
        let answer = world.nginx.send(&request);
        assert_eq!(answer.status, 405, "{method}: {}", answer.head());
        let allowed: Vec<_> = answer.header("Allow").split(',').map(str::trim).collect();
        assert_eq!(allowed, ["GET", "HEAD"], "{method}");
        assert!(!answer.text().contains("plain content"));
    }
}

fn assert_is_bare_404(what: &str, answer: &Response) {
    assert_eq!(answer.status, 404, "{what}: {}", answer.head());
    for name in ["Location", "Content-Disposition", "X-Accel-Redirect"] {
        assert!(!answer.has(name), "{what}: {}", answer.head());
    }
    let cached = answer.all("Cache-Control").concat().contains("public");
    assert!(!cached, "{what}: {}", answer.head());
    let text = answer.text();
    assert!(
        !text.contains("_internal") && !text.contains("secret"),
        "{what}: {text}"
    );
}

// === Validators

#[test]
fn the_etag_that_the_gateway_states_is_nginxs_own() {
    let world = world();
    let direct = world.gateway.get("/files/plain.txt");
    let through = world.nginx.get("/files/plain.txt");
    assert_eq!(direct.header("ETag"), through.header("ETag"));
    assert!(direct.has("X-Accel-Redirect"), "{}", direct.head());
}

#[test]
fn a_received_validator_revalidates() {
    let world = world();
    let first = world.nginx.get("/files/plain.txt");
    for (condition, validator) in [
        ("If-None-Match", "ETag"),
        ("If-Modified-Since", "Last-Modified"),
    ] {
        let request = Request::get("/files/plain.txt").header(condition, first.header(validator));
        let second = world.nginx.send(&request);
        assert_eq!(second.status, 304, "{condition}: {}", second.head());
        assert!(second.body.is_empty());
    }
}

#[test]
fn a_download_resumes_while_the_file_is_the_same_and_starts_over_when_it_changed() {
    let world = world();
    let etag = world
        .nginx
        .get("/files/plain.txt")
        .header("ETag")
        .to_owned();
    let rest = Request::get("/files/plain.txt").header("Range", "bytes=6-");

    let resumed = world.nginx.send(&rest.clone().header("If-Range", &etag));
    assert_eq!(
        (resumed.status, resumed.text().as_str()),
        (206, "content\n")
    );

    world
        .site
        .write("media/plain.txt", "another content, longer\n");
    let restarted = world.nginx.send(&rest.header("If-Range", &etag));
    assert_eq!(restarted.status, 200, "{}", restarted.head());
    assert_eq!(restarted.text(), "another content, longer\n");
}

// === Headers

/// Requests that made other systems serve any internal location: the client chose mapping or mode.
const FORGED: &[(&str, &str)] = &[
    ("X-Accel-Redirect", "/_internal/media/other.txt"),
    ("X-Accel-Mapping", "/=/_internal/media/other.txt?"),
    ("X-Sendfile-Type", "X-Sendfile"),
    ("X-Sendfile", "/etc/hostname"),
    ("X-Downloadview-Proxy", "nginx guess"),
];

#[test]
fn hand_off_headers_of_a_client_change_nothing() {
    let world = world();
    world.site.write("media/other.txt", "other");
    let plain = Request::get("/files/plain.txt");
    let forged = FORGED.iter().fold(plain.clone(), |request, (name, value)| {
        request.header(name, value)
    });
    for server in [&world.nginx, &world.gateway] {
        let (expected, found) = (server.send(&plain), server.send(&forged));
        assert_eq!(without_date(&found), without_date(&expected));
        assert_eq!(found.body, expected.body);
    }
}

#[test]
fn hand_off_headers_of_a_client_do_not_reach_the_app() {
    let site = Site::new(CONFIGURATION);
    let app = site.start_scripted_app("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    let nginx = site.start_nginx();
    let request = FORGED
        .iter()
        .fold(Request::get("/"), |request, (name, value)| {
            request.header(name, value)
        });
    assert_eq!(nginx.send(&request).status, 204);

    let head = app.requests().concat().to_ascii_lowercase();
    for (name, _) in FORGED {
        assert!(!head.contains(&name.to_ascii_lowercase()), "{head}");
    }
}

#[test]
fn headers_of_the_gateway_arrive_once() {
    let world = world();
    let direct = world.gateway.get("/files/plain.txt");
    let through = world.nginx.get("/files/plain.txt");
    for name in [
        "Content-Type",
        "Content-Disposition",
        "Cache-Control",
        "X-Content-Type-Options",
    ] {
        assert_eq!(through.header(name), direct.header(name), "{name}");
    }
    assert_eq!(through.header("Cache-Control"), "public, max-age=60");
    assert!(!through.has("X-Accel-Redirect"), "{}", through.head());
}

/// What nginx drops on an internal redirect, so the generated configuration must carry it.
const KEPT: &[(&str, &str)] = &[
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Vary", "Accept-Language"),
    ("Link", "</licence>; rel=\"license\""),
    ("Content-Language", "fr"),
    ("X-Case", "named in keep_headers"),
];

#[test]
fn the_generated_configuration_carries_the_kept_headers_once() {
    let site = Site::new(CONFIGURATION);
    site.write("media/plain.txt", "plain content\n");
    let kept = KEPT
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let _app = site.start_scripted_app(format!(
        "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /_internal/media/plain.txt\r\n\
         Content-Type: text/x-case\r\nContent-Disposition: attachment\r\n{}\
         X-Unnamed: dropped\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        kept.collect::<String>()
    ));
    let answer = site.start_nginx().get("/anything");

    assert_eq!(answer.text(), "plain content\n");
    for (name, value) in KEPT {
        assert_eq!(answer.header(name), *value, "{name}");
    }
    assert_eq!(answer.header("Content-Type"), "text/x-case");
    assert_eq!(answer.header("Content-Disposition"), "attachment");
    assert!(!answer.has("X-Unnamed"), "{}", answer.head());
}

// === Helpers

/// Eight bytes at a time, each its own place, so that a shifted or repeated block is noticed.
fn numbered(length: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(length);
    for word in 0..length as u64 / 8 {
        content.extend_from_slice(&word.to_le_bytes());
    }
    content
}

/// `assert_eq!` would print the bytes.
#[track_caller]
fn assert_same_bytes(found: &[u8], expected: &[u8]) {
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "same length, other bytes");
}

fn without_date(answer: &Response) -> String {
    let head = answer.head();
    let lines = head.lines().filter(|line| !line.starts_with("Date:"));
    lines
        .map(|line| format!("{}\n", line.to_lowercase()))
        .collect()
}
