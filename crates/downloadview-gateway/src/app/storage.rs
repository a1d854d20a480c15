//! The storages of the configuration, opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use downloadview::Result;
use downloadview::storage::{
    LocalStorage, MemoryStorage, Storage, StorageName, Symlinks, Unreadable,
};

use crate::config::{self, Config, LocalStorageConfig, StorageConfig, StorageKind};

pub(super) type Storages = BTreeMap<String, Arc<dyn Storage>>;

pub(super) fn build(config: &Config) -> Result<Storages> {
    let opened = config
        .storages
        .iter()
        .map(|(name, storage)| Ok((name.clone(), open(storage)?)));
    opened.collect()
}

fn open(config: &StorageConfig) -> Result<Arc<dyn Storage>> {
    let base_url = config.base_url.as_deref();
    match &config.kind {
        StorageKind::Local(local) => {
            let storage = local_storage(local)?;
            Ok(match base_url {
                Some(base_url) => Arc::new(storage.base_url(base_url)),
                None => Arc::new(storage),
            })
        }
        StorageKind::Memory { files } => {
            let storage = match base_url {
                Some(base_url) => MemoryStorage::new().base_url(base_url),
                None => MemoryStorage::new(),
            };
            for (name, text) in files {
                storage.insert(StorageName::parse(name)?, text.clone());
            }
            Ok(Arc::new(storage))
        }
    }
}

fn local_storage(config: &LocalStorageConfig) -> Result<LocalStorage> {
    let symlinks = match config.symlinks {
        config::Symlinks::Refuse => Symlinks::Refuse,
        config::Symlinks::Within => Symlinks::Within,
    };
    let unreadable = match config.unreadable {
        config::Unreadable::NotFound => Unreadable::NotFound,
        config::Unreadable::Forbidden => Unreadable::Forbidden,
    };
    let storage = LocalStorage::new(&config.root)?;
    Ok(storage.symlinks(symlinks).unreadable(unreadable))
}
