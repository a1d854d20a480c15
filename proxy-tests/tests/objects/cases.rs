//! What holds of every store, through nginx and streamed.

use proxy_tests::Request;

use crate::stands::{Mode, Stand};

const DOWNLOADED_AS: &str =
    "attachment; filename=\"Grusse.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt";

/// All of them, on one stand.
pub(crate) fn run(stand: &Stand) {
    a_row_names_its_file_and_describes_it(stand);
    what_a_row_leaves_open_comes_from_the_file(stand);
    ranges_and_conditions_are_those_of_the_file(stand);
    a_slug_may_hold_any_character(stand);
    what_no_row_names_is_404_and_shows_nothing(stand);
    an_id_is_a_number(stand);
    several_views_share_a_table(stand);
    an_outdated_row_does_not_lie_about_the_length(stand);
    a_row_states_coding_and_tag(stand);
    other_methods_are_405(stand);
}

fn a_row_names_its_file_and_describes_it(stand: &Stand) {
    let answer = stand.get("/documents/hello-world");
    assert_eq!(answer.status, 200, "{}: {}", stand.name, answer.head());
    assert_eq!(answer.text(), "Hello\n");
    assert_eq!(answer.header("Content-Type"), "text/x-own");
    assert_eq!(answer.header("Content-Disposition"), DOWNLOADED_AS);
    assert_eq!(answer.header("Content-Length"), "6");
    assert_eq!(answer.header("Accept-Ranges"), "bytes");
    assert_eq!(
        answer.header("Last-Modified"),
        "Sun, 13 Sep 2020 12:26:40 GMT"
    );
    assert!(!answer.has("X-Accel-Redirect"));
    let own = stand.ask_application("/documents/hello-world");
    match stand.mode {
        Mode::Nginx => {
            assert_eq!(
                own.header("X-Accel-Redirect"),
                "/_internal/media/docs/hello.txt"
            );
            assert_eq!(own.header("Content-Length"), "0");
            assert_eq!(own.header("ETag"), answer.header("ETag"));
        }
        Mode::Streamed => assert!(!own.has("X-Accel-Redirect")),
    }
}

fn what_a_row_leaves_open_comes_from_the_file(stand: &Stand) {
    let answer = stand.get("/documents/plain");
    assert_eq!(answer.text(), "Hello\n", "{}", stand.name);
    assert_eq!(answer.header("Content-Type"), "text/plain; charset=utf-8");
    let name = "attachment; filename=\"hello.txt\"";
    assert_eq!(answer.header("Content-Disposition"), name);
}

fn ranges_and_conditions_are_those_of_the_file(stand: &Stand) {
    let target = "/documents/hello-world";
    let part = stand.send(&Request::get(target).header("Range", "bytes=1-3"));
    assert_eq!(part.status, 206, "{}: {}", stand.name, part.head());
    assert_eq!(part.header("Content-Range"), "bytes 1-3/6");
    assert_eq!(part.text(), "ell");
    let head = stand.send(&Request::head(target));
    assert_eq!((head.status, head.header("Content-Length")), (200, "6"));
    assert!(head.body.is_empty());
    let tag = head.header("ETag").to_owned();
    let same = stand.send(&Request::get(target).header("If-None-Match", &tag));
    assert_eq!(same.status, 304, "{}: {}", stand.name, same.head());
    let since = "Sun, 13 Sep 2020 12:26:40 GMT";
    let same = stand.send(&Request::get(target).header("If-Modified-Since", since));
    assert_eq!(same.status, 304, "{}: {}", stand.name, same.head());
}

fn a_slug_may_hold_any_character(stand: &Stand) {
    for slug in [
        "gr%C3%BC%C3%9Fe%20&%20co",
        "%67r%C3%BC%C3%9Fe%20%26%20co",
        "50%25%20of%20%27it%27%20%22all%22",
    ] {
        let answer = stand.get(&format!("/documents/{slug}"));
        assert_eq!(answer.status, 200, "{}: {slug}", stand.name);
        assert_eq!(answer.text(), "Hello\n");
    }
}

fn what_no_row_names_is_404_and_shows_nothing(stand: &Stand) {
    let long = "x".repeat(4000);
    for slug in [
        "unknown",
        "null",
        "empty",
        "climbing",
        "absolute",
        "gone",
        "folder",
        "hello-world%27%20OR%20%271%27=%271",
        "%27;%20DROP%20TABLE%20document;%20--",
        "%25",
        "%5C",
        "%F0%9F%98%80",
        "%FF",
        &long,
    ] {
        let answer = stand.get(&format!("/documents/{slug}"));
        assert_eq!(
            answer.status,
            404,
            "{}: {slug}: {}",
            stand.name,
            answer.head()
        );
        for header in ["Content-Disposition", "ETag", "Last-Modified", "X-Evil"] {
            assert!(
                !answer.has(header),
                "{}: {slug}: {}",
                stand.name,
                answer.head()
            );
        }
        let shown = format!("{}{}", answer.head(), answer.text()).to_lowercase();
        for inner in ["secret", "passwd", "docs/", "select", "column", "document "] {
            assert!(!shown.contains(inner), "{}: {slug}: {shown}", stand.name);
        }
    }
    // A row that describes a file is believed, so that nginx is who does not find it; its page keeps what the application
    // said of the download, and shows no more than that.
    let answer = stand.get("/documents/gone-but-described");
    assert_eq!(answer.status, 404, "{}: {}", stand.name, answer.head());
    assert!(!answer.has("ETag") && !answer.has("X-Accel-Redirect"));
    assert!(!answer.text().contains("docs"), "{}", answer.text());
    // Nothing was dropped.
    assert_eq!(stand.get("/documents/plain").status, 200, "{}", stand.name);
}

fn an_id_is_a_number(stand: &Stand) {
    let answer = stand.get("/by-id/1");
    assert_eq!(answer.text(), "Hello\n", "{}", stand.name);
    assert_eq!(answer.header("Content-Disposition"), DOWNLOADED_AS);
    for id in [
        "one",
        "0",
        "-1",
        "01",
        "+1",
        "1.0",
        "1e0",
        "0x1",
        "1%20OR%201=1",
        "%D9%A1",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999999999999999999999999999",
    ] {
        let answer = stand.get(&format!("/by-id/{id}"));
        assert_eq!(
            answer.status,
            404,
            "{}: {id}: {}",
            stand.name,
            answer.head()
        );
    }
}

fn several_views_share_a_table(stand: &Stand) {
    let other = stand.get("/other/hello-world");
    assert_eq!(other.text(), "Other\n", "{}", stand.name);
    assert_eq!(stand.get("/other/plain").status, 404, "{}", stand.name);
    let inline = stand.get("/inline/hello-world");
    let shown_as = DOWNLOADED_AS.replace("attachment", "inline");
    assert_eq!(
        inline.header("Content-Disposition"),
        shown_as,
        "{}",
        stand.name
    );
    assert_eq!(stand.get("/published/plain").status, 200, "{}", stand.name);
    assert_eq!(stand.get("/published/draft").status, 404, "{}", stand.name);
    assert_eq!(stand.get("/documents/draft").status, 200, "{}", stand.name);
}

fn an_outdated_row_does_not_lie_about_the_length(stand: &Stand) {
    let answer = stand.get("/documents/outdated");
    assert_eq!(answer.status, 200, "{}", stand.name);
    assert_eq!(answer.header("Content-Length"), "6", "{}", stand.name);
    assert_eq!(answer.text(), "Hello\n");
}

fn a_row_states_coding_and_tag(stand: &Stand) {
    let answer = stand.get("/documents/packed");
    assert_eq!(answer.header("Content-Encoding"), "gzip", "{}", stand.name);
    if stand.mode == Mode::Streamed {
        assert_eq!(answer.header("ETag"), "\"v1\"", "{}", stand.name);
    }
}

fn other_methods_are_405(stand: &Stand) {
    let answer = stand.send(&Request::new("DELETE", "/documents/hello-world"));
    assert_eq!(answer.status, 405, "{}", stand.name);
    assert_eq!(answer.header("Allow"), "GET, HEAD");
}
