//! Binds an address and accepts connections from it, TCP or Unix, whatever the system answers meanwhile.
//! [`Listener::bind`] runs once at start and may fail; `accept` never does. Of a failing `accept` the log tells at most
//! once a minute.

use std::fs::{self, Permissions};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::{Instant, sleep};

use super::socket::Socket;
use crate::config::Listen;

/// A bound address. Dropping it removes the file of a Unix socket.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    /// When a failing `accept` was last logged; until the system recovers it fails on every try.
    complained: Option<Instant>,
}

/// TCP, or a Unix socket with the file that is removed at the end.
#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, by its identity: a successor may have put its own in the same place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

/// Connections that may wait in the system's queue; the system lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 1024;

/// Who may connect to a Unix socket: the gateway's user and group, so the proxy's user joins that group.
const SOCKET_MODE: u32 = 0o660;

/// How long to wait when the system cannot give another connection.
const BACK_OFF: Duration = Duration::from_millis(500);

/// How often that is logged, as long as it lasts.
const COMPLAIN_AGAIN: Duration = Duration::from_secs(60);

impl Listener {
    /// Binds an address. The file of a Unix socket that nobody answers on is replaced.
    ///
    /// # Errors
    ///
    /// The address is taken or not ours to take; the path of a Unix socket holds something else.
    pub async fn bind(address: &Listen) -> io::Result<Self> {
        let kind = match address {
            Listen::Tcp(address) => Kind::Tcp(TcpListener::bind(address).await?),
            Listen::Unix(path) => {
                let (listener, file) = bind_unix(path)?;
                Kind::Unix(listener, file)
            }
        };
        Ok(Self {
            kind,
            complained: None,
        })
    }

    /// The address that clients connect to, with the port that the system chose.
    ///
    /// # Errors
    ///
    /// The system does not know the socket any more.
    pub fn address(&self) -> io::Result<Listen> {
        match &self.kind {
            Kind::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            Kind::Unix(_, file) => Ok(Listen::Unix(file.path.clone())),
        }
    }

    /// The next connection, and the address of its other side; over a Unix socket there is none. What keeps the system
    /// from giving one is logged and waited out.
    pub(super) async fn accept(&mut self) -> (Socket, Option<IpAddr>) {
        loop {
            let accepted = match &self.kind {
                Kind::Tcp(listener) => listener
                    .accept()
                    .await
                    .map(|(stream, peer)| (Socket::Tcp(stream), Some(peer.ip()))),
                Kind::Unix(listener, _) => listener
                    .accept()
                    .await
                    .map(|(stream, _)| (Socket::Unix(stream), None)),
            };
            match accepted {
                Ok(accepted) => return accepted,
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    self.complain(&error);
                    // Too many open files, most likely: one is free again when a connection ends.
                    sleep(BACK_OFF).await;
                }
            }
        }
    }

    /// Logs that `accept` fails, at ERROR, and not again before [`COMPLAIN_AGAIN`] has passed.
    fn complain(&mut self, error: &io::Error) {
        let quiet = self
            .complained
            .is_some_and(|last| last.elapsed() < COMPLAIN_AGAIN);
        if !quiet {
            tracing::error!(%error, "cannot accept a connection, trying again");
            self.complained = Some(Instant::now());
        }
    }
}

/// The client went away before it was accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// Binds under the folder's lock, so that of two that start over one stale socket the second sees that the first
/// answers.
fn bind_unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = fs::File::open(folder)?;
    folder.lock()?;
    remove_stale(path)?;
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Before `listen` nobody can connect, so nobody slips in under the mode that the umask left.
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = UnixListener::from_std(net::UnixListener::from(socket))?;
    let metadata = fs::symlink_metadata(path)?;
    let file = SocketFile {
        path: path.to_owned(),
        identity: (metadata.dev(), metadata.ino()),
    };
    // Dropping the folder gives its lock back, now that this socket answers.
    Ok((listener, file))
}

/// Removes a socket that a killed process left behind, and nothing else.
fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    let refuse = |what: &str| Err(io::Error::new(io::ErrorKind::AddrInUse, what.to_owned()));
    if !metadata.file_type().is_socket() {
        return refuse("the path holds something that is not a socket");
    }
    match net::UnixStream::connect(path) {
        Ok(_) => refuse("another process answers on this socket"),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let current = fs::symlink_metadata(&self.path).map(|file| (file.dev(), file.ino()));
        if current.is_ok_and(|current| current == self.identity) {
            // Whoever cannot remove it leaves a stale socket, which the next start replaces.
            let _ = fs::remove_file(&self.path);
        }
    }
}
