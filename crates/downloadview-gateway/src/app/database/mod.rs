//! The databases of the configuration: pools of connections, and the rows that object views find through them.
//!
//! 1. `connect` opens a pool without a connection, and tries one to learn at start what is wrong (`sqlite`: what files need);
//! 2. `schema` checks every name of every object view, and reports misfits like all other mistakes of the file;
//! 3. `records` finds rows for requests, as long as `health` says that the database is there.
//!
//! A database that is down does not keep the gateway from starting: its views answer 503 until it is back, and their names
//! are checked then.

mod connect;
mod health;
mod records;
mod schema;
mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DatabaseConnection;

use self::health::Health;
pub(super) use self::records::Records;
use super::parameters::Parameters;
use crate::config::{Config, ConfigError, DatabaseUrl, ObjectConfig, ViewConfig, ViewKind};

/// One database, shared by the views over it.
pub(super) struct Database {
    name: String,
    url: DatabaseUrl,
    pool: DatabaseConnection,
    connect_timeout: Duration,
    query_timeout: Duration,
    health: Arc<Health>,
}

/// The rows for each view of the configuration, in its order; none for views of other kinds.
///
/// # Errors
///
/// A database refuses the connection for good, or a table or column is not there or does not fit: all of it at once.
pub(super) async fn records(config: &Config) -> Result<Vec<Option<Records>>, ConfigError> {
    let mut problems = Vec::new();
    let mut databases = BTreeMap::new();
    for name in names_in_use(config) {
        if let Some(described) = config.databases.get(name) {
            match connect::open(name, described).await {
                Ok(database) => drop(databases.insert(name, database)),
                Err(problem) => problems.push(problem),
            }
        }
    }
    let mut records = Vec::new();
    for view in &config.views {
        records.push(match object(view) {
            Some((object, database)) => match databases.get(database) {
                Some(database) => {
                    schema::check(object, Parameters::of(view), database, &mut problems).await
                }
                None => None,
            },
            None => None,
        });
    }
    match problems.is_empty() {
        true => Ok(records),
        false => Err(config.refuse(problems)),
    }
}

/// A place in the file, what is wrong there, and how to fix it.
type Problem = (std::ops::Range<usize>, String, String);

fn object(view: &ViewConfig) -> Option<(&ObjectConfig, &str)> {
    match &view.kind {
        ViewKind::Object(object) => Some((object, &object.database)),
        _ => None,
    }
}

fn names_in_use(config: &Config) -> std::collections::BTreeSet<&str> {
    let objects = config.views.iter().filter_map(object);
    objects.map(|(_, database)| database).collect()
}
