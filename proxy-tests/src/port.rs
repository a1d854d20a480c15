//! Free ports of loopback, below the range from which the kernel takes ports for outgoing connections.
//!
//! A port from `bind(0)` lies in that range, so between our closing it and a server's opening it
//! any connection of any test may take it. Here a refused connection tells that a port is free:
//! a listener of our own, opened to try, might live on for a moment in another thread's new child.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

static HANDED_OUT: AtomicU16 = AtomicU16::new(0);

/// An address on which nothing listens, never handed out twice by this process.
///
/// # Panics
/// When every port of the range is taken.
pub(crate) fn free() -> SocketAddr {
    (0..COUNT)
        .map(|_| candidate())
        .find(|address| TcpStream::connect(address).is_err())
        .expect("every port from 20000 to 31999 is taken")
}

/// Processes start at different places, so that two test runs side by side do not meet.
fn candidate() -> SocketAddr {
    let start = std::process::id().wrapping_mul(97) % u32::from(COUNT);
    let start = u16::try_from(start).unwrap_or_default();
    let step = HANDED_OUT.fetch_add(1, Ordering::Relaxed) % COUNT;
    SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + (start + step) % COUNT))
}
