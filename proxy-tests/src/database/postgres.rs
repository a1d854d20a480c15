//! PostgreSQL 13 or newer: its cluster is made by `initdb`, its statements stand in what it prints.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::database::daemon::{Kind, complete, find};
use crate::database::image::Image;
use crate::database::{NAME, PASSWORD, USER};
use crate::server::hand_over;

/// Debian keeps every major version in a folder of its own, none of them on `PATH`.
const VERSIONS: &str = "/usr/lib/postgresql";

const SETTINGS: &[&str] = &[
    // A socket file would need a short path, and nobody uses it.
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "autovacuum=off",
    "shared_buffers=16MB",
    "max_connections=50",
    "logging_collector=off",
    "log_destination=stderr",
    "log_line_prefix=",
    "log_statement=all",
    "lc_messages=C",
];

/// The database that every new cluster has becomes the test's.
const OURS: &[&str] = &["ALTER DATABASE postgres RENAME TO app"];

/// The two others are two thirds of what is written for each server, and only copied from.
const NO_TEMPLATES: &[&str] = &[
    "ALTER DATABASE template0 IS_TEMPLATE false",
    "ALTER DATABASE template1 IS_TEMPLATE false",
    "DROP DATABASE template0",
    "DROP DATABASE template1",
];

/// The folder with `postgres` and `initdb` of the same version.
#[derive(Debug)]
pub(super) struct Postgres {
    programs: PathBuf,
}

impl Postgres {
    /// Runs statements while no server runs, in this database of the cluster.
    fn alone(&self, data: &Path, database: &str, statements: &[&str]) -> Result<()> {
        let mut command = Command::new(self.programs.join("postgres"));
        command.args(["--single", "-F", "-D"]).arg(data);
        command.arg(database).env("LC_ALL", "C");
        complete(&mut command, statements.join("\n").as_bytes())
    }
}

impl Kind for Postgres {
    const NAME: &'static str = "postgres";
    const PACKAGE: &'static str = "postgresql";
    /// "Fast": SIGTERM would wait until the last client has gone.
    const END: Signal = Signal::INT;

    fn find() -> Result<Self> {
        let program = find("postgres", newest_first(Path::new(VERSIONS)))?;
        // A link on PATH may stand without its neighbours.
        let program = program.canonicalize()?;
        let folder = program.parent().context("`postgres` stands in no folder")?;
        Ok(Self {
            programs: folder.to_owned(),
        })
    }

    fn prepare(&self, folder: &Path, data: &Path) -> Result<()> {
        let password = folder.join("password");
        fs::write(&password, PASSWORD).context("cannot write the file with the password")?;
        hand_over(&password)?;
        let mut command = Command::new(self.programs.join("initdb"));
        command
            .args(["--no-sync", "--no-instructions", "--wal-segsize=1"])
            .args(["--encoding=UTF8", "--locale=C"])
            .args(["--auth-local=reject", "--auth-host=scram-sha-256"])
            .args(["--username", USER, "--pwfile"])
            .arg(&password)
            .arg("--pgdata")
            .arg(data)
            .env("LC_ALL", "C");
        complete(&mut command, b"")?;
        self.alone(data, "template1", OURS)?;
        self.alone(data, NAME, NO_TEMPLATES)
    }

    fn kept() -> &'static OnceLock<Result<Image, String>> {
        static KEPT: OnceLock<Result<Image, String>> = OnceLock::new();
        &KEPT
    }

    fn command(&self, _folder: &Path, data: &Path, address: SocketAddr) -> Command {
        let mut command = Command::new(self.programs.join("postgres"));
        command.arg("-D").arg(data).env("LC_ALL", "C");
        let place = [
            format!("listen_addresses={}", address.ip()),
            format!("port={}", address.port()),
        ];
        for setting in place.iter().map(String::as_str).chain(SETTINGS.to_vec()) {
            command.args(["-c", setting]);
        }
        command
    }

    fn url(address: SocketAddr) -> String {
        format!("postgres://{USER}:{PASSWORD}@{address}/{NAME}")
    }

    fn log() -> String {
        format!("{}.output", Self::NAME)
    }

    fn statements(log: &str) -> Vec<String> {
        statements(log)
    }
}

/// The `bin` folders of all versions below a folder.
fn newest_first(versions: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(versions) else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// `LOG:  statement: SQL` for a plain one, `LOG:  execute NAME: SQL` for a prepared one; a line
/// that goes on begins with a tab (`log_line_prefix` is empty).
fn statements(log: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in log.lines() {
        if let Some(rest) = line.strip_prefix('\t') {
            if let Some(last) = found.last_mut().filter(|_| goes_on) {
                last.push('\n');
                last.push_str(rest);
            }
            continue;
        }
        let statement = first_line(line);
        goes_on = statement.is_some();
        found.extend(statement.map(str::to_owned));
    }
    found
}

fn first_line(line: &str) -> Option<&str> {
    let text = line.strip_prefix("LOG:  ")?;
    if let Some(statement) = text.strip_prefix("statement: ") {
        return Some(statement);
    }
    let (_name, statement) = text.strip_prefix("execute ")?.split_once(": ")?;
    Some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_read_from_the_log_with_all_their_lines_and_nothing_else() {
        let log = "LOG:  database system is ready to accept connections\n\
                   LOG:  statement: INSERT INTO a VALUES ('x: y')\n\
                   LOG:  execute sqlx_s_1: SELECT b\n\tFROM a WHERE c = $1\n\
                   DETAIL:  parameters: $1 = 'two\n\tlines'\n\
                   ERROR:  nothing\n";
        assert_eq!(
            statements(log),
            [
                "INSERT INTO a VALUES ('x: y')",
                "SELECT b\nFROM a WHERE c = $1"
            ]
        );
    }

    #[test]
    fn the_newest_version_comes_first_by_number_not_by_text() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["9", "15", "common"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let names = newest_first(folder.path());
        let expected = ["15/bin", "9/bin"].map(|name| folder.path().join(name));
        assert_eq!(names, expected);
    }
}
