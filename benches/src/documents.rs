//! The documents that records describe: the same in a table of a database and in a process's memory.

use std::time::{Duration, SystemTime};

use crate::files::FILE_1_KIB;

/// How many there are, so that finding one takes an index.
pub(crate) const COUNT: usize = 10_000;

/// The slug that the client asks for.
pub(crate) const SLUG: &str = "hello-world";

/// When all of them were changed: as a database writes it, and as a process counts it.
pub(crate) const CHANGED: &str = "2020-09-13 12:26:40";
const CHANGED_SECONDS: u64 = 1_600_000_000;

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) slug: String,
    /// Its file's name in the storage.
    pub(crate) file: String,
    /// The file's name for the client.
    pub(crate) title: String,
    /// Bytes.
    pub(crate) size: u64,
}

/// All of them; the one that is asked for stands in the middle and names a file that is there.
pub(crate) fn all() -> impl Iterator<Item = Document> {
    (0..COUNT).map(|number| match number == COUNT / 2 {
        true => Document {
            slug: SLUG.to_owned(),
            file: FILE_1_KIB.name.to_owned(),
            title: "Hello, world.bin".to_owned(),
            size: FILE_1_KIB.size,
        },
        false => Document {
            slug: format!("document-{number}"),
            file: format!("{number}.bin"),
            title: format!("Document {number}.bin"),
            size: number as u64,
        },
    })
}

/// When all of them were changed.
pub(crate) fn changed() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(CHANGED_SECONDS)
}

/// The table, in words that SQLite, PostgreSQL and MariaDB understand alike.
pub(crate) const TABLE: &str = "\
    CREATE TABLE document (\
        id INTEGER PRIMARY KEY, \
        slug VARCHAR(80) NOT NULL UNIQUE, \
        file VARCHAR(200) NOT NULL, \
        title VARCHAR(200) NOT NULL, \
        size BIGINT NOT NULL, \
        changed TIMESTAMP NOT NULL\
    )";

/// Statements that fill the table; few enough to be quick, short enough for every database.
pub(crate) fn insertions() -> Vec<String> {
    let rows: Vec<String> = all()
        .enumerate()
        .map(|(id, it)| {
            let (slug, file, title, size) = (it.slug, it.file, it.title, it.size);
            format!("({id}, '{slug}', '{file}', '{title}', {size}, '{CHANGED}')")
        })
        .collect();
    rows.chunks(1000)
        .map(|rows| format!("INSERT INTO document VALUES {}", rows.join(", ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_slug_is_another_and_one_is_asked_for() {
        let slugs: HashSet<String> = all().map(|document| document.slug).collect();
        assert_eq!(slugs.len(), COUNT);
        assert!(slugs.contains(SLUG));
    }

    #[test]
    fn both_spellings_of_the_date_mean_the_same() {
        let (date, time) = CHANGED.split_once(' ').unwrap();
        let shown = httpdate::fmt_http_date(changed());
        assert_eq!(
            (date, shown.as_str()),
            (
                "2020-09-13",
                format!("Sun, 13 Sep 2020 {time} GMT").as_str()
            )
        );
    }
}
