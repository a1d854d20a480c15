//! What the other tables describe and a view may name.

use crate::config::database::Databases;
use crate::config::storage::Storages;

/// The storages and databases of the file, and whether it has keys for signed links.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) storages: &'a Storages,
    pub(crate) databases: &'a Databases,
    pub(crate) signs: bool,
}
