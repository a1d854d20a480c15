//! `[spool]`: local copies of what no rule takes as it is.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::scalar::{Fault, duration, location, one_of, positive_duration, size};
use super::reader::{Table, Value, paths};

/// Where copies are kept, and how many.
///
/// ```toml
/// [spool]
/// dir = "/var/cache/downloadview"       # required; a folder of its own
/// max_bytes = "20GiB"
/// max_file_bytes = "2GiB"
/// min_free_bytes = "1GiB"
/// max_files = 100000
/// max_age = "60s"
/// stale_if_error = "1h"
/// lease = "90s"
/// fill = "before"                       # or "while"
/// max_idle_fill = "60s"
/// sync = true
/// destination_url = "/_downloadview/spool/"   # nginx, Caddy
/// destination_dir = "/var/cache/downloadview" # Apache, lighttpd: as they see it
/// ```
///
/// It makes a rule for each proxy that the file has in front, and `proxy-config` prints it like any other. A view says
/// with `spool` which of its files may be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolConfig {
    /// `dir`: the folder, absolute; it must exist, belong to the user who runs the gateway and to the group of the
    /// proxy, and hold nothing else. Several gateways of one machine may share it. Required.
    pub dir: PathBuf,
    /// `max_bytes`: how many bytes the copies may have together. Default: 10 GiB.
    pub max_bytes: Option<u64>,
    /// `max_file_bytes`: larger files are streamed. Default: as many as all together.
    pub max_file_bytes: Option<u64>,
    /// `min_free_bytes`: what stays free on the disk, whoever fills it. Default: a twentieth of it, at most 1 GiB.
    pub min_free_bytes: Option<u64>,
    /// `max_files`: how many copies there may be, at least 1. Default: 262,144.
    pub max_files: Option<usize>,
    /// `max_age`: for how long a copy of a file of another server is used before that server is asked whether it is
    /// still good. Default: 60 s.
    pub max_age: Option<Duration>,
    /// `stale_if_error`: for how long after that it may still be used if the server fails. Default: not at all.
    pub stale_if_error: Option<Duration>,
    /// `lease`: for how long a copy stays after it was handed to the proxy, which must have opened it by then. Default:
    /// 90 s, or 30 s more than `write_timeout` of `[server]`, whichever is longer.
    pub lease: Option<Duration>,
    /// `fill`: when the first client of a file gets its answer. Default: `"before"`.
    pub fill: SpoolFill,
    /// `max_idle_fill`: for how long a copy of which more than half is there is finished though nobody waits for it.
    /// Default: 60 s.
    pub max_idle_fill: Option<Duration>,
    /// `sync`: whether a copy waits for the disk before it is handed out, so that it is whole even after the machine
    /// lost its power. Default: true.
    pub sync: bool,
    /// `destination_url`: the internal location of nginx and Caddy. Default: `/_downloadview/spool/`.
    pub destination_url: String,
    /// `destination_dir`: the folder as Apache and lighttpd see it. Default: `dir`.
    pub destination_dir: Option<PathBuf>,
    /// The line of the file where the table starts, counted from 1.
    pub line: usize,
}

/// When the first client of a file gets its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpoolFill {
    /// `"before"`: when the copy is complete; the proxy sends it.
    #[default]
    Before,
    /// `"while"`: at once; the gateway sends what comes, and the copy grows beside it.
    While,
}

/// Which files of a view may be copied: `spool` of `[[views]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ViewSpool {
    /// `"off"`: none; they are streamed.
    Off,
    /// `"keyed"`: those that can be found again: of other servers, of buckets, and texts of the file.
    #[default]
    Keyed,
    /// `"always"`: those too that are for one request only.
    Always,
}

/// Default of `max_age`, as the library has it.
const MAX_AGE: Duration = Duration::from_secs(60);
/// Default of `destination_url`: a location of the proxy that clients cannot reach.
const DESTINATION: &str = "/_downloadview/spool/";

impl SpoolConfig {
    /// `max_age`, or its default.
    pub(crate) fn max_age(&self) -> Duration {
        self.max_age.unwrap_or(MAX_AGE)
    }

    /// Reads `[spool]`; `None` if there is none, or if `dir` is missing or holds a mistake, which is reported.
    pub(super) fn read(file: &mut Table<'_>) -> Option<Self> {
        const FILLS: [(&str, SpoolFill); 2] =
            [("before", SpoolFill::Before), ("while", SpoolFill::While)];

        let mut table = file.get("spool")?.table("[spool]")?;
        let base = table.source.folder;
        let dir = table.parsed("dir", |text| own_folder(text, base));
        let dir = table.require("dir", "\"/var/cache/downloadview\"", dir);
        let bytes = |table: &mut Table<'_>, key| table.get(key).and_then(|it| bytes(&it));
        let spool = Self {
            max_bytes: bytes(&mut table, "max_bytes"),
            max_file_bytes: bytes(&mut table, "max_file_bytes"),
            min_free_bytes: table
                .get("min_free_bytes")
                .and_then(|value| value.number_or(size)),
            max_files: table.get("max_files").and_then(|value| files(&value)),
            max_age: table.parsed("max_age", duration),
            stale_if_error: table.parsed("stale_if_error", duration),
            lease: table.parsed("lease", positive_duration),
            fill: table
                .parsed("fill", |text| one_of(text, &FILLS, &[]))
                .unwrap_or_default(),
            max_idle_fill: table.parsed("max_idle_fill", duration),
            sync: table.boolean("sync").unwrap_or(true),
            destination_url: table
                .parsed("destination_url", location)
                .unwrap_or_else(|| DESTINATION.to_owned()),
            destination_dir: table.parsed("destination_dir", |text| paths::absolute(text, base)),
            line: table.source.line(&table.span),
            dir: dir.clone().unwrap_or_default(),
        };
        table.finish();
        dir.map(|_| spool)
    }
}

impl ViewSpool {
    /// Reads `spool` of a view: one of three words.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        const WORDS: [(&str, ViewSpool); 3] = [
            ("off", ViewSpool::Off),
            ("keyed", ViewSpool::Keyed),
            ("always", ViewSpool::Always),
        ];
        one_of(text, &WORDS, &[])
    }
}

/// A folder for the copies alone; the root of the file system is none.
fn own_folder(text: &str, base: &std::path::Path) -> Result<PathBuf, Fault> {
    let folder = paths::folder(text, base)?;
    match folder.parent() {
        Some(_) => Ok(folder),
        None => Err(Fault::new(
            "the proxy may send every file below this folder, and this is every file",
            "name a folder for the copies alone: \"/var/cache/downloadview\"",
        )),
    }
}

/// A number of bytes, at least one.
fn bytes(value: &Value<'_>) -> Option<u64> {
    let bytes = value.number_or(size)?;
    value.understood((bytes > 0).then_some(bytes).ok_or_else(|| {
        Fault::new(
            "without room for a byte nothing could be copied",
            "write a size, \"2GiB\", or take [spool] out",
        )
    }))
}

/// A number of files, at least one.
fn files(value: &Value<'_>) -> Option<usize> {
    let number = value.integer()?;
    let files = usize::try_from(number).ok().filter(|files| *files > 0);
    value.understood(files.ok_or_else(|| {
        Fault::new(
            format!("{number} is too few"),
            "write a number from 1 upwards",
        )
    }))
}
