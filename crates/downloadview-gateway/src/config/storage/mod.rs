//! `[storages.NAME]`: places that keep files under names.

#[cfg(feature = "azure")]
mod azure;
mod bucket;
#[cfg(feature = "gcs")]
mod gcs;
mod http;
mod s3;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use downloadview::storage::StorageName;

#[cfg(feature = "azure")]
pub use self::azure::AzureConfig;
pub use self::bucket::BucketSettings;
#[cfg(feature = "gcs")]
pub use self::gcs::{CredentialsFile, GcsConfig, GcsCredentials};
pub use self::http::HttpConfig;
pub use self::s3::{S3Config, S3Credentials};

use crate::config::reader::paths;
use crate::config::reader::scalar::{Fault, described, one_of, storage_name, url_prefix};
use crate::config::reader::{Table, Value};
use crate::config::remote::{OriginSettings, RemoteUrl};

/// One storage: a place that keeps files under names.
///
/// ```toml
/// [storages.media]
/// kind = "local"                        # or "memory", "http", "s3": see StorageKind
/// root = "/srv/media"
/// base_url = "/media/"
/// ```
///
/// Views and rules name it: `storage = "media"`. One that nobody names is opened at start all the same, so that a mistake
/// in it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageConfig {
    /// Its name: the NAME of `[storages.NAME]`.
    pub name: String,
    /// The URL path below which the storage's files are found, `/media/`; always ends in a slash.
    /// Default: none, so no rule with `source_url` matches its files. What lies on another server has that server's URLs.
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
    /// `kind = "memory"`: texts written in the configuration file, as `files = { "a.txt" = "text" }`. No proxy can read
    /// them, so rules that name such a storage are refused.
    Memory {
        /// The files' texts by name.
        files: BTreeMap<StorageName, String>,
    },
    /// `kind = "http"`: files of another server.
    Http(HttpConfig),
    /// `kind = "s3"`: a bucket of an object store.
    S3(Box<S3Config>),
    /// `kind = "gcs"`: a bucket of Google Cloud Storage.
    #[cfg(feature = "gcs")]
    Gcs(Box<GcsConfig>),
    /// `kind = "azure"`: a container of Azure's Blob Storage.
    #[cfg(feature = "azure")]
    Azure(Box<AzureConfig>),
}

/// A storage that several tables of the file name. `Debug` and `Display` show its name.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedStorage(Arc<StorageConfig>);

/// A folder on this machine.
///
/// ```toml
/// [storages.media]
/// kind = "local"
/// root = "/srv/media"
/// symlinks = "within"
/// unreadable = 403
/// ```
///
/// Nothing outside the folder is read, whatever links or names lead there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalStorageConfig {
    /// `root`: the folder, absolute; it existed when the configuration was read. Required.
    pub root: PathBuf,
    /// `symlinks`: what happens at a symbolic link below the root. Default: `"refuse"`.
    pub symlinks: Symlinks,
    /// `unreadable`: what a client learns of a file that the gateway may not read. Default: 404.
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

impl StorageKind {
    /// The URL below which the files lie, if they are another server's.
    #[must_use]
    pub fn remote(&self) -> Option<RemoteUrl> {
        match self {
            Self::Local(_) | Self::Memory { .. } => None,
            Self::Http(http) => Some(http.url.clone()),
            Self::S3(s3) => Some(s3.url()),
            #[cfg(feature = "gcs")]
            Self::Gcs(gcs) => Some(gcs.url()),
            #[cfg(feature = "azure")]
            Self::Azure(azure) => Some(azure.url.clone()),
        }
    }

    /// How the server with the files is asked, if it is another one.
    #[must_use]
    pub fn settings(&self) -> Option<&OriginSettings> {
        match self {
            Self::Local(_) | Self::Memory { .. } => None,
            Self::Http(http) => Some(&http.settings),
            Self::S3(s3) => Some(&s3.settings.origin),
            #[cfg(feature = "gcs")]
            Self::Gcs(gcs) => Some(&gcs.settings.origin),
            #[cfg(feature = "azure")]
            Self::Azure(azure) => Some(&azure.settings.origin),
        }
    }

    /// Whether clients can be sent to the files: not with a token that somebody else signed.
    #[must_use]
    pub fn can_redirect(&self) -> bool {
        #[cfg(feature = "azure")]
        if let Self::Azure(azure) = self {
            return azure.account.can_redirect();
        }
        true
    }
}

impl Deref for SharedStorage {
    type Target = StorageConfig;

    fn deref(&self) -> &StorageConfig {
        &self.0
    }
}

impl fmt::Display for SharedStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for SharedStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// The storages that could be read; one with a mistake is known by its name all the same, lest every use
/// of it be reported too.
#[derive(Debug, Default)]
pub(super) struct Storages {
    pub(super) read: BTreeMap<String, SharedStorage>,
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
            if let Some(storage) = table.and_then(|table| StorageConfig::read(name, table)) {
                let storage = SharedStorage(Arc::new(storage));
                storages.read.insert(name.to_owned(), storage);
            }
        }
        storages
    }

    /// A storage that the file describes; `None` if it has a mistake of its own.
    pub(super) fn find(&self, text: &str) -> Result<Option<SharedStorage>, Fault> {
        let name = described(text, &self.names, "storage")?;
        Ok(self.read.get(&name).cloned())
    }

    /// The first storage with files below a URL.
    pub(super) fn at(&self, url: &RemoteUrl) -> Option<SharedStorage> {
        let is_there = |storage: &&SharedStorage| {
            let remote = storage.kind.remote();
            remote.is_some_and(|its| its.holds(url) || url.holds(&its))
        };
        self.read.values().find(is_there).cloned()
    }
}

impl StorageConfig {
    fn read(name: &str, mut table: Table<'_>) -> Option<Self> {
        const KINDS: &[(&str, Kind)] = &[
            ("local", Kind::Local),
            ("memory", Kind::Memory),
            ("http", Kind::Http),
            ("s3", Kind::S3),
            #[cfg(feature = "gcs")]
            ("gcs", Kind::Gcs),
            #[cfg(feature = "azure")]
            ("azure", Kind::Azure),
        ];

        let kind = table.parsed("kind", |text| match not_built(text) {
            Some(fault) => Err(fault),
            None => one_of(text, KINDS, &[]),
        });
        let kind = table.require("kind", "\"local\"", kind)?;
        let is_here = matches!(kind, Kind::Local | Kind::Memory);
        let base_url = match is_here {
            true => table.parsed("base_url", url_prefix),
            false => None,
        };
        let kind = match kind {
            Kind::Local => read_local(&mut table),
            Kind::Memory => read_memory(&mut table),
            Kind::Http => HttpConfig::read(&mut table).map(StorageKind::Http),
            Kind::S3 => S3Config::read(&mut table).map(|it| StorageKind::S3(Box::new(it))),
            #[cfg(feature = "gcs")]
            Kind::Gcs => GcsConfig::read(&mut table).map(|it| StorageKind::Gcs(Box::new(it))),
            #[cfg(feature = "azure")]
            Kind::Azure => AzureConfig::read(&mut table).map(|it| StorageKind::Azure(Box::new(it))),
        };
        table.finish();
        Some(Self {
            name: name.to_owned(),
            base_url,
            kind: kind?,
        })
    }
}

/// The word that says what keeps the files.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Local,
    Memory,
    Http,
    S3,
    #[cfg(feature = "gcs")]
    Gcs,
    #[cfg(feature = "azure")]
    Azure,
}

/// A kind that other builds of this version know.
fn not_built(kind: &str) -> Option<Fault> {
    let is_missing = (kind == "gcs" && cfg!(not(feature = "gcs")))
        || (kind == "azure" && cfg!(not(feature = "azure")));
    let fault = || {
        Fault::new(
            format!("`{kind}` is not in this build of the gateway"),
            format!(
                "build it with the feature: cargo install downloadview-gateway --features {kind}"
            ),
        )
    };
    is_missing.then(fault)
}

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
