//! How many bytes the kernel may hold unsent for a connection (`TCP_NOTSENT_LOWAT`).
//!
//! Each has what `notsent_lowat` says. More would cost memory for every client that reads nothing, but less work for one
//! that takes a large file slowly: half of the limit is what one turn of its task moves. So a connection whose client has
//! shown that it takes bytes has nearly four times as much, as long as all of these together keep to a 64th of the memory.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::socket::Socket;
use crate::config::ServerSettings;

/// How many quarters of its limit a connection may have: of four times the default, the half that a waiting task is woken
/// for would be two turns and a small third.
const QUARTERS: u32 = 15;

/// What part of the memory may be lent.
const SHARE: u64 = 64;

/// The memory of this size is assumed where none is told.
const UNKNOWN: u64 = 1 << 30;

/// What connections may have beyond their own limit.
#[derive(Debug)]
pub(super) struct Reserve {
    limit: Option<u32>,
    /// Bytes that are not lent.
    left: AtomicU64,
}

/// What one connection has.
#[derive(Debug)]
pub(super) struct Unsent {
    reserve: Arc<Reserve>,
    /// Bytes that were sent since more was last asked for.
    sent: u64,
    lent: Option<u64>,
}

impl Reserve {
    pub(super) fn new(settings: &ServerSettings) -> Self {
        Self {
            limit: settings.notsent_lowat,
            left: AtomicU64::new(memory().unwrap_or(UNKNOWN) / SHARE),
        }
    }

    /// Takes so many bytes, if they are left.
    fn take(&self, bytes: u64) -> bool {
        let (order, less) = (Ordering::Relaxed, |left: u64| left.checked_sub(bytes));
        self.left.fetch_update(order, order, less).is_ok()
    }
}

impl Unsent {
    pub(super) fn of(reserve: &Arc<Reserve>) -> Self {
        Self {
            reserve: Arc::clone(reserve),
            sent: 0,
            lent: None,
        }
    }

    /// So many bytes went to `socket`. What is twice the limit was not taken by the kernel alone.
    pub(super) fn took(&mut self, socket: &Socket, bytes: usize) {
        let Some(limit) = self.reserve.limit.filter(|_| self.lent.is_none()) else {
            return;
        };
        // A Unix socket holds what it holds.
        if matches!(socket, Socket::Unix(_)) {
            return;
        }
        self.sent += bytes as u64;
        if self.sent < 2 * u64::from(limit) {
            return;
        }
        self.sent = 0;
        let more = (limit / 4).saturating_mul(QUARTERS).max(limit);
        let beyond = u64::from(more - limit);
        if self.reserve.take(beyond) {
            self.lent = Some(beyond);
            socket.hold_unsent(more);
        }
    }
}

/// What was lent is not counted as free before the connection ends, and with it what the kernel holds.
impl Drop for Unsent {
    fn drop(&mut self) {
        if let Some(lent) = self.lent {
            self.reserve.left.fetch_add(lent, Ordering::Relaxed);
        }
    }
}

/// Bytes of memory that the process may use, as far as the system tells.
fn memory() -> Option<u64> {
    let group = fs::read_to_string("/proc/self/cgroup").ok();
    let limit = group.and_then(|group| limit_of_group(&group));
    let all = fs::read_to_string("/proc/meminfo").ok();
    let all = all.and_then(|all| total_of(&all));
    limit.into_iter().chain(all).min()
}

/// The limit of the process's own group, of version 2; those of the groups above it are seldom lower.
fn limit_of_group(group: &str) -> Option<u64> {
    let group = group.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let file = Path::new("/sys/fs/cgroup").join(group).join("memory.max");
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn total_of(meminfo: &str) -> Option<u64> {
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use std::net;

    use tokio::net::TcpStream;

    use super::*;

    const LIMIT: u32 = 512 << 10;

    fn reserve(left: u64) -> Arc<Reserve> {
        Arc::new(Reserve {
            limit: Some(LIMIT),
            left: AtomicU64::new(left),
        })
    }

    fn socket() -> Socket {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Socket::Tcp(TcpStream::from_std(stream).unwrap())
    }

    fn limit_of(socket: &Socket) -> u32 {
        socket2::SockRef::from(socket).tcp_notsent_lowat().unwrap()
    }

    #[tokio::test]
    async fn a_client_that_takes_bytes_gets_more_room_and_one_that_does_not_has_its_own() {
        let (reserve, socket) = (reserve(u64::from(u32::MAX)), socket());
        socket.hold_unsent(LIMIT);
        let mut unsent = Unsent::of(&reserve);
        unsent.took(&socket, 2 * LIMIT as usize - 1);
        assert_eq!(limit_of(&socket), LIMIT);
        unsent.took(&socket, 1);
        assert_eq!(limit_of(&socket), LIMIT / 4 * QUARTERS);
    }

    #[tokio::test]
    async fn no_more_is_lent_than_there_is_and_it_comes_back() {
        let reserve = reserve(u64::from(4 * LIMIT));
        let ask = || {
            let (socket, mut unsent) = (socket(), Unsent::of(&reserve));
            unsent.took(&socket, 2 * LIMIT as usize);
            unsent
        };
        let (first, second) = (ask(), ask());
        assert!(first.lent.is_some());
        assert!(second.lent.is_none());
        drop(first);
        assert!(ask().lent.is_some());
        assert_eq!(reserve.left.load(Ordering::Relaxed), u64::from(4 * LIMIT));
    }

    #[tokio::test]
    async fn a_unix_socket_takes_nothing_from_the_others() {
        let reserve = reserve(u64::from(u32::MAX));
        let socket = Socket::Unix(tokio::net::UnixStream::pair().unwrap().0);
        let mut unsent = Unsent::of(&reserve);
        unsent.took(&socket, 4 * LIMIT as usize);
        assert!(unsent.lent.is_none());
    }

    #[test]
    fn without_a_limit_nothing_is_lent() {
        let settings = ServerSettings {
            notsent_lowat: None,
            ..ServerSettings::default()
        };
        assert!(Reserve::new(&settings).limit.is_none());
    }

    #[test]
    fn the_memory_is_read_in_kibibytes() {
        let text = "MemTotal:       24684104 kB\nMemFree:  1 kB\n";
        assert_eq!(total_of(text), Some(24_684_104 << 10));
        assert_eq!(total_of("MemFree: 1 kB\n"), None);
    }
}
