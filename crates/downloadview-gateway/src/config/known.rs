//! What the other tables describe and a view may name.

use super::database::Databases;
use super::storage::Storages;

/// The storages and databases of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) storages: &'a Storages,
    pub(super) databases: &'a Databases,
}
