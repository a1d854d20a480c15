//! The proxies, as Debian 12 packages them: how each is started, and what is known of it.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::names::strict;
use crate::server::Server;

/// A proxy that the gateway can hand files to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// nginx 1.22.
    Nginx,
    /// Apache 2.4 with mod_xsendfile 0.12.
    Apache,
    /// lighttpd 1.4.69.
    Lighttpd,
    /// Caddy 2.6.
    Caddy,
}

impl Proxy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nginx, Self::Apache, Self::Lighttpd, Self::Caddy];

    /// The name of the backend.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache",
            Self::Lighttpd => "lighttpd",
            Self::Caddy => "caddy",
        }
    }

    /// The header that names the file to send.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Self::Nginx | Self::Caddy => "X-Accel-Redirect",
            Self::Apache | Self::Lighttpd => "X-Sendfile",
        }
    }

    /// The value of that header for a file below the storage's folder.
    #[must_use]
    pub fn target(self, media: &Path, name: &[u8]) -> Vec<u8> {
        let path = [media.as_os_str().as_bytes(), b"/", name].concat();
        let uri = [b"/_internal/media/", name].concat();
        match self {
            Self::Nginx => strict(&uri).into_bytes(),
            Self::Apache => path,
            Self::Lighttpd => strict(&path).into_bytes(),
            Self::Caddy => uri,
        }
    }

    /// Why the header cannot hold a name, in a word that the gateway's reason has; `None` if it can.
    #[must_use]
    pub fn cannot_carry(self, name: &[u8]) -> Option<&'static str> {
        let blank_at_the_end = matches!(name.last(), Some(b' ' | b'\t'));
        // A TAB in the middle of a header value is allowed (RFC 9110, 5.5).
        let unfit_for_headers = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        match self {
            Self::Caddy if name.contains(&b'?') => Some("query"),
            Self::Apache | Self::Caddy if blank_at_the_end => Some("blank at the end"),
            Self::Apache | Self::Caddy if name.iter().any(unfit_for_headers) => Some("control"),
            Self::Lighttpd if name.iter().any(u8::is_ascii_control) => Some("control"),
            Self::Lighttpd if std::str::from_utf8(name).is_err() => Some("UTF-8"),
            Self::Nginx | Self::Apache | Self::Lighttpd | Self::Caddy => None,
        }
    }

    /// Whether the proxy states an `ETag` of its own making, whatever the application says.
    #[must_use]
    pub fn states_its_own_etag(self) -> bool {
        matches!(self, Self::Nginx | Self::Caddy)
    }

    /// Whether every header of the application reaches the client, named in `keep_headers` or not.
    #[must_use]
    pub fn keeps_every_header(self) -> bool {
        matches!(self, Self::Apache | Self::Lighttpd)
    }

    /// The Debian packages that it needs.
    fn packages(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2-bin libapache2-mod-xsendfile",
            Self::Lighttpd => "lighttpd",
            Self::Caddy => "caddy",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2",
            Self::Lighttpd => "lighttpd",
            Self::Caddy => "caddy",
        }
    }

    /// Starts it on a configuration, with `prefix` as the folder for what it writes.
    pub(crate) fn start(
        self,
        prefix: &Path,
        file: &Path,
        address: SocketAddr,
        folder: &Path,
    ) -> Result<Server> {
        let install = || {
            format!(
                "{} does not run; it takes `apt-get install --no-install-recommends {}`, which `cargo xtask test` does",
                self.name(),
                self.packages()
            )
        };
        let program = find(self.program())
            .with_context(|| format!("there is no program {}", self.program()))
            .with_context(install)?;
        let mut command = Command::new(program);
        self.arguments(&mut command, prefix, file);
        Server::start(self.name(), &mut command, address, folder).with_context(install)
    }

    /// As the first lines of the printed configuration say.
    fn arguments(self, command: &mut Command, prefix: &Path, file: &Path) {
        match self {
            // `-e` keeps it from complaining, before it reads any file, that /var/log/nginx is not ours.
            Self::Nginx => command.args(["-e", "stderr", "-p"]).arg(prefix).arg("-c"),
            Self::Apache => command
                .args(["-D", "FOREGROUND", "-d"])
                .arg(prefix)
                .arg("-f"),
            Self::Lighttpd => command.args(["-D", "-f"]),
            Self::Caddy => {
                for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
                    command.env(variable, prefix);
                }
                command.args(["run", "--adapter", "caddyfile", "--config"])
            }
        };
        command.arg(file).current_dir(prefix);
    }
}

/// Daemons live in folders that a user's `PATH` often lacks.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(OsStr::new(program)))
        .find(|candidate| candidate.is_file())
}
