//! An address to listen on: a TCP address or the path of a Unix socket.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::reader::paths;
use super::reader::scalar::Fault;

/// Where connections are accepted, written `127.0.0.1:8000` or `unix:/run/downloadview.sock`.
/// ```toml
/// listen = "unix:/run/downloadview.sock"
/// ```
///
/// A host name is refused: it may mean several addresses. An IPv6 address stands in brackets.
///
/// ```
/// use downloadview_gateway::config::Listen;
///
/// let address: Listen = "[::1]:8000".parse()?;
/// assert_eq!(address.to_string(), "[::1]:8000");
/// assert!("localhost:8000".parse::<Listen>().is_err());
/// # Ok::<(), downloadview_gateway::config::ListenError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An IP address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// The path of a Unix socket, absolute if it comes from the file. The gateway makes it with mode 0660.
    Unix(PathBuf),
}

/// A text that is not an address to listen on.
/// `Display` says what is wrong and what to write instead, on one line: clap shows it for `--listen`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}; {help}")]
pub struct ListenError {
    message: String,
    help: String,
}

impl Listen {
    /// As the file says it: the path of a socket may be relative to `folder`.
    pub(super) fn read(text: &str, folder: &Path) -> Result<Self, Fault> {
        if let Some(path) = text.strip_prefix("unix:") {
            return paths::absolute(path, folder).map(Self::Unix);
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            Fault::new(
                format!("`{text}` is not an address to listen on"),
                "write an IP address and a port, \"127.0.0.1:8000\", or \"unix:/run/downloadview.sock\"",
            )
        })
    }
}

impl Default for Listen {
    /// `127.0.0.1:8000`.
    fn default() -> Self {
        Self::Tcp(SocketAddr::from(([127, 0, 0, 1], 8000)))
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    /// A relative socket path stays relative, to the working folder of the process.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text, Path::new("")).map_err(|fault| ListenError {
            message: fault.message,
            help: fault.help,
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
