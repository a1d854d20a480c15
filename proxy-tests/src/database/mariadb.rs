//! MariaDB 10.6 or newer: its system tables are made by the server itself, its statements stand in its general log.

use std::ffi::OsString;
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

/// Where Debian keeps the daemon, which a user's `PATH` often lacks.
const FOLDERS: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// Where the SQL of the system tables stands, below the folder that holds `bin` or `sbin`: the first up to MariaDB 10, the second since 11.
const SHARES: [&str; 2] = ["share/mysql", "share/mariadb"];

/// What `mariadb-install-db` feeds to the server, without the help texts and `sys`, which take most of its time.
/// The script itself needs a program of another package, and its names begin with `mysql` or `mariadb`.
const TABLES: [&str; 3] = [
    "_system_tables.sql",
    "_performance_tables.sql",
    "_system_tables_data.sql",
];

const SETTINGS: &[&str] = &[
    "--default-storage-engine=InnoDB",
    "--character-set-server=utf8mb4",
    "--skip-name-resolve",
    "--performance-schema=OFF",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
    // The kernel's slots for it are few, and shared by all servers.
    "--innodb-use-native-aio=OFF",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=4M",
    "--innodb-data-file-path=ibdata1:5M:autoextend",
    "--innodb-temp-data-file-path=ibtmp1:1M:autoextend",
    // The default adds 64 MB at a time.
    "--innodb-autoextend-increment=1",
    "--aria-pagecache-buffer-size=8M",
];

/// The daemon's program.
#[derive(Debug)]
pub(super) struct MariaDb {
    program: PathBuf,
}

impl MariaDb {
    /// The files of others would change what the tests see, hence no defaults.
    fn with_settings(&self, folder: &Path, data: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--no-defaults")
            .arg(option("--datadir=", data))
            .arg(option("--tmpdir=", folder))
            .args(SETTINGS);
        command
    }

    fn tables(&self) -> Result<Vec<u8>> {
        let program = self.program.canonicalize()?;
        let prefix = program
            .ancestors()
            .nth(2)
            .context("`mariadbd` has no prefix")?;
        let folders = SHARES.map(|share| prefix.join(share));
        let mut sql = Vec::new();
        for suffix in TABLES {
            let path = folders
                .iter()
                .find_map(|folder| with_suffix(folder, suffix))
                .with_context(|| format!("there is no *{suffix} in {folders:?}"))?;
            sql.extend(fs::read(path)?);
        }
        Ok(sql)
    }
}

impl Kind for MariaDb {
    const NAME: &'static str = "mariadb";
    const PACKAGE: &'static str = "mariadb-server-core";
    const END: Signal = Signal::TERM;

    fn find() -> Result<Self> {
        let program = find("mariadbd", FOLDERS.map(PathBuf::from))?;
        Ok(Self { program })
    }

    /// At this stage the server reads one statement a line, or up to a `;` at the end of one.
    fn prepare(&self, folder: &Path, data: &Path) -> Result<()> {
        let begin = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n";
        let end = format!(
            "CREATE DATABASE {NAME};\nFLUSH PRIVILEGES;\n\
             CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON {NAME}.* TO {USER}@'127.0.0.1';\n"
        );
        let sql = [begin.as_bytes(), &self.tables()?, end.as_bytes()].concat();
        fs::create_dir(data).context("cannot make the folder for the data")?;
        hand_over(data)?;
        complete(self.with_settings(folder, data).arg("--bootstrap"), &sql)
    }

    fn kept() -> &'static OnceLock<Result<Image, String>> {
        static KEPT: OnceLock<Result<Image, String>> = OnceLock::new();
        &KEPT
    }

    fn command(&self, folder: &Path, data: &Path, address: SocketAddr) -> Command {
        let mut command = self.with_settings(folder, data);
        command
            .arg(format!("--bind-address={}", address.ip()))
            .arg(format!("--port={}", address.port()))
            .arg("--skip-networking=OFF")
            // None: a socket file would need a short path, and nobody uses it.
            .arg("--socket=")
            .arg(option("--pid-file=", &folder.join("pid")))
            .arg("--general-log=ON")
            .arg(option("--general-log-file=", &folder.join(Self::log())));
        command
    }

    fn url(address: SocketAddr) -> String {
        format!("mysql://{USER}:{PASSWORD}@{address}/{NAME}")
    }

    fn log() -> String {
        "statements.log".to_owned()
    }

    fn statements(log: &str) -> Vec<String> {
        statements(log)
    }
}

/// One argument; a path need not be UTF-8.
fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

fn with_suffix(folder: &Path, suffix: &str) -> Option<PathBuf> {
    let mut paths = fs::read_dir(folder).ok()?.flatten();
    let entry = paths.find(|entry| entry.file_name().to_string_lossy().ends_with(suffix))?;
    Some(entry.path())
}

/// `[TIME]\t[\t]   ID COMMAND\tTEXT`, where a line that is not so belongs to the text before it. `Query` runs a
/// plain statement and `Execute` a prepared one; `Prepare` and all others run none.
fn statements(log: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in log.lines() {
        match entry(line) {
            Some(("Query" | "Execute", text)) => {
                found.push(text.to_owned());
                goes_on = true;
            }
            Some(_) => goes_on = false,
            None => {
                if let Some(last) = found.last_mut().filter(|_| goes_on) {
                    last.push('\n');
                    last.push_str(line);
                }
            }
        }
    }
    found
}

/// The command and the text of a line that begins an entry.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (time, rest) = line.split_once('\t')?;
    let is_time = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b':');
    if !time.bytes().all(is_time) {
        return None;
    }
    let (id, rest) = rest.trim_start().split_once(' ')?;
    let (command, text) = rest.split_once('\t')?;
    id.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some((command, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_read_from_the_log_with_all_their_lines_and_nothing_else() {
        let log = "/usr/sbin/mariadbd, Version: 10.11. started with:\n\
                   Tcp port: 20000  Unix socket: \n\
                   Time\t\t    Id Command\tArgument\n\
                   241122 21:30:00\t     3 Connect\tapp@127.0.0.1 on app using TCP/IP\n\
                   \t\t     3 Query\tINSERT INTO a\n\tVALUES ('x')\n\
                   \t\t     3 Prepare\tSELECT b FROM a\nWHERE c = ?\n\
                   241122 21:30:01\t    12 Execute\tSELECT b FROM a\nWHERE c = 1\n\
                   \t\t    12 Close stmt\t\n\
                   \t\t    12 Quit\t\n";
        assert_eq!(
            statements(log),
            [
                "INSERT INTO a\n\tVALUES ('x')",
                "SELECT b FROM a\nWHERE c = 1"
            ]
        );
    }
}
