//! MariaDB: a folder of its own, whose system tables the server makes itself.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Running, ensure_success, find, new_folder};
use crate::lab::{self, Lab};
use crate::server::{Launch, Server, free_address, unprivileged};

/// Where distributions keep the daemon, which a user's `PATH` often lacks.
const FOLDERS: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// Where the SQL of the system tables stands, below the folder that holds `bin` or `sbin`: the first up to MariaDB
/// 10, the second since 11.
const SHARES: [&str; 2] = ["share/mysql", "share/mariadb"];

/// What `mariadb-install-db` feeds to the server, a script that needs a program of another package. The names
/// begin with `mysql` or `mariadb`.
const TABLES: [&str; 3] = [
    "_system_tables.sql",
    "_performance_tables.sql",
    "_system_tables_data.sql",
];

/// The files of others would change what is measured, hence no defaults.
const SETTINGS: [&str; 5] = [
    "--no-defaults",
    "--character-set-server=utf8mb4",
    "--skip-name-resolve",
    // The kernel's slots for it are few, and shared by all servers of the machine.
    "--innodb-use-native-aio=OFF",
    // Quick to make; the default is 96 MiB.
    "--innodb-log-file-size=4M",
];

/// A server's data at rest.
#[derive(Debug)]
pub(super) struct MariaDb {
    program: PathBuf,
    folder: PathBuf,
}

impl MariaDb {
    /// Makes the system tables, an empty database and its user.
    pub(super) fn prepare(lab: &Lab) -> Result<Self> {
        let program = find(
            "mariadbd",
            "mariadb-server-core",
            FOLDERS.map(PathBuf::from),
        )?;
        let mariadb = Self {
            program: program.canonicalize()?,
            folder: lab.path("mariadb"),
        };
        new_folder(&mariadb.folder)?;
        new_folder(&mariadb.folder.join("data"))?;
        let script = lab.path("mariadb.sql");
        lab::write(&script, mariadb.script()?)?;
        let output = unprivileged()
            .arg(&mariadb.program)
            .args(mariadb.settings())
            .arg("--bootstrap")
            .stdin(File::open(&script)?)
            .output()
            .context("cannot run mariadbd")?;
        ensure_success("mariadbd", &output)?;
        Ok(mariadb)
    }

    pub(super) fn start(&self, lab: &Lab) -> Result<Running> {
        let address = free_address()?;
        let mut arguments = self.settings();
        arguments.extend([
            format!("--bind-address={}", address.ip()).into(),
            format!("--port={}", address.port()).into(),
            // None: a socket file would need a short path, and nobody uses it.
            "--socket=".into(),
            option("--pid-file=", &self.folder.join("pid")),
        ]);
        let server = Server::start_unprivileged(Launch {
            name: "MariaDB".to_owned(),
            program: self.program.clone(),
            arguments,
            address,
            core: lab.cores.server,
            log: lab.path("mariadb.log"),
        })?;
        Ok(Running {
            url: format!("mysql://app@{address}/app"),
            server: Some(server),
        })
    }

    fn settings(&self) -> Vec<OsString> {
        let folders = [
            option("--datadir=", &self.folder.join("data")),
            option("--tmpdir=", &self.folder),
        ];
        SETTINGS
            .map(OsString::from)
            .into_iter()
            .chain(folders)
            .collect()
    }

    /// What the server reads in place of clients, one statement a line or up to a `;` at the end of one.
    fn script(&self) -> Result<Vec<u8>> {
        let prefix = self.program.ancestors().nth(2);
        let prefix = prefix.context("`mariadbd` stands in no folder")?;
        let shares = SHARES.map(|share| prefix.join(share));
        let mut script =
            b"CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n".to_vec();
        for suffix in TABLES {
            let path = shares.iter().find_map(|share| ending_in(share, suffix));
            let path = path.with_context(|| format!("there is no *{suffix} in {shares:?}"))?;
            script.extend(std::fs::read(path)?);
        }
        // There is nothing to protect, so the user needs no password.
        script.extend(
            b"CREATE DATABASE app;\nFLUSH PRIVILEGES;\n\
            CREATE USER app@'127.0.0.1';\nGRANT ALL ON app.* TO app@'127.0.0.1';\n",
        );
        Ok(script)
    }
}

/// One argument.
fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

fn ending_in(folder: &Path, suffix: &str) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(folder).ok()?.flatten();
    let found = entries.find(|entry| entry.file_name().to_string_lossy().ends_with(suffix))?;
    Some(found.path())
}
