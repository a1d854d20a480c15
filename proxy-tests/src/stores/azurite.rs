//! Azurite, a program of Node.js that stands for Azure's Blob Storage. It checks signatures, and states the headers that a
//! link asks for.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::BUCKET;
use crate::http::{Request, Response};
use crate::names::strict;
use crate::port;
use crate::program::installed;
use crate::relay::Relay;
use crate::server::{Server, readable};

/// A running Azurite with one empty container, in memory.
#[derive(Debug)]
pub struct Azurite {
    server: Server,
    relay: Relay,
    _folder: TempDir,
}

/// The right to do everything, signed with [`Azurite::KEY`] until 2099.
const RIGHT: &str = "sv=2020-12-06&ss=b&srt=sco&sp=rwdlac&spr=https,http&se=2099-01-01T00%3A00%3A00Z&\
                     sig=wuAW2s2z8U7NhHG8Efazfqb52Qnj74OIPXvd3nVp8a4%3D";

impl Azurite {
    /// The one account of every emulator.
    pub const ACCOUNT: &str = "devstoreaccount1";
    /// Its key, which is in the documentation.
    pub const KEY: &str =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    /// Starts one.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let server = match Self::try_start() {
            Ok(server) => server,
            Err(error) => panic!("{error:#}; `cargo xtask test --only azurite` installs it"),
        };
        let account = Self::ACCOUNT;
        let target = format!("/{account}/{BUCKET}?restype=container&{RIGHT}");
        let made = server.send(&Request::new("PUT", &target));
        assert_eq!(made.status, 201, "{}", made.head());
        server
    }

    fn try_start() -> Result<Self> {
        const PROGRAM: &str = "azurite/dist/src/blob/main.js";
        let modules = installed("azurite")?.join("node_modules");
        ensure!(modules.join(PROGRAM).is_file(), "azurite is not installed");
        let folder = tempfile::tempdir().context("no temporary folder")?;
        crate::server::hand_over(folder.path())?;
        let modules = readable(modules, &folder.path().join("node_modules"))?;
        let address = port::free();
        let mut command = Command::new("node");
        command.env_clear().env("HOME", "/");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
            .arg(modules.join(PROGRAM))
            .args(["--inMemoryPersistence", "--disableTelemetry", "--silent"])
            .args(["--blobHost", &address.ip().to_string()])
            .args(["--blobPort", &address.port().to_string()]);
        let server = Server::start("azurite", &mut command, address, folder.path())?;
        Ok(Self {
            server,
            relay: Relay::start(address),
            _folder: folder,
        })
    }

    /// Where it gives blobs.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.relay.address()
    }

    /// The URL of its account.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/{}", self.address(), Self::ACCOUNT)
    }

    /// All requests for blobs so far.
    #[must_use]
    pub fn asked(&self) -> String {
        self.relay.asked()
    }

    /// Stores a blob.
    ///
    /// # Panics
    /// When it is not taken.
    #[track_caller]
    pub fn put(&self, key: &str, body: &[u8]) {
        let account = Self::ACCOUNT;
        let target = format!("/{account}/{BUCKET}/{}?{RIGHT}", strict(key.as_bytes()));
        let request = Request::new("PUT", &target).body(body);
        let request = request.header("x-ms-blob-type", "BlockBlob");
        let answer = self.send(&request.header("Content-Type", "application/octet-stream"));
        assert_eq!(answer.status, 201, "{key}: {}", answer.head());
    }

    #[track_caller]
    fn send(&self, request: &Request) -> Response {
        self.server.send(request)
    }
}
