//! PostgreSQL: a cluster of its own, made by `initdb`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Running, ensure_success, find, new_folder};
use crate::lab::Lab;
use crate::server::{Launch, Server, free_address, unprivileged};

/// Debian keeps every major version in a folder of its own, none of them on `PATH`.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The cluster's only user. There is nothing to protect, so it needs no password.
const USER: &str = "app";

/// A cluster at rest.
#[derive(Debug)]
pub(super) struct Postgres {
    program: PathBuf,
    data: PathBuf,
}

impl Postgres {
    /// Makes an empty cluster.
    pub(super) fn prepare(lab: &Lab) -> Result<Self> {
        let program = find("postgres", "postgresql", newest_first(Path::new(VERSIONS)))?;
        // A link on `PATH` may stand without its neighbours.
        let program = program.canonicalize()?;
        let folder = program.parent().context("`postgres` stands in no folder")?;
        let data = lab.path("postgres");
        new_folder(&data)?;
        let output = unprivileged()
            .arg(folder.join("initdb"))
            .args(["--encoding=UTF8", "--locale=C", "--auth=trust"])
            .args(["--no-instructions", "--username", USER, "--pgdata"])
            .arg(&data)
            .output()
            .context("cannot run initdb")?;
        ensure_success("initdb", &output)?;
        Ok(Self { program, data })
    }

    pub(super) fn start(&self, lab: &Lab) -> Result<Running> {
        let address = free_address()?;
        let mut arguments = vec!["-D".into(), self.data.clone().into()];
        for setting in settings(address) {
            arguments.extend(["-c".into(), setting.into()]);
        }
        let server = Server::start_unprivileged(Launch {
            name: "PostgreSQL".to_owned(),
            program: self.program.clone(),
            arguments,
            address,
            core: lab.cores.server,
            log: lab.path("postgres.log"),
        })?;
        Ok(Running {
            url: format!("postgres://{USER}@{address}/postgres"),
            server: Some(server),
        })
    }
}

fn settings(address: SocketAddr) -> [String; 5] {
    [
        format!("listen_addresses={}", address.ip()),
        format!("port={}", address.port()),
        // A socket file would need a short path, and nobody uses it.
        "unix_socket_directories=".to_owned(),
        "autovacuum=off".to_owned(),
        "lc_messages=C".to_owned(),
    ]
}

/// The `bin` folders of all versions below a folder.
fn newest_first(versions: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(versions) else {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first_by_number_not_by_text() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["9", "15", "common"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let names = newest_first(folder.path());
        let expected = ["15/bin", "9/bin"].map(|name| folder.path().join(name));
        assert_eq!(names, expected);
    }
}
