//! The storages of the configuration, opened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use downloadview::storage::{LocalStorage, MemoryStorage, Storage, Symlinks, Unreadable};
use downloadview::{BuildError, Result};

use crate::config::{self, Config, LocalStorageConfig, SharedStorage, StorageConfig, StorageKind};

/// The storages of an application, each opened once.
#[derive(Debug, Default)]
pub(super) struct Storages {
    opened: BTreeMap<String, Arc<dyn Storage>>,
}

impl Storages {
    pub(super) fn open(
        &mut self,
        config: &SharedStorage,
        folders: &mut Folders,
    ) -> Result<Arc<dyn Storage>> {
        if let Some(storage) = self.opened.get(&config.name) {
            return Ok(Arc::clone(storage));
        }
        let storage = open(config, folders)?;
        self.opened
            .insert(config.name.clone(), Arc::clone(&storage));
        Ok(storage)
    }
}

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

/// Opens all of them, so that a mistake in one that no view names is found too.
pub(super) fn build(config: &Config, folders: &mut Folders) -> Result<Storages> {
    let mut storages = Storages::default();
    for storage in config.storages.values() {
        storages.open(storage, folders)?;
    }
    Ok(storages)
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
                storage.insert(name.clone(), text.clone());
            }
            Ok(Arc::new(storage))
        }
        StorageKind::Http(_) | StorageKind::S3(_) => {
            let name = &config.name;
            let what =
                format!("storage `{name}`: files of other servers come with the next version");
            Err(BuildError::new(what).into())
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
