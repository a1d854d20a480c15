//! Real databases for the tests: PostgreSQL and MariaDB as servers of their own, SQLite as a file.
//!
//! Each value is a new, empty database `app` in a temporary folder, which both go with the value. The
//! servers listen on a free port of loopback, run unprivileged, and keep nothing safe from a power
//! failure, which makes them quick: the first of its kind takes a second, the others a fifth of it.

mod client;
mod daemon;
mod image;
mod mariadb;
mod postgres;
mod sqlite;

use std::fmt;

use anyhow::Result;

use crate::database::client::Client;
use crate::database::daemon::Daemon;
use crate::database::mariadb::MariaDb;
use crate::database::postgres::Postgres;
use crate::database::sqlite::Sqlite;

const USER: &str = "app";
const PASSWORD: &str = "never-to-be-logged";
const NAME: &str = "app";

/// One test's database. Its tables are made with [`run`](Self::run), and any client reaches it by its [`url`](Self::url).
#[derive(Debug)]
pub struct Database {
    client: Client,
    engine: Box<dyn Engine>,
}

/// What differs between a server and a file.
trait Engine: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;
    fn url(&self) -> String;
    fn stop(&mut self) -> Result<()>;
    fn start_again(&mut self) -> Result<()>;
    fn pause(&mut self) -> Result<()>;
    fn resume(&mut self) -> Result<()>;
    /// Everything that it was asked so far, oldest first.
    fn statements(&self) -> Result<Option<Vec<String>>>;
}

impl Database {
    /// How to start each of the three, for what shall hold with all of them.
    pub const ALL: [fn() -> Self; 3] = [Self::postgres, Self::mariadb, Self::sqlite];

    /// The password in the URLs of the servers, so that a test can look where it must not show.
    pub const PASSWORD: &'static str = PASSWORD;

    /// Starts a PostgreSQL. Over the network it asks for the password (SCRAM-SHA-256); its user may do everything.
    ///
    /// # Panics
    /// When it is not installed or does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn postgres() -> Self {
        Self::of(Box::new(must(Daemon::<Postgres>::start())))
    }

    /// Starts a MariaDB whose tables are InnoDB and UTF-8. Its user may do everything in its own database.
    ///
    /// # Panics
    /// When it is not installed or does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn mariadb() -> Self {
        Self::of(Box::new(must(Daemon::<MariaDb>::start())))
    }

    /// Makes an empty SQLite file that the servers' user may write, in a folder that it may write too.
    ///
    /// # Panics
    /// When the file cannot be made.
    #[must_use]
    #[track_caller]
    pub fn sqlite() -> Self {
        Self::of(Box::new(must(Sqlite::create())))
    }

    #[track_caller]
    fn of(engine: Box<dyn Engine>) -> Self {
        let client = must(Client::new(engine.url()));
        // PostgreSQL takes connections before it takes statements; the client waits for both.
        must(client.run("SELECT 1"));
        Self { client, engine }
    }

    /// `postgres`, `mariadb` or `sqlite`, for the messages of a test.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.engine.name()
    }

    /// Where it is, as the gateway's configuration says it: `postgres://app:PASSWORD@127.0.0.1:PORT/app`,
    /// `mysql://app:PASSWORD@127.0.0.1:PORT/app` or `sqlite:///FOLDER/app.db`.
    #[must_use]
    pub fn url(&self) -> String {
        self.engine.url()
    }

    /// Runs statements, separated by `;`, on a connection of its own.
    ///
    /// # Panics
    /// When one fails, or all together take longer than 30 seconds.
    #[track_caller]
    pub fn run(&self, sql: &str) {
        must(self.client.run(sql));
    }

    /// The first column of every row that a query finds. It must be text and not NULL.
    ///
    /// # Panics
    /// When the query fails, takes longer than 30 seconds, or finds something else than text.
    #[must_use]
    #[track_caller]
    pub fn read(&self, query: &str) -> Vec<String> {
        must(self.client.read(query))
    }

    /// Does some work, and tells which statements the server was asked meanwhile, oldest first.
    ///
    /// The statements are everybody's, so also those with which a new connection introduces itself, and
    /// our own [`run`](Self::run) within the work. A prepared one counts when it runs. PostgreSQL shows
    /// it with its placeholders, MariaDB with the values. `None` for SQLite, which has no server to ask.
    ///
    /// # Panics
    /// When the server's log cannot be read.
    #[track_caller]
    pub fn watch<T>(&self, work: impl FnOnce() -> T) -> (T, Option<Vec<String>>) {
        let before = must(self.engine.statements()).map_or(0, |statements| statements.len());
        let value = work();
        let statements = must(self.engine.statements());
        let new = statements.map(|mut statements| statements.split_off(before));
        (value, new)
    }

    /// Ends the server in good order and waits until it has: its connections break, new ones are refused.
    ///
    /// The file of SQLite moves out of the way instead: who has it open goes on reading it.
    ///
    /// # Panics
    /// When it does not run, or does not end within 30 seconds.
    #[track_caller]
    pub fn stop(&mut self) {
        must(self.engine.stop());
    }

    /// Starts it again after [`stop`](Self::stop), on the same port and with the same rows, and waits until it answers.
    ///
    /// # Panics
    /// When it was not stopped or does not start; the message holds its output.
    #[track_caller]
    pub fn start_again(&mut self) {
        must(self.engine.start_again());
        must(self.client.run("SELECT 1"));
    }

    /// Stops all its processes where they stand (SIGSTOP): connections stay, new ones are taken by the kernel, and
    /// nothing is answered. What was asked meanwhile is answered after [`resume`](Self::resume).
    ///
    /// The file of SQLite is locked instead: who reads it waits for the end of his own patience with locks.
    ///
    /// # Panics
    /// When it does not run, or a process does not stop.
    #[track_caller]
    pub fn pause(&mut self) {
        must(self.engine.pause());
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn resume(&mut self) {
        must(self.engine.resume());
    }
}

#[track_caller]
fn must<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error:#}"),
    }
}
