//! The proxies, as Debian 12 packages them, and the newest nginx and Caddy: how each is started, and what is known of it.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::names::strict;
use crate::program::installed;
use crate::server::{Server, within_reach};

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
    /// nginx 1.31, built without many a module.
    NewestNginx,
    /// Caddy 2.11.
    NewestCaddy,
}

/// What a proxy is, whichever version of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// nginx.
    Nginx,
    /// Apache.
    Apache,
    /// lighttpd.
    Lighttpd,
    /// Caddy.
    Caddy,
}

impl Backend {
    /// Its name in `downloadview.toml` and for `downloadview proxy-config`, and that of its program but for Apache.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache",
            Self::Lighttpd => "lighttpd",
            Self::Caddy => "caddy",
        }
    }
}

impl Proxy {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Nginx,
        Self::Apache,
        Self::Lighttpd,
        Self::Caddy,
        Self::NewestNginx,
        Self::NewestCaddy,
    ];

    /// What it is.
    #[must_use]
    pub fn backend(self) -> Backend {
        match self {
            Self::Nginx | Self::NewestNginx => Backend::Nginx,
            Self::Apache => Backend::Apache,
            Self::Lighttpd => Backend::Lighttpd,
            Self::Caddy | Self::NewestCaddy => Backend::Caddy,
        }
    }

    /// The name by which it is known here, and announces itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NewestNginx => "newest-nginx",
            Self::NewestCaddy => "newest-caddy",
            Self::Nginx | Self::Apache | Self::Lighttpd | Self::Caddy => self.backend().name(),
        }
    }

    /// The header that names the file to send.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self.backend() {
            Backend::Nginx | Backend::Caddy => "X-Accel-Redirect",
            Backend::Apache | Backend::Lighttpd => "X-Sendfile",
        }
    }

    /// The value of that header for a file below the storage's folder.
    #[must_use]
    pub fn target(self, media: &Path, name: &[u8]) -> Vec<u8> {
        let path = [media.as_os_str().as_bytes(), b"/", name].concat();
        let uri = [b"/_internal/media/", name].concat();
        match self {
            Self::Nginx | Self::NewestNginx | Self::NewestCaddy => strict(&uri).into_bytes(),
            Self::Apache => path,
            Self::Lighttpd => strict(&path).into_bytes(),
            Self::Caddy => uri,
        }
    }

    /// Why the header cannot hold a name, in a word that the gateway's reason has; `None` if it can.
    #[must_use]
    pub fn cannot_carry(self, name: &[u8]) -> Option<&'static str> {
        let space_at_the_end = matches!(name.last(), Some(b' ' | b'\t'));
        // A TAB in the middle of a header value is allowed (RFC 9110, 5.5).
        let unfit_for_headers = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        match self {
            Self::Caddy if name.contains(&b'?') => Some("query"),
            Self::Apache | Self::Caddy if space_at_the_end => Some("space at the end"),
            Self::Apache | Self::Caddy if name.iter().any(unfit_for_headers) => Some("control"),
            Self::Lighttpd if name.iter().any(u8::is_ascii_control) => Some("control"),
            Self::Lighttpd if std::str::from_utf8(name).is_err() => Some("UTF-8"),
            _ => None,
        }
    }

    /// Whether every header of the application reaches the client, named in `keep_headers` or not.
    #[must_use]
    pub fn keeps_every_header(self) -> bool {
        matches!(self.backend(), Backend::Apache | Backend::Lighttpd)
    }

    /// What the proxy itself adds to `Vary`, whatever the application says.
    #[must_use]
    pub fn varies_by(self) -> Option<&'static str> {
        (self == Self::NewestCaddy).then_some("Accept-Encoding")
    }

    /// Whether a slash after a file's name makes no difference to the proxy.
    #[must_use]
    pub fn ignores_a_slash_at_the_end(self) -> bool {
        self == Self::NewestCaddy
    }

    /// How its program is installed.
    fn installation(self) -> String {
        let packages = match self {
            Self::Nginx => "nginx libnginx-mod-http-js",
            Self::Apache => "apache2-bin libapache2-mod-xsendfile",
            Self::Lighttpd => "lighttpd",
            Self::Caddy => "caddy",
            Self::NewestNginx | Self::NewestCaddy => {
                return "`cargo xtask test --only newest`".to_owned();
            }
        };
        format!(
            "`apt-get install --no-install-recommends {packages}`, which `cargo xtask test` does"
        )
    }

    /// Where its program stands, in a place from which the servers' user may start it.
    pub(crate) fn program(self, folder: &Path) -> Result<PathBuf> {
        let name = match self.backend() {
            Backend::Apache => "apache2",
            backend => backend.name(),
        };
        let found = match self {
            Self::NewestNginx | Self::NewestCaddy => newest(name)?,
            _ => find(name),
        };
        let program = found.with_context(|| self.does_not_run())?;
        within_reach(&program, &folder.join(format!("{}.program", self.name())))
    }

    fn does_not_run(self) -> String {
        format!(
            "{} does not run; it takes {}",
            self.name(),
            self.installation()
        )
    }

    /// Starts it on a configuration, with `prefix` as the folder for what it writes; through lines of sh that end in
    /// `exec "$@"` and say in which surroundings.
    pub(crate) fn start_through(
        self,
        shell: &str,
        prefix: &Path,
        file: &Path,
        address: SocketAddr,
        folder: &Path,
    ) -> Result<Server> {
        let mut command = Command::new("sh");
        command
            .args(["-c", shell, "sh"])
            .arg(self.program(folder)?)
            .env("SITE", folder);
        self.arguments(&mut command, prefix, file);
        let server = Server::start(self.name(), &mut command, address, folder);
        server.with_context(|| self.does_not_run())
    }

    /// As the first lines of the printed configuration say.
    fn arguments(self, command: &mut Command, prefix: &Path, file: &Path) {
        match self.backend() {
            // `-e` keeps it from complaining, before it reads any file, that /var/log/nginx is not ours.
            Backend::Nginx => command.args(["-e", "stderr", "-p"]).arg(prefix).arg("-c"),
            Backend::Apache => command
                .args(["-D", "FOREGROUND", "-d"])
                .arg(prefix)
                .arg("-f"),
            Backend::Lighttpd => command.args(["-D", "-f"]),
            Backend::Caddy => {
                for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
                    command.env(variable, prefix);
                }
                command.args(["run", "--adapter", "caddyfile", "--config"])
            }
        };
        command.arg(file).current_dir(prefix);
    }
}

fn newest(program: &str) -> Result<Option<PathBuf>> {
    let program = installed("newest")?.join("bin").join(program);
    // A link leads into a folder of another name.
    Ok(program.canonicalize().ok())
}

/// Daemons live in folders that a user's `PATH` often lacks.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(OsStr::new(program)))
        .find(|candidate| candidate.is_file())
}
