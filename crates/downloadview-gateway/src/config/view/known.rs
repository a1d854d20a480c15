//! What the other tables describe and a view may name. They are read first, whatever stands first in the file; a
//! view that names what is not there is refused at that key.

use crate::config::database::Databases;
use crate::config::storage::Storages;

/// The storages and databases of the file, and whether it has keys for signed links.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// `[storages.NAME]`, for `storage` of a view and of a rule.
    pub(crate) storages: &'a Storages,
    /// `[databases.NAME]`, for `database` of an object view.
    pub(crate) databases: &'a Databases,
    /// Whether there is `[signing]`, without which `signature` of a view is refused.
    pub(crate) signs: bool,
}
