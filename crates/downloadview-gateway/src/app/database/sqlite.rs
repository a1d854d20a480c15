//! What is particular to SQLite: the gateway only reads, and the file may be replaced while it is open.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::ConnectOptions;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;

use super::health::Health;
use crate::config::DatabaseUrl;

/// Opens files for reading, and anew when another file has taken their place.
pub(super) fn configure(options: &mut ConnectOptions, url: &DatabaseUrl, health: &Arc<Health>) {
    options.map_sqlx_sqlite_opts(reading_only(url));
    // A URL that cannot be read is an error as soon as somebody connects.
    let Ok(parsed) = SqliteConnectOptions::from_str(url.expose()) else {
        return;
    };
    let file = WatchedFile::new(parsed.get_filename().to_owned());
    let health = Arc::clone(health);
    options.map_sqlx_sqlite_before_acquire(move |_, known| {
        if file.was_replaced() {
            health.renew();
        }
        let is_current = !health.is_outdated(known.age);
        Box::pin(std::future::ready(Ok(is_current)))
    });
}

/// The gateway never writes, and must not make a file where one is missing. A URL that says `mode` itself has a reason:
/// without the right to write, a database in WAL mode can be opened only while somebody else has it open.
pub(super) fn reading_only(
    url: &DatabaseUrl,
) -> impl Fn(SqliteConnectOptions) -> SqliteConnectOptions + use<> {
    let options = url.expose().split_once('?');
    let says_mode = options.is_some_and(|(_, options)| options.contains("mode="));
    move |options| match says_mode {
        true => options,
        false => options.read_only(true),
    }
}

/// A file that deployments replace by renaming another one over it: who has it open goes on reading the old one.
struct WatchedFile {
    path: PathBuf,
    /// Device and inode.
    seen: Mutex<Option<(u64, u64)>>,
}

impl WatchedFile {
    fn new(path: PathBuf) -> Self {
        let file = Self {
            path,
            seen: Mutex::default(),
        };
        file.was_replaced();
        file
    }

    /// Since the last time that somebody asked. One that is away is waited for.
    fn was_replaced(&self) -> bool {
        let Ok(found) = fs::metadata(&self.path) else {
            return false;
        };
        let found = Some((found.dev(), found.ino()));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *seen, found);
        before.is_some() && before != found
    }
}
