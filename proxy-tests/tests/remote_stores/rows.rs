//! Rows of a database that name files elsewhere.

use proxy_tests::{Answer, Asked, Database, Origin, Request};

use crate::stand::{Bucket, FETCHERS, Stand, Way, http};

const CONTENT: &str = "content of the file";

/// The row's size is wrong everywhere: it must never be a length.
const ROWS: &str = "\
    CREATE TABLE document (slug VARCHAR(50) PRIMARY KEY, file VARCHAR(200), basename VARCHAR(200), \
        content_type VARCHAR(200), size BIGINT, modified TIMESTAMP NULL, etag VARCHAR(200));\
    INSERT INTO document VALUES \
        ('plain', 'docs/a b.txt', NULL, NULL, 999, NULL, NULL),\
        ('named', 'docs/a b.txt', 'Grüße.bin', 'text/x-own', 3, NULL, NULL),\
        ('dated', 'docs/a b.txt', NULL, NULL, 999, '2020-09-13 12:26:40', 'of-the-row'),\
        ('gone', 'docs/gone.txt', NULL, NULL, 19, '2020-09-13 12:26:40', 'of-the-row');";

fn views(database: &Database) -> String {
    format!(
        "[databases.main]\nurl = \"{}\"\n[[views]]\nroute = \"/files/{{slug}}\"\nkind = \"object\"\ndatabase = \"main\"\n\
         table = \"document\"\nlookup = \"slug\"\nstorage = \"media\"\nfile_field = \"file\"\nbasename_field = \"basename\"\n\
         content_type_field = \"content_type\"\nsize_field = \"size\"\nmodified_field = \"modified\"\netag_field = \"etag\"\n",
        database.url()
    )
}

/// Both kinds of server, with the same file.
struct Stores {
    bucket: Bucket,
    origin: Origin,
}

impl Stores {
    fn start() -> Self {
        let bucket = Bucket::moto();
        bucket.put("docs/a b.txt", CONTENT.as_bytes());
        Self {
            bucket,
            origin: Origin::start(file),
        }
    }

    fn tables(&self) -> [(&'static str, String); 2] {
        [
            ("s3", self.bucket.storage()),
            ("http", http(self.origin.address())),
        ]
    }
}

fn file(asked: &Asked) -> Answer {
    if asked.target() != "/docs/a%20b.txt" {
        return Answer::new("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    let length = CONTENT.len();
    let body = match asked.line.starts_with("HEAD ") {
        true => "",
        false => CONTENT,
    };
    Answer::new(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-of-the-server\r\nETag: \"v1\"\r\n\
         Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

fn ways() -> impl Iterator<Item = Way> {
    FETCHERS
        .map(Way::Fetched)
        .into_iter()
        .chain([Way::Streamed(None)])
}

#[test]
fn a_row_names_the_file_and_its_type_and_its_size_is_no_length() {
    let stores = Stores::start();
    let database = Database::sqlite();
    database.run(ROWS);
    for (kind, storage) in stores.tables() {
        for way in ways() {
            let stand = Stand::new(way, &storage, &views(&database));
            for (slug, name, content_type) in [
                ("plain", "a b.txt", "text/plain; charset=utf-8"),
                ("named", "Grusse.bin", "text/x-own"),
                ("dated", "a b.txt", "text/plain; charset=utf-8"),
            ] {
                let answer = stand.get(&format!("/files/{slug}"));
                let head = answer.head();
                let what = format!("{kind} {way:?} {slug}: {head}");
                assert_eq!((answer.status, &*answer.text()), (200, CONTENT), "{what}");
                assert_eq!(answer.header("Content-Type"), content_type, "{what}");
                let disposition = answer.header("Content-Disposition");
                let stated = format!("attachment; filename=\"{name}\"");
                assert!(disposition.starts_with(&stated), "{what}");
                let length = CONTENT.len().to_string();
                assert_eq!(answer.all("Content-Length"), [&*length], "{what}");
                let head = stand.send(&Request::head(&format!("/files/{slug}")));
                assert_eq!(
                    head.all("Content-Length"),
                    [&*length],
                    "{what} {}",
                    head.head()
                );
                assert_eq!(head.header("Content-Type"), content_type, "{what}");
            }
            let gone = stand.get("/files/gone");
            assert_eq!(gone.status, 404, "{kind} {way:?}: {}", gone.head());
            assert!(!gone.has("ETag"), "{kind} {way:?}: {}", gone.head());
            let none = stand.get("/files/none");
            assert_eq!(none.status, 404, "{kind} {way:?}: {}", none.head());
        }
    }
}

/// Whoever sends the file, its validators are of one kind: those that the row states are judged by the gateway, which has to
/// send such a file itself, or those of the server by whoever asks it.
#[test]
fn a_tag_that_was_stated_is_honoured_by_whoever_stated_it() {
    let stores = Stores::start();
    let database = Database::sqlite();
    database.run(ROWS);
    for (kind, storage) in stores.tables() {
        for way in ways() {
            let stand = Stand::new(way, &storage, &views(&database));
            for slug in ["plain", "dated"] {
                let target = format!("/files/{slug}");
                let answer = stand.get(&target);
                let what = format!("{kind} {way:?} {slug}: {}", answer.head());
                let of_row = way == Way::Streamed(None) && slug == "dated";
                let tag = answer.header("ETag");
                assert_eq!(tag == "\"of-the-row\"", of_row, "{what}");
                if of_row {
                    let date = answer.header("Last-Modified");
                    assert_eq!(date, "Sun, 13 Sep 2020 12:26:40 GMT", "{what}");
                }
                // The scripted server knows no conditions.
                if kind == "s3" || matches!(way, Way::Streamed(_)) {
                    let same = stand.send(&Request::get(&target).header("If-None-Match", tag));
                    assert_eq!(same.status, 304, "{what} {}", same.head());
                }
            }
        }
    }
}

#[test]
fn a_redirect_carries_what_the_row_says_of_name_and_type() {
    let stores = Stores::start();
    let database = Database::sqlite();
    database.run(ROWS);
    for (kind, storage) in stores.tables() {
        let stand = Stand::new(Way::Redirected(None), &storage, &views(&database));
        let answer = stand.get("/files/named");
        assert_eq!(answer.status, 302, "{kind}: {}", answer.head());
        let curl = stand.site().program("curl", "curl");
        let curl = curl.args(["--silent", "--show-error", "--fail", "--location"]);
        let curl = curl.args(["--dump-header", "-", &stand.url("/files/named")]);
        let said = curl.run().expect("curl follows");
        assert!(said.ends_with(CONTENT), "{kind}: {said}");
        let (_, said) = said.split_once("\r\n\r\n").expect("two heads");
        let said = said.to_lowercase();
        let is_stated = said.contains("content-type: text/x-own\r\n")
            && said.contains("content-disposition: attachment; filename=\"grusse.bin\"");
        // A server that cannot be told says what it says.
        assert_eq!(is_stated, kind == "s3", "{kind}: {said}");
    }
}
