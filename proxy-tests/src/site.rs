//! A temporary folder with everything of one test: its files, its `downloadview.toml`, its servers' output.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::TempDir;

use crate::app::ScriptedApp;
use crate::server::{Server, hand_over};
use crate::{gateway, nginx, port};

/// One test's world. Its folder goes with it.
///
/// ```text
/// downloadview.toml
/// media/            the storage's root
/// outside/          beside it, never to be served
/// ```
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
    app: SocketAddr,
}

impl Site {
    /// A site with this configuration, in which `@LISTEN@` and `@MEDIA@` stand for the gateway's
    /// address and the storage's folder.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[must_use]
    pub fn new(configuration: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("downloadview-")
            .tempdir()
            .expect("a temporary folder can be made");
        let site = Self {
            folder,
            app: port::free(),
        };
        set_mode(site.folder.path(), 0o755);
        for name in ["media", "outside"] {
            make_folder(&site.path(name));
        }
        let text = configuration
            .replace("@LISTEN@", &site.app.to_string())
            .replace("@MEDIA@", &site.path("media").to_string_lossy());
        write(&site.config(), text.as_bytes());
        site
    }

    /// Where something of the site stands; `name` is relative to its folder and may hold any byte.
    #[must_use]
    pub fn path(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.folder.path().join(OsStr::from_bytes(name.as_ref()))
    }

    /// Writes a file, readable by everyone, with the folders that lead to it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
            make_folder(folder);
        }
        write(&path, content.as_ref());
    }

    /// Makes a folder.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn make_folder(&self, name: &str) {
        make_folder(&self.path(name));
    }

    /// Makes a FIFO that nobody writes to: who opens it for reading waits for ever.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn make_fifo(&self, name: &str) {
        let path = self.path(name);
        mkfifoat(CWD, &path, Mode::from_raw_mode(0o644)).expect("a FIFO can be made");
    }

    /// Makes a symbolic link to another place of the site.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn make_link(&self, name: &str, target: &str) {
        symlink(self.path(target), self.path(name)).expect("a link can be made");
    }

    /// Takes all permissions from a file. The servers are never root, so it stops them.
    ///
    /// # Panics
    /// When the mode cannot be set.
    pub fn make_unreadable(&self, name: &str) {
        set_mode(&self.path(name), 0);
    }

    /// Starts the gateway, `downloadview serve`.
    ///
    /// # Panics
    /// When it cannot be built or does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_gateway(&self) -> Server {
        must(gateway::serve(&self.config(), self.app, self.folder.path()))
    }

    /// Starts nginx with the configuration that `downloadview proxy-config` prints for this site.
    ///
    /// # Panics
    /// When nginx is not installed, or either program fails; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_nginx(&self) -> Server {
        let address = port::free();
        let folder = self.folder.path();
        let text = must(gateway::proxy_config(
            "nginx",
            &self.config(),
            address,
            folder,
        ));
        self.start_nginx_with(&text, address)
    }

    /// Starts nginx with a configuration of one's own, which must make it listen on `address`.
    ///
    /// # Panics
    /// When nginx is not installed or does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_nginx_with(&self, configuration: &str, address: SocketAddr) -> Server {
        let prefix = self.path("nginx");
        make_folder(&prefix);
        hand_over(&prefix).expect("a folder can be given to the servers' user");
        self.write("nginx.conf", configuration);
        let file = self.path("nginx.conf");
        must(nginx::start(&prefix, &file, address, self.folder.path()))
    }

    /// Starts an application in the gateway's place that answers every request with these bytes.
    #[must_use]
    pub fn start_scripted_app(&self, answer: impl Into<Vec<u8>>) -> ScriptedApp {
        ScriptedApp::start(self.app, answer.into())
    }

    /// The gateway's address.
    #[must_use]
    pub fn app(&self) -> SocketAddr {
        self.app
    }

    /// An address on loopback where nothing listens, for a server of one's own.
    #[must_use]
    pub fn free_address(&self) -> SocketAddr {
        port::free()
    }

    fn config(&self) -> PathBuf {
        self.path("downloadview.toml")
    }
}

#[track_caller]
fn must<T>(result: anyhow::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error:#}"),
    }
}

fn make_folder(path: &Path) {
    fs::create_dir_all(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    set_mode(path, 0o755);
}

fn write(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    set_mode(path, 0o644);
}

/// Set rather than asked for at creation, so that nobody's umask decides what a test shows.
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
