//! SQLite: a file in a folder of its own, both the servers' user's. There is no server to stop, so the file takes its part.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use sea_orm::DatabaseConnection;
use tempfile::TempDir;

use crate::database::client::Client;
use crate::database::daemon::new_folder;
use crate::database::{Engine, NAME};
use crate::server::hand_over;

#[derive(Debug)]
pub(super) struct Sqlite {
    client: Client,
    /// The connection that holds the lock while the file is paused.
    lock: Option<DatabaseConnection>,
    file: PathBuf,
    folder: TempDir,
}

impl Sqlite {
    /// Makes an empty file. SQLite needs to write beside it, for its journal.
    pub(super) fn create() -> Result<Self> {
        let folder = new_folder()?;
        let file = folder.path().join(format!("{NAME}.db"));
        fs::write(&file, "").context("cannot make the file of the database")?;
        hand_over(&file)?;
        Ok(Self {
            client: Client::new(format!("sqlite://{}", file.display()))?,
            lock: None,
            file,
            folder,
        })
    }

    fn aside(&self) -> PathBuf {
        self.folder.path().join("stopped.db")
    }
}

impl Engine for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.file.display())
    }

    fn stop(&mut self) -> Result<()> {
        self.resume()?;
        fs::rename(&self.file, self.aside()).context("the file is not there: start it again first")
    }

    fn start_again(&mut self) -> Result<()> {
        fs::rename(self.aside(), &self.file).context("the file was not moved away: stop it first")
    }

    fn pause(&mut self) -> Result<()> {
        ensure!(self.lock.is_none(), "the file is locked: resume first");
        self.lock = Some(self.client.hold("BEGIN EXCLUSIVE")?);
        Ok(())
    }

    fn resume(&mut self) -> Result<()> {
        if let Some(connection) = self.lock.take() {
            self.client.release(connection, "ROLLBACK")?;
        }
        Ok(())
    }

    fn statements(&self) -> Result<Option<Vec<String>>> {
        Ok(None)
    }
}

/// A pool gives its connections back by a task, which needs our runtime.
impl Drop for Sqlite {
    fn drop(&mut self) {
        // The file is about to go; there is nobody left to whom a lock would matter.
        let _ = self.resume();
    }
}
