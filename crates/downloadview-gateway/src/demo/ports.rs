//! Which ports the proxies get, also beside another demonstration that starts at the same moment.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;

use super::programs;
use crate::config::Proxy;

/// How many ports after the application's are tried before it is given up.
pub(super) const MOST_PORTS: u16 = 100;

/// An address that no other demonstration gives to a proxy of its own while this lives.
///
/// To try the address is not enough: Caddy listens with `SO_REUSEPORT`, so two that start at the same moment on the same port
/// both run, and each gets half of the other's connections. The reservation is a socket of Linux' abstract name space, which
/// ends with the process, however that ends.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) address: SocketAddr,
    _name: Option<UnixListener>,
}

impl Reserved {
    /// `None` where somebody listens, or where another demonstration is about to.
    pub(super) fn take(address: SocketAddr) -> Option<Self> {
        let _name = reserve(address).ok()?;
        is_free(&address).then_some(Self { address, _name })
    }
}

/// Where a proxy may listen: always on the same of the ports after the application's, or else behind all of these.
pub(super) fn places(proxy: Proxy, app: SocketAddr) -> impl Iterator<Item = SocketAddr> {
    let port = app.port();
    let others = port.saturating_add(programs::STEPS + 1)..=port.saturating_add(MOST_PORTS);
    let own = port.checked_add(programs::step(proxy));
    let ports = own.into_iter().chain(others);
    ports.map(move |port| SocketAddr::new(app.ip(), port))
}

/// Whether nobody listens there.
pub(super) fn is_free(address: &SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

/// By port, whatever the address: `0.0.0.0` and `127.0.0.1` share their ports.
#[cfg(target_os = "linux")]
fn reserve(address: SocketAddr) -> io::Result<Option<UnixListener>> {
    use std::os::linux::net::SocketAddrExt as _;

    let name = format!("downloadview-demo/{}", address.port());
    let name = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    UnixListener::bind_addr(&name).map(Some)
}

/// Other systems have no such names.
#[cfg(not(target_os = "linux"))]
fn reserve(_: SocketAddr) -> io::Result<Option<UnixListener>> {
    Ok(None)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr as UnixAddr;

    use super::*;

    /// A port that no other test has while the socket lives, below the range that the kernel hands out by itself.
    fn free() -> (UnixListener, SocketAddr) {
        let mut ports = 32_000..32_700;
        let found = ports.find_map(|port| {
            let name = UnixAddr::from_abstract_name(format!("downloadview-ports-tests/{port}"));
            let ours = UnixListener::bind_addr(&name.ok()?).ok()?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            // Not by a listener, which might live on for a moment in the new child of another test.
            let is_silent = TcpStream::connect(address).is_err();
            is_silent.then_some((ours, address))
        });
        found.expect("a free port")
    }

    #[test]
    fn what_one_demonstration_has_reserved_no_other_gets_until_it_ends() {
        let (_ours, address) = free();
        let first = Reserved::take(address).expect("free");
        assert_eq!(first.address, address);
        assert!(reserve(address).is_err());
        assert!(Reserved::take(address).is_none());
        drop(first);
        assert!(reserve(address).is_ok());
    }

    #[test]
    fn where_somebody_listens_nothing_is_reserved() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = taken.local_addr().expect("bound");
        assert!(Reserved::take(address).is_none());
        assert!(reserve(address).is_ok(), "what failed holds nothing");
    }
}
