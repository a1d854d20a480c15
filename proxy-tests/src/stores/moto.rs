//! moto, a program of Python that stands for Amazon's services.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::BUCKET;
use crate::http::{Request, Response};
use crate::names::strict;
use crate::port;
use crate::program::installed;
use crate::python::packages;
use crate::server::Server;

/// A running moto with one empty bucket, in memory.
#[derive(Debug)]
pub struct Moto {
    server: Server,
    _folder: TempDir,
}

impl Moto {
    /// Starts one.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let moto = match Self::try_start() {
            Ok(moto) => moto,
            Err(error) => panic!("{error:#}; `cargo xtask test --only stores` installs it"),
        };
        let made = moto.send(&Request::new("PUT", &format!("/{BUCKET}")));
        assert_eq!(made.status, 200, "{}", made.head());
        moto
    }

    fn try_start() -> Result<Self> {
        let environment = installed("stores")?;
        let python = environment.join("bin/python").canonicalize();
        let python = python.context("moto is not installed")?;
        let folder = tempfile::tempdir().context("no temporary folder")?;
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        let packages = packages(&environment, "moto", folder.path())?;
        let address = port::free();
        let mut command = Command::new(python);
        command
            .env_clear()
            .env("PYTHONPATH", packages)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("HOME", "/")
            .args(["-m", "moto.server", "-H", &address.ip().to_string()])
            .args(["-p", &address.port().to_string()]);
        let server = Server::start("moto", &mut command, address, folder.path())?;
        Ok(Self {
            server,
            _folder: folder,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Stores an object; with `headers`, which stay its own.
    ///
    /// # Panics
    /// When it is not taken.
    #[track_caller]
    pub fn put(&self, key: &str, body: &[u8], headers: &[(&str, &str)]) {
        let request = Request::new("PUT", &target(key)).body(body);
        let request = request.header("Authorization", BELIEVED);
        let with = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
        let answer = self.send(&headers.iter().fold(request, with));
        assert_eq!(answer.status, 200, "{key}: {}", answer.head());
    }

    /// Sends a request without a signature, which it does not miss.
    ///
    /// # Panics
    /// When the answer does not come.
    #[must_use]
    #[track_caller]
    pub fn send(&self, request: &Request) -> Response {
        self.server.send(request)
    }
}

/// A signature that moto does not check. Without one it replaces no object.
const BELIEVED: &str = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/s3/aws4_request, \
                        SignedHeaders=host, Signature=0";

fn target(key: &str) -> String {
    format!("/{BUCKET}/{}", strict(key.as_bytes()))
}
