//! Free ports of loopback, below the range from which the kernel takes ports for outgoing connections.
//!
//! A port from `bind(0)` lies in that range, so between our closing it and a server's opening it
//! any connection of any test may take it. Here a refused connection tells that a port is free:
//! a listener of our own, opened to try, might live on for a moment in another thread's new child.
//!
//! That a port is free says nothing of who else is about to take it, and Caddy listens where another Caddy does
//! (`SO_REUSEPORT`). So each process takes whole blocks of ports for itself, by the name of a socket that ends with the
//! process.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::ops::Range;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::{Mutex, PoisonError};

const PORTS: Range<u16> = 20_000..32_000;
/// Ports of a block.
const BLOCK: u16 = 300;

static OURS: Mutex<Ours> = Mutex::new(Ours {
    blocks: Vec::new(),
    next: 0..0,
});

/// What this process has taken.
struct Ours {
    blocks: Vec<UnixListener>,
    /// Ports that were not handed out yet.
    next: Range<u16>,
}

/// An address on which nothing listens, never handed out twice, nor to another process while this one runs.
///
/// # Panics
/// When every port of the range is taken.
pub(crate) fn free() -> SocketAddr {
    row(1)
}

/// The first of so many in a row, for a program that takes what follows its own.
///
/// # Panics
/// When every port of the range is taken.
pub(crate) fn row(length: u16) -> SocketAddr {
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        while ours.next.len() >= usize::from(length) {
            let first = ours.next.start;
            ours.next.start += length;
            if (first..first + length).all(is_free) {
                return address(first);
            }
        }
        let (block, ports) = take_block().expect("a block of ports from 20000 to 31999 is free");
        ours.blocks.push(block);
        ours.next = ports;
    }
}

fn take_block() -> Option<(UnixListener, Range<u16>)> {
    PORTS.step_by(usize::from(BLOCK)).find_map(|first| {
        let name = UnixAddr::from_abstract_name(format!("downloadview-tests/{first}"));
        let block = UnixListener::bind_addr(&name.ok()?).ok()?;
        Some((block, first..first + BLOCK))
    })
}

fn is_free(port: u16) -> bool {
    TcpStream::connect(address(port)).is_err()
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn no_port_is_handed_out_twice_though_nothing_listens_yet() {
        let row = row(5);
        let mut others: Vec<_> = (0..2 * BLOCK).map(|_| free().port()).collect();
        let is_of_row = |port: &u16| (row.port()..row.port() + 5).contains(port);
        assert_eq!(others.iter().find(|port| is_of_row(port)), None);
        others.sort_unstable();
        let twice: Vec<_> = others.windows(2).filter(|two| two[0] == two[1]).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    /// As long as a process has its blocks, no other is given them; the name stands for the process.
    #[test]
    fn a_block_is_taken_once() {
        let (_one, first) = take_block().expect("there are many");
        let (_other, second) = take_block().expect("there are many");
        assert_ne!(first, second);
    }

    #[test]
    fn a_port_on_which_somebody_listens_is_stepped_over() {
        let taken = TcpListener::bind(free()).expect("nobody else has it");
        let port = taken.local_addr().expect("bound").port();
        assert!(!is_free(port));
        drop(taken);
    }
}
