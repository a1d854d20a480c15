//! Opens a database: a pool that connects when it is needed, and a first connection that shows what is wrong.
//! [`open`] is called once for each database that a view names:
//!
//! 1. make a lazy pool, with the limits of the file and hooks that ask `health` about each connection;
//! 2. try one connection beside it, to see the true error;
//! 3. up, or full: done. Down for now: done too, and `health` goes on trying. For good, such as a wrong password: a
//!    problem of the file.

use std::io;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use downloadview_sea_orm::TableError;
use sea_orm::sqlx::mysql::MySqlConnectOptions;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, RuntimeErr};

use super::health::{Health, is_full};
use super::{Database, Problem, sqlite};
use crate::config::{DatabaseConfig, DatabaseKind, DatabaseUrl};

/// Connections that were used more recently are taken to be alive.
///
/// That is about a connection that is taken from the pool. One that goes back is asked each time, whatever is set: sqlx 0.9
/// pings it in `PoolConnection::return_to_pool` (`sqlx-core/src/pool/connection.rs`) after `after_release`, without a
/// condition.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// The database, connected or down for now.
///
/// # Errors
///
/// What will not pass by itself: a wrong password, no such database, a broken file.
pub(super) async fn open(name: &str, config: &DatabaseConfig) -> Result<Arc<Database>, Problem> {
    let health = Arc::new(Health::default());
    let refused = |reason: &dyn std::fmt::Display| {
        let message = format!(
            "database `{name}` at {} cannot be used: {reason}",
            config.url
        );
        let help = "check user, password, the name of the database and its options";
        (config.span.clone(), message, help.to_owned())
    };
    let pool = pool(config, &health)
        .await
        .map_err(|error| refused(&error))?;
    let database = Arc::new(Database {
        name: name.to_owned(),
        url: config.url.clone(),
        pool,
        connect_timeout: config.connect_timeout,
        query_timeout: config.query_timeout,
        health,
    });
    match database.try_connection().await {
        Ok(()) => Ok(database),
        Err(error) if is_full(&error) => Ok(database),
        Err(error) if is_temporary(&error) => {
            database.is_down(&error);
            Ok(database)
        }
        Err(error) => Err(refused(&error)),
    }
}

impl Database {
    /// Opens a connection beside the pool, which would hide the reason of a failure behind a time-out.
    pub(super) async fn try_connection(&self) -> Result<(), Arc<sqlx::Error>> {
        let connection = tokio::time::timeout(self.connect_timeout, connect_once(&self.url));
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
        let outcome = connection.await.map_err(late).map_err(sqlx::Error::Io);
        outcome.and_then(|connected| connected).map_err(Arc::new)
    }
}

async fn pool(config: &DatabaseConfig, health: &Arc<Health>) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(config.url.expose());
    options
        .max_connections(config.max_connections.get())
        .acquire_timeout(config.connect_timeout)
        .test_before_acquire_if_idle_for(TRUSTED_FOR)
        .connect_lazy(true)
        // A line a request that tells no more than the request's own.
        .sqlx_logging(false);
    match config.url.kind() {
        DatabaseKind::Sqlite => sqlite::configure(&mut options, &config.url, health),
        DatabaseKind::Postgres => postgres(&mut options, config, health),
        DatabaseKind::Mysql => mysql(&mut options, config, health),
    }
    sea_orm::Database::connect(options).await
}

/// The server ends queries too: one that waits for a lock would not notice that nobody waits for it any more, and the
/// pool would open another connection, and another.
fn postgres(options: &mut ConnectOptions, config: &DatabaseConfig, health: &Arc<Health>) {
    let patience = config.connect_timeout;
    let limit = format!(
        "SET statement_timeout = {}",
        milliseconds(config.query_timeout)
    );
    let of_release = Arc::clone(health);
    options.map_sqlx_postgres_pool_opts(move |pool| {
        let (health, limit) = (Arc::clone(&of_release), limit.clone());
        pool.after_connect(move |connection, _| {
            let limit = AssertSqlSafe(limit.clone());
            Box::pin(async move { connection.execute(limit).await.map(drop) })
        })
        .after_release(move |connection, known| {
            Box::pin(Arc::clone(&health).check_released(connection, known.age, patience))
        })
    });
    let of_acquire = Arc::clone(health);
    options.map_sqlx_postgres_before_acquire(move |_, known| {
        let is_current = !of_acquire.is_outdated(known.age);
        Box::pin(std::future::ready(Ok(is_current)))
    });
}

/// MariaDB and MySQL name the limit differently, and each reads only the comments that are meant for it
/// (<https://mariadb.com/kb/en/comment-syntax/>): MariaDB those that begin with `/*M!`, and none for versions from
/// 50700 to 99999.
fn mysql(options: &mut ConnectOptions, config: &DatabaseConfig, health: &Arc<Health>) {
    let patience = config.connect_timeout;
    let limit = config.query_timeout;
    let limit = format!(
        "SET @downloadview = 1 /*M!100101 , SESSION max_statement_time = {} */ /*!50708 , SESSION max_execution_time = {} */",
        limit.as_secs_f64(),
        milliseconds(limit)
    );
    let health = Arc::clone(health);
    options.map_sqlx_mysql_pool_opts(move |pool| {
        let (health, limit) = (Arc::clone(&health), limit.clone());
        pool.after_connect(move |connection, _| {
            let limit = AssertSqlSafe(limit.clone());
            Box::pin(async move { connection.execute(limit).await.map(drop) })
        })
        .after_release(move |connection, known| {
            Box::pin(Arc::clone(&health).check_released(connection, known.age, patience))
        })
    });
}

/// For servers, 0 means no limit.
fn milliseconds(limit: Duration) -> u128 {
    limit.as_millis().clamp(1, i32::MAX as u128)
}

async fn connect_once(url: &DatabaseUrl) -> Result<(), sqlx::Error> {
    let text = url.expose();
    match url.kind() {
        DatabaseKind::Sqlite => {
            let options = sqlite::reading_only(url)(SqliteConnectOptions::from_str(text)?);
            options.connect().await?.close().await
        }
        DatabaseKind::Postgres => {
            let options = PgConnectOptions::from_str(text)?;
            options.connect().await?.close().await
        }
        DatabaseKind::Mysql => {
            let options = MySqlConnectOptions::from_str(text)?;
            options.connect().await?.close().await
        }
    }
}

/// Whether time alone may fix it. A failed TLS handshake is a matter of certificates, and a SQLite file that cannot be
/// opened now was there when the configuration was read.
fn is_temporary(error: &Arc<sqlx::Error>) -> bool {
    let is_final = match &**error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Database(error) => error.code().as_deref() == Some("14"),
        _ => false,
    };
    let failure = DbErr::Conn(RuntimeErr::SqlxError(Arc::clone(error)));
    !is_final && TableError::Database(failure).is_temporary()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// What comes of an attempt to write, with this `mode` in the URL.
    async fn write(mode: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("app.db"), "").unwrap();
        let text = format!(
            "[databases.main]\nurl = \"sqlite://app.db{mode}\"\n\
             [[views]]\nroute = \"/\"\nkind = \"virtual\"\ntext = \"\"\nbasename = \"a\"\n"
        );
        let config = Config::parse(&text, &folder.path().join("downloadview.toml")).unwrap();
        let database = open("main", &config.databases["main"]).await;
        let pool = &database
            .unwrap_or_else(|problem| panic!("{problem:?}"))
            .pool;
        let statement = "CREATE TABLE a (b INTEGER)";
        let written = sea_orm::ConnectionTrait::execute_unprepared(pool, statement).await;
        written.map(drop).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_file_is_opened_for_reading_unless_its_url_says_otherwise() {
        let refused = write("").await.unwrap_err();
        assert!(refused.contains("readonly"), "{refused}");
        assert_eq!(write("?mode=rw").await, Ok(()));
    }
}
