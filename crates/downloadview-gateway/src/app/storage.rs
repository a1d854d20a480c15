//! The storages of the configuration, opened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use downloadview::Result;
use downloadview::storage::{
    LocalStorage, MemoryStorage, Storage, StorageName, Symlinks, Unreadable,
};

use crate::config::{self, Config, LocalStorageConfig, StorageConfig, StorageKind};

pub(super) type Storages = BTreeMap<String, Arc<dyn Storage>>;

/// The folders of an application by their paths.
///
/// What is read anew shares those that it still names: what hangs below one then keeps to the same few threads,
/// however often that is, and nothing is opened twice.
#[derive(Debug, Clone, Default)]
pub(super) struct Folders {
    before: BTreeMap<PathBuf, LocalStorage>,
    opened: BTreeMap<PathBuf, LocalStorage>,
}

impl Folders {
    /// None opened yet, with those of another application at hand.
    pub(super) fn after(other: &Self) -> Self {
        Self {
            before: other.opened.clone(),
            opened: BTreeMap::new(),
        }
    }

    /// Lets go of what was at hand and is not named any more.
    pub(super) fn settled(self) -> Self {
        Self {
            before: BTreeMap::new(),
            ..self
        }
    }

    pub(super) fn open(&mut self, root: &Path) -> Result<LocalStorage> {
        let known = self.opened.get(root).or_else(|| self.before.get(root));
        let folder = match known {
            Some(folder) => folder.clone(),
            None => LocalStorage::new(root)?,
        };
        self.opened.insert(root.to_owned(), folder.clone());
        Ok(folder)
    }
}

pub(super) fn build(config: &Config, folders: &mut Folders) -> Result<Storages> {
    let opened = config
        .storages
        .iter()
        .map(|(name, storage)| Ok((name.clone(), open(storage, folders)?)));
    opened.collect()
}

fn open(config: &StorageConfig, folders: &mut Folders) -> Result<Arc<dyn Storage>> {
    let base_url = config.base_url.as_deref();
    match &config.kind {
        StorageKind::Local(local) => {
            let storage = local_storage(local, folders)?;
            Ok(match base_url {
                Some(base_url) => Arc::new(storage.base_url(base_url)?),
                None => Arc::new(storage),
            })
        }
        StorageKind::Memory { files } => {
            let storage = match base_url {
                Some(base_url) => MemoryStorage::new().base_url(base_url)?,
                None => MemoryStorage::new(),
            };
            for (name, text) in files {
                storage.insert(StorageName::parse(name)?, text.clone());
            }
            Ok(Arc::new(storage))
        }
    }
}

fn local_storage(config: &LocalStorageConfig, folders: &mut Folders) -> Result<LocalStorage> {
    let symlinks = match config.symlinks {
        config::Symlinks::Refuse => Symlinks::Refuse,
        config::Symlinks::Within => Symlinks::Within,
    };
    let unreadable = match config.unreadable {
        config::Unreadable::NotFound => Unreadable::NotFound,
        config::Unreadable::Forbidden => Unreadable::Forbidden,
    };
    let storage = folders.open(&config.root)?;
    Ok(storage.symlinks(symlinks).unreadable(unreadable))
}
