//! The databases that records come from: their rows are written once, their servers run while a sitting needs them.
//!
//! The data lies in the lab's folder and goes with it. The servers listen on a free port of loopback, run on the
//! servers' core, unprivileged, and with their own defaults, but for what would disturb the others: work in the background.

mod mariadb;
mod postgres;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sea_orm::{ConnectOptions, ConnectionTrait as _, DbErr, Statement};

use self::mariadb::MariaDb;
use self::postgres::Postgres;
use crate::documents;
use crate::lab::Lab;
use crate::server::{self, Server};

/// How long connecting may take: PostgreSQL listens before it answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// A database with the documents in it, at rest.
#[derive(Debug)]
pub(crate) struct Database {
    /// Name and version, as the tables call it.
    pub(crate) name: String,
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    /// Its file.
    Sqlite(PathBuf),
    Postgres(Postgres),
    MariaDb(MariaDb),
}

/// A database that can be asked.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where it is, as SeaORM reads it.
    pub(crate) url: String,
    /// `None` for SQLite, which runs within the application.
    pub(crate) server: Option<Server>,
}

impl Database {
    /// Makes a database of each kind, with all documents.
    ///
    /// # Errors
    /// When one is not installed, does not start, or takes no rows.
    pub(crate) fn all(lab: &Lab) -> Result<Vec<Self>> {
        let postgres = Postgres::prepare(lab).context("cannot make a PostgreSQL database")?;
        let mariadb = MariaDb::prepare(lab).context("cannot make a MariaDB database")?;
        let engines = [
            Engine::Sqlite(lab.path("documents.db")),
            Engine::Postgres(postgres),
            Engine::MariaDb(mariadb),
        ];
        let filled = engines.map(|engine| Self::fill(engine, lab));
        filled.into_iter().collect()
    }

    /// Starts its server, if it has one.
    pub(crate) fn start(&self, lab: &Lab) -> Result<Running> {
        self.engine.start(lab)
    }

    fn fill(engine: Engine, lab: &Lab) -> Result<Self> {
        let running = match &engine {
            Engine::Sqlite(file) => Running {
                url: format!("sqlite://{}?mode=rwc", file.display()),
                server: None,
            },
            _ => engine.start(lab)?,
        };
        let filled = fill(&running.url, engine.settling(), engine.asking_version());
        let version = filled.with_context(|| format!("{} takes no rows", engine.name()))?;
        Ok(Self {
            name: format!("{} {}", engine.name(), short(&version)),
            engine,
        })
    }
}

impl Engine {
    fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
            Self::MariaDb(_) => "MariaDB",
        }
    }

    fn start(&self, lab: &Lab) -> Result<Running> {
        match self {
            Self::Sqlite(file) => Ok(Running {
                url: format!("sqlite://{}", file.display()),
                server: None,
            }),
            Self::Postgres(postgres) => postgres.start(lab),
            Self::MariaDb(mariadb) => mariadb.start(lab),
        }
    }

    /// Brings the table into the state of one that has been in use.
    fn settling(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "ANALYZE document",
            Self::Postgres(_) => "VACUUM ANALYZE document",
            Self::MariaDb(_) => "ANALYZE TABLE document",
        }
    }

    fn asking_version(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SELECT sqlite_version()",
            Self::Postgres(_) => "SHOW server_version",
            Self::MariaDb(_) => "SELECT version()",
        }
    }
}

/// Writes all documents, and returns the version.
fn fill(url: &str, settling: &str, asking_version: &str) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .sqlx_logging(false);
    let version: Result<Option<String>, DbErr> = runtime.block_on(async {
        let db = sea_orm::Database::connect(options).await?;
        db.execute_unprepared(documents::TABLE).await?;
        for statement in documents::insertions() {
            db.execute_unprepared(&statement).await?;
        }
        db.execute_unprepared(settling).await?;
        let question = Statement::from_string(db.get_database_backend(), asking_version);
        let rows = db.query_all_raw(question).await?;
        let version: Option<Result<String, DbErr>> =
            rows.first().map(|row| row.try_get_by_index(0));
        db.close().await?;
        version.transpose()
    });
    version?.context("it does not tell its version")
}

/// The number before the distribution's own words.
fn short(version: &str) -> &str {
    let end = version.find([' ', '-']).unwrap_or(version.len());
    version.get(..end).unwrap_or(version)
}

/// Where a program stands: `PATH` first, then the given folders.
fn find(
    program: &str,
    package: &str,
    folders: impl IntoIterator<Item = PathBuf>,
) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(folders)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .with_context(|| format!("there is no program {program}; install the package {package}"))
}

/// A new folder that belongs to the user as whom the servers run.
fn new_folder(path: &Path) -> Result<()> {
    std::fs::create_dir(path)
        .and_then(|()| server::hand_over(path))
        .with_context(|| format!("cannot create the folder {}", path.display()))
}

/// Refuses a program that failed, with its words.
fn ensure_success(name: &str, output: &std::process::Output) -> Result<()> {
    ensure!(
        output.status.success(),
        "{name} failed ({}); it said:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout).trim(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_without_its_distribution() {
        assert_eq!(short("3.50.4"), "3.50.4");
        assert_eq!(short("15.18 (Debian 15.18-0+deb12u1)"), "15.18");
        assert_eq!(short("10.11.19-MariaDB-0+deb12u1"), "10.11.19");
    }

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let error = find("no-such-daemon", "no-such-package", []).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("no-such-daemon"), "{text}");
        assert!(text.contains("no-such-package"), "{text}");
    }
}
