//! The harness's own way to a database: one connection for each call, from a test that is not asynchronous.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, ExecResult, Statement,
};
use tokio::runtime::{Builder, Runtime};

const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps no connection, so that a server may stop and start between two calls.
#[derive(Debug)]
pub(super) struct Client {
    url: String,
    runtime: Runtime,
}

impl Client {
    pub(super) fn new(url: String) -> Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot make a tokio runtime")?;
        Ok(Self { url, runtime })
    }

    /// Runs statements, separated by `;`. A server that is just starting is waited for.
    pub(super) fn run(&self, sql: &str) -> Result<()> {
        self.patiently(sql, async {
            let connection = self.connect().await?;
            let result = connection.execute_unprepared(sql).await;
            connection.close().await?;
            result
        })?;
        Ok(())
    }

    /// The first column of every row.
    pub(super) fn read(&self, query: &str) -> Result<Vec<String>> {
        self.patiently(query, async {
            let connection = self.connect().await?;
            let statement = Statement::from_string(connection.get_database_backend(), query);
            let result = connection.query_all_raw(statement).await;
            connection.close().await?;
            let rows = result?;
            rows.iter().map(|row| row.try_get_by_index(0)).collect()
        })
    }

    /// Runs a statement and keeps its connection, with whatever locks it took.
    pub(super) fn hold(&self, sql: &str) -> Result<DatabaseConnection> {
        self.patiently(sql, async {
            let connection = self.connect().await?;
            connection.execute_unprepared(sql).await?;
            Ok(connection)
        })
    }

    /// Runs a last statement on a connection that was kept.
    pub(super) fn release(&self, connection: DatabaseConnection, sql: &str) -> Result<ExecResult> {
        self.patiently(sql, async {
            let result = connection.execute_unprepared(sql).await;
            connection.close().await?;
            result
        })
    }

    async fn connect(&self) -> Result<DatabaseConnection, DbErr> {
        let mut options = ConnectOptions::new(&self.url);
        options
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .sqlx_logging(false);
        Database::connect(options).await
    }

    fn patiently<T>(&self, sql: &str, work: impl Future<Output = Result<T, DbErr>>) -> Result<T> {
        let patient = async { tokio::time::timeout(PATIENCE, work).await };
        self.runtime
            .block_on(patient)
            .with_context(|| format!("{} did not answer {sql:?} in 30 s", self.url))?
            .with_context(|| format!("{} refused {sql:?}", self.url))
    }
}
