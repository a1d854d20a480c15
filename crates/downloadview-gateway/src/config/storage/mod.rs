//! `[storages.NAME]`: places that keep files under names.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::reader::Problem;
use crate::config::reader::paths;
use crate::config::reader::scalar::{Fault, described, one_of, storage_name, url_prefix};
use crate::config::reader::{Table, Value};

/// One storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageConfig {
    /// The URL path below which the storage's files are found, `/media/`; always ends in a slash.
    /// Default: none, so no rule with `source_url` matches its files.
    pub base_url: Option<String>,
    /// What keeps the files.
    pub kind: StorageKind,
}

/// What keeps the files of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageKind {
    /// `kind = "local"`: a folder on this machine.
    Local(LocalStorageConfig),
    /// `kind = "memory"`: texts written in the configuration file.
    Memory {
        /// The files' texts by name.
        files: BTreeMap<String, String>,
    },
}

/// A folder on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalStorageConfig {
    /// The folder, absolute; it existed when the configuration was read.
    pub root: PathBuf,
    /// What happens at a symbolic link below the root. Default: refused.
    pub symlinks: Symlinks,
    /// What a client learns of a file that the gateway may not read. Default: 404.
    pub unreadable: Unreadable,
}

/// What happens at a symbolic link below a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symlinks {
    /// `"refuse"`: answered as if there were no such file.
    #[default]
    Refuse,
    /// `"within"`: followed while it stays below the root.
    Within,
}

/// What a client learns of a file that the gateway may not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unreadable {
    /// `404`: as if it did not exist.
    #[default]
    NotFound,
    /// `403`: that it exists and is forbidden.
    Forbidden,
}

/// The storages that could be read; one with a mistake is known by its name all the same, lest every use
/// of it be reported too.
#[derive(Debug, Default)]
pub(super) struct Storages {
    pub(super) read: BTreeMap<String, StorageConfig>,
    names: Vec<String>,
}

impl Storages {
    pub(super) fn read(file: &mut Table<'_>) -> Self {
        let mut storages = Self::default();
        let Some(tables) = file
            .get("storages")
            .and_then(|value| value.table("[storages]"))
        else {
            return storages;
        };
        for (name, value) in tables.values() {
            storages.names.push(name.to_owned());
            let table = value.table(format!("[storages.{name}]"));
            if let Some(storage) = table.and_then(StorageConfig::read) {
                storages.read.insert(name.to_owned(), storage);
            }
        }
        storages
    }

    /// The name of a storage that the file describes.
    pub(super) fn name(&self, text: &str) -> Result<String, Fault> {
        described(text, &self.names, "storage")
    }
}

impl StorageConfig {
    fn read(mut table: Table<'_>) -> Option<Self> {
        const KINDS: [(&str, Reader); 2] = [("local", read_local), ("memory", read_memory)];
        const LATER: [&str; 4] = ["s3", "http", "gcs", "azure"];

        let kind = table.parsed("kind", |text| one_of(text, &KINDS, &LATER));
        let read_kind = table.require("kind", "\"local\"", kind)?;
        let base_url = table.parsed("base_url", url_prefix);
        let kind = read_kind(&mut table);
        table.finish();
        Some(Self {
            base_url,
            kind: kind?,
        })
    }
}

type Reader = fn(&mut Table<'_>) -> Option<StorageKind>;

fn read_local(table: &mut Table<'_>) -> Option<StorageKind> {
    const SYMLINKS: [(&str, Symlinks); 2] =
        [("refuse", Symlinks::Refuse), ("within", Symlinks::Within)];

    let base = table.source.folder;
    let root = table.parsed("root", |text| paths::folder(text, base));
    let root = table.require("root", "\"/srv/media\"", root);
    let symlinks = table.parsed("symlinks", |text| one_of(text, &SYMLINKS, &[]));
    let unreadable = table
        .get("unreadable")
        .and_then(|value| read_unreadable(&value));
    Some(StorageKind::Local(LocalStorageConfig {
        root: root?,
        symlinks: symlinks.unwrap_or_default(),
        unreadable: unreadable.unwrap_or_default(),
    }))
}

fn read_unreadable(value: &Value<'_>) -> Option<Unreadable> {
    value.understood(match value.integer()? {
        404 => Ok(Unreadable::NotFound),
        403 => Ok(Unreadable::Forbidden),
        other => Err(Fault::new(
            format!("{other} is not an answer to an unreadable file"),
            "use 404, as if it did not exist, or 403",
        )),
    })
}

fn read_memory(table: &mut Table<'_>) -> Option<StorageKind> {
    let value = table.get("files");
    let value = table.require("files", "{ \"a.txt\" = \"text\" }", value)?;
    let mut files = BTreeMap::new();
    for (name, text) in value.table("`files`")?.values() {
        let name = text.understood(storage_name(name));
        if let (Some(name), Some(text)) = (name, text.string()) {
            files.insert(name, text.to_owned());
        }
    }
    Some(StorageKind::Memory { files })
}

/// Refuses a table of a kind that a later version will know, in place of calling it unknown.
pub(super) fn refuse_later_tables(file: &mut Table<'_>) {
    if let Some(value) = file.get("spool") {
        let message = "`spool` is not available in this version";
        let problem = Problem::new(value.span.clone(), message);
        file.source.report(problem.with_help("take the table out"));
    }
}
