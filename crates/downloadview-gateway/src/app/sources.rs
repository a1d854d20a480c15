//! Where the files of the configuration come from, opened.
//! `mount` asks for a folder, a storage or a server, and gets the one that is open already if the file describes it in
//! the same way. After a reload that is also the one of the configuration before, so that connections, limits of
//! concurrency and the threads of a folder that hangs are not doubled. A folder that cannot be opened, or a server that
//! cannot be asked so, is an error of the start or of the reload.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use downloadview::authorize::Authorizer;
use downloadview::fetch::{Client, Origin};
use downloadview::spool::Spool;
use downloadview::storage::{
    HttpStorage, LocalStorage, MemoryStorage, Storage, StorageName, Symlinks, Unreadable,
};
use downloadview::{BuildError, Result};

use super::authorize;
#[cfg(any(feature = "azure", feature = "gcs"))]
use super::cloud;
use super::kept::Kept;
use super::{remote, spool};
use crate::config::{
    self, AuthorizeConfig, Config, HttpConfig, LocalStorageConfig, OriginHeader, OriginSettings,
    RemoteOrigin, SharedStorage, SpoolConfig, StorageConfig, StorageKind,
};

/// Which server, and how it is asked.
type Asked = (RemoteOrigin, OriginSettings, Vec<OriginHeader>);

/// What the files of an application come from: folders, other servers, and the storages over them, each opened once.
#[derive(Default)]
pub(super) struct Sources {
    /// By their paths. What is read anew shares those that it still names: what hangs below one then keeps to the same
    /// few threads, however often that is.
    folders: Kept<PathBuf, LocalStorage>,
    /// Other servers by how they are asked, so that their connections and bounds outlive a reload.
    origins: Kept<Asked, Origin>,
    /// Likewise, with who signs, and the name that the log has for them.
    buckets: Kept<(String, StorageKind), Arc<dyn Storage>>,
    /// Who is asked for permission, likewise: a pass that was given a moment ago counts on.
    authorizers: Kept<AuthorizeConfig, Authorizer>,
    /// One for the process, made when the first file of another server is configured.
    client: Option<Client>,
    /// By its table and the time that an answer may take. What it knows of its copies outlives a reload.
    spools: Kept<(SpoolConfig, Duration), Spool>,
    storages: BTreeMap<String, Arc<dyn Storage>>,
}

impl Sources {
    /// Nothing opened yet, with the folders and the client of another application at hand.
    pub(super) fn after(other: &Self) -> Self {
        Self {
            folders: Kept::after(&other.folders),
            origins: Kept::after(&other.origins),
            buckets: Kept::after(&other.buckets),
            authorizers: Kept::after(&other.authorizers),
            client: other.client.clone(),
            spools: Kept::after(&other.spools),
            storages: BTreeMap::new(),
        }
    }

    /// Lets go of what was at hand and is not named any more.
    pub(super) fn settled(mut self) -> Self {
        self.folders.settle();
        self.origins.settle();
        self.buckets.settle();
        self.authorizers.settle();
        self.spools.settle();
        self
    }

    /// Opens all storages, so that a mistake in one that no view names is found too.
    pub(super) fn open_all(&mut self, config: &Config) -> Result<()> {
        let mut storages = config.storages.values();
        storages.try_for_each(|storage| self.storage(storage).map(drop))
    }

    /// The spool, if the file has one.
    pub(super) fn spool(&mut self, config: &Config) -> Result<Option<Spool>> {
        let Some(spool) = &config.spool else {
            return Ok(None);
        };
        let lease = spool::lease(config, spool);
        let opened = self
            .spools
            .get(&(spool.clone(), lease), || spool::open(spool, lease));
        Ok(Some(opened?))
    }

    /// A folder that a view has for itself.
    pub(super) fn folder(&mut self, root: &Path) -> Result<LocalStorage> {
        let root = root.to_owned();
        Ok(self.folders.get(&root, || LocalStorage::new(&root))?)
    }

    /// Another server, for a storage or a view.
    pub(super) fn origin(
        &mut self,
        origin: &RemoteOrigin,
        settings: &OriginSettings,
        headers: &[OriginHeader],
    ) -> Result<Origin> {
        let client = self.client()?.clone();
        let asked = (origin.clone(), settings.clone(), headers.to_vec());
        let made = || remote::origin(&client, origin, settings, headers);
        Ok(self.origins.get(&asked, made)?)
    }

    /// Another program that says who may.
    pub(super) fn authorizer(&mut self, config: &AuthorizeConfig) -> Result<Authorizer> {
        let client = self.client()?.clone();
        let made = || authorize::authorizer(&client, config);
        // The certificates may be others by now.
        match config.ca_file {
            Some(_) => made(),
            None => self.authorizers.get(config, made),
        }
    }

    /// The storage of that name, opened once however many views and rules use it.
    pub(super) fn storage(&mut self, config: &SharedStorage) -> Result<Arc<dyn Storage>> {
        if let Some(storage) = self.storages.get(&config.name) {
            return Ok(Arc::clone(storage));
        }
        let storage = self.open(config)?;
        let name = config.name.clone();
        self.storages.insert(name, Arc::clone(&storage));
        Ok(storage)
    }

    fn open(&mut self, config: &StorageConfig) -> Result<Arc<dyn Storage>> {
        let base_url = config.base_url.as_deref();
        Ok(match &config.kind {
            StorageKind::Local(local) => {
                let storage = self.local_storage(local)?;
                match base_url {
                    Some(base_url) => Arc::new(storage.base_url(base_url)?),
                    None => Arc::new(storage),
                }
            }
            StorageKind::Memory { files } => Arc::new(memory_storage(files, base_url)?),
            StorageKind::Http(http) => {
                let HttpConfig { url, headers, .. } = http;
                let origin = self.origin(&url.origin, &http.settings, headers)?;
                Arc::new(HttpStorage::new(origin, &url.path)?)
            }
            StorageKind::S3(s3) => {
                self.bucket(config, |client| remote::bucket(client, &config.name, s3))?
            }
            #[cfg(feature = "gcs")]
            StorageKind::Gcs(gcs) => {
                self.bucket(config, |client| cloud::gcs(client, &config.name, gcs))?
            }
            #[cfg(feature = "azure")]
            StorageKind::Azure(azure) => {
                self.bucket(config, |client| cloud::azure(client, &config.name, azure))?
            }
        })
    }

    /// A bucket with its credentials and links, taken over from before a reload if nothing about it changed.
    fn bucket(
        &mut self,
        config: &StorageConfig,
        make: impl FnOnce(&Client) -> Result<Arc<dyn Storage>, BuildError>,
    ) -> Result<Arc<dyn Storage>> {
        let client = self.client()?.clone();
        let named = (config.name.clone(), config.kind.clone());
        Ok(self.buckets.get(&named, || make(&client))?)
    }

    fn local_storage(&mut self, config: &LocalStorageConfig) -> Result<LocalStorage> {
        let symlinks = match config.symlinks {
            config::Symlinks::Refuse => Symlinks::Refuse,
            config::Symlinks::Within => Symlinks::Within,
        };
        let unreadable = match config.unreadable {
            config::Unreadable::NotFound => Unreadable::NotFound,
            config::Unreadable::Forbidden => Unreadable::Forbidden,
        };
        let storage = self.folder(&config.root)?;
        Ok(storage.symlinks(symlinks).unreadable(unreadable))
    }

    /// The client for other servers. It is made when the first of them is named, because it reads the system's certificates.
    fn client(&mut self) -> Result<&Client> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::new()?,
        };
        Ok(self.client.insert(client))
    }
}

/// The texts that stand in the file itself.
fn memory_storage(
    files: &BTreeMap<StorageName, String>,
    base_url: Option<&str>,
) -> Result<MemoryStorage> {
    let storage = match base_url {
        Some(base_url) => MemoryStorage::new().base_url(base_url)?,
        None => MemoryStorage::new(),
    };
    for (name, text) in files {
        storage.insert(name.clone(), text.clone());
    }
    Ok(storage)
}
