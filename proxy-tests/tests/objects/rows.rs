//! The rows of every store: the same for a table of any database and for a map in memory.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use downloadview::content::{ETag, Metadata};
use downloadview::view::FileRecord;
use http::HeaderValue;
use proxy_tests::{Database, Site};

/// The columns of a row; `None` is NULL.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) slug: &'static str,
    file: Option<&'static str>,
    other_file: Option<&'static str>,
    basename: Option<&'static str>,
    content_type: Option<&'static str>,
    content_encoding: Option<&'static str>,
    size: Option<i64>,
    modified: Option<u64>,
    etag: Option<&'static str>,
    published: bool,
}

/// Sun, 13 Sep 2020 12:26:40 GMT, in seconds since 1970.
pub(crate) const MODIFIED: u64 = 1_600_000_000;

const HELLO: Option<&str> = Some("docs/hello.txt");

const fn row(id: i64, slug: &'static str, file: Option<&'static str>) -> Row {
    Row {
        id,
        slug,
        file,
        other_file: None,
        basename: None,
        content_type: None,
        content_encoding: None,
        size: None,
        modified: None,
        etag: None,
        published: true,
    }
}

const fn described(id: i64, slug: &'static str, file: &'static str) -> Row {
    Row {
        size: Some(6),
        modified: Some(MODIFIED),
        ..row(id, slug, Some(file))
    }
}

/// Everything that may stand in a table.
pub(crate) const ROWS: [Row; 16] = [
    Row {
        other_file: Some("docs/other.txt"),
        basename: Some("Grüße.txt"),
        content_type: Some("text/x-own"),
        ..described(1, "hello-world", "docs/hello.txt")
    },
    row(2, "plain", HELLO),
    row(3, "null", None),
    Row {
        basename: Some(""),
        content_type: Some(""),
        etag: Some(""),
        ..row(4, "empty", Some(""))
    },
    described(5, "climbing", "../../secret"),
    described(6, "absolute", "/etc/passwd"),
    row(7, "gone", Some("docs/gone.txt")),
    described(8, "gone-but-described", "docs/gone.txt"),
    row(9, "folder", Some("docs")),
    Row {
        size: Some(999),
        ..described(10, "outdated", "docs/hello.txt")
    },
    row(11, "grüße & co", HELLO),
    Row {
        content_type: Some("text/html\r\nX-Evil: 1"),
        ..row(12, "forging", HELLO)
    },
    Row {
        size: Some(-1),
        ..row(13, "negative", HELLO)
    },
    Row {
        published: false,
        ..row(14, "draft", HELLO)
    },
    Row {
        content_encoding: Some("gzip"),
        etag: Some("v1"),
        ..row(15, "packed", HELLO)
    },
    row(16, "50% of 'it' \"all\"", HELLO),
];

/// Writes the files that the rows name, and one that none of them may reach.
pub(crate) fn write_files(site: &Site) {
    for (name, content) in [
        ("media/docs/hello.txt", "Hello\n"),
        ("media/docs/other.txt", "Other\n"),
        ("secret", "a secret\n"),
    ] {
        site.write(name, content);
        let file = std::fs::File::open(site.path(name)).expect("just written");
        let modified = UNIX_EPOCH + Duration::from_secs(MODIFIED);
        file.set_modified(modified).expect("its time can be set");
    }
}

/// Makes the table `document` with all rows, and the view `published`.
pub(crate) fn create_table(database: &Database) {
    let name = database.name();
    let (modified, zone, boolean) = match name {
        "postgres" => ("TIMESTAMPTZ", "+00", "BOOLEAN"),
        "mariadb" => ("TIMESTAMP NULL", "", "BOOLEAN"),
        _ => ("DATETIME", "", "BOOLEAN"),
    };
    database.run(&format!(
        "CREATE TABLE document (id BIGINT PRIMARY KEY, slug VARCHAR(80) NOT NULL UNIQUE, file VARCHAR(200), \
         other_file VARCHAR(200), basename VARCHAR(200), content_type VARCHAR(200), content_encoding VARCHAR(20), \
         size BIGINT, modified {modified}, etag VARCHAR(80), published {boolean} NOT NULL)"
    ));
    database.run("CREATE VIEW published AS SELECT slug, file FROM document WHERE published");
    for row in ROWS {
        database.run(&row.insert(zone));
    }
}

impl Row {
    fn insert(&self, zone: &str) -> String {
        let texts = [
            Some(self.slug),
            self.file,
            self.other_file,
            self.basename,
            self.content_type,
            self.content_encoding,
            self.etag,
        ];
        let texts: Vec<_> = texts.map(literal).into();
        let size = self.size.map_or("NULL".to_owned(), |size| size.to_string());
        let modified = match self.modified {
            Some(_) => format!("'2020-09-13 12:26:40{zone}'"),
            None => "NULL".to_owned(),
        };
        format!(
            "INSERT INTO document (id, slug, file, other_file, basename, content_type, content_encoding, etag, size, \
             modified, published) VALUES ({}, {}, {size}, {modified}, {})",
            self.id,
            texts.join(", "),
            self.published
        )
    }
}

/// None of the texts holds a backslash.
fn literal(text: Option<&str>) -> String {
    match text {
        Some(text) => format!("'{}'", text.replace('\'', "''")),
        None => "NULL".to_owned(),
    }
}

/// As a program would hold it that keeps its rows in memory.
impl FileRecord for Row {
    fn file(&self) -> Option<&str> {
        self.file
    }

    fn basename(&self) -> Option<String> {
        self.basename.map(str::to_owned)
    }

    fn metadata(&self) -> Metadata {
        let header = |text: Option<&'static str>| {
            let text = text.filter(|text| !text.is_empty())?;
            HeaderValue::from_str(text).ok()
        };
        let mut metadata = Metadata::new();
        if let Some(size) = self.size.and_then(|size| u64::try_from(size).ok()) {
            metadata = metadata.with_size(size);
        }
        if let Some(modified) = self.modified() {
            metadata = metadata.with_modified(modified);
        }
        if let Some(content_type) = header(self.content_type) {
            metadata = metadata.with_content_type(content_type);
        }
        if let Some(coding) = header(self.content_encoding) {
            metadata = metadata.with_content_encoding(coding);
        }
        if let Some(etag) = self
            .etag
            .filter(|etag| !etag.is_empty())
            .and_then(|etag| ETag::strong(etag).ok())
        {
            metadata = metadata.with_etag(etag);
        }
        metadata
    }
}

impl Row {
    fn modified(&self) -> Option<SystemTime> {
        let seconds = Duration::from_secs(self.modified?);
        Some(UNIX_EPOCH + seconds)
    }

    /// Whether a program could hold it: what is not a size and no media type has no place in its types.
    pub(crate) fn is_sound(&self) -> bool {
        let printable = |text: &str| text.bytes().all(|byte| byte >= b' ');
        self.size.is_none_or(|size| size >= 0) && self.content_type.is_none_or(printable)
    }

    /// The row whose file is its other one.
    pub(crate) fn with_other_file(self) -> Self {
        Self {
            file: self.other_file,
            ..self
        }
    }

    pub(crate) fn is_published(&self) -> bool {
        self.published
    }
}
