//! `trusted_proxies`: whose word on the client counts.

use std::fmt;
use std::net::IpAddr;

use super::reader::Table;
use super::reader::scalar::Fault;

/// Proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed, beside those that announce themselves.
/// ```toml
/// trusted_proxies = ["127.0.0.1", "10.0.0.0/8", "unix"]
/// ```
///
/// Whoever has one of these addresses can say that it is anybody, so name proxies only, and only those that overwrite
/// what clients say, as a configuration from `proxy-config` does. `unix` means whoever connects to a Unix socket.
///
/// ```
/// use downloadview_gateway::config::Config;
///
/// let text = r#"
///     trusted_proxies = ["192.0.2.0/24"]
///     [[views]]
///     route = "/hello"
///     kind = "virtual"
///     text = "Hello, world!"
///     basename = "hello.txt"
/// "#;
/// let config = Config::parse(text, "downloadview.toml".as_ref())?;
/// assert!(config.trusted_proxies.holds(Some([192, 0, 2, 7].into())));
/// assert!(!config.trusted_proxies.holds(None));
/// # Ok::<(), downloadview_gateway::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies {
    networks: Vec<Network>,
    unix: bool,
}

/// Addresses that begin alike: `10.0.0.0/8`; one address is a network of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

impl TrustedProxies {
    /// Whether a proxy with this address is one of them; without an address it came through a Unix socket.
    #[must_use]
    pub fn holds(&self, peer: Option<IpAddr>) -> bool {
        match peer {
            Some(address) => self.networks.iter().any(|network| network.holds(address)),
            None => self.unix,
        }
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }

    pub(super) fn read(file: &mut Table<'_>) -> Self {
        let items = file.get("trusted_proxies").and_then(|value| value.items());
        let mut trusted = Self::default();
        for item in items.unwrap_or_default() {
            if item.is_word("unix") {
                trusted.unix = true;
            } else {
                trusted.networks.extend(item.parsed(Network::read));
            }
        }
        trusted
    }
}

impl Network {
    fn read(text: &str) -> Result<Self, Fault> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let refused = || {
            Fault::new(
                format!("`{text}` is neither an address nor a network"),
                "write \"127.0.0.1\", \"10.0.0.0/8\", \"fd00::/8\" or \"unix\"",
            )
        };
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let is_decimal = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let prefix = match prefix {
            None => most,
            Some(text) => {
                let number = Some(text)
                    .filter(is_decimal)
                    .and_then(|text| text.parse().ok());
                number.filter(|bits| *bits <= most).ok_or_else(refused)?
            }
        };
        let network = Self { address, prefix };
        if network.bits(address) << prefix.min(127) << (prefix / 128) != 0 {
            return Err(Fault::new(
                format!("`{text}` has bits beyond the first {prefix}"),
                format!("write the network's own address, or \"{address}\" for that one alone"),
            ));
        }
        Ok(network)
    }

    /// The address at the upper end of 128 bits.
    fn bits(self, address: IpAddr) -> u128 {
        match address {
            IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
            IpAddr::V6(address) => u128::from(address),
        }
    }

    fn holds(self, address: IpAddr) -> bool {
        // A listener on `[::]` sees IPv4 clients as `::ffff:192.0.2.7`.
        let address = address.to_canonical();
        let beyond = 128_u32.saturating_sub(self.prefix.into());
        let cut = |bits: u128| bits.checked_shr(beyond).unwrap_or(0);
        address.is_ipv4() == self.address.is_ipv4()
            && cut(self.bits(address)) == cut(self.bits(self.address))
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.networks.iter().map(|network| {
            let Network { address, prefix } = network;
            let whole = if address.is_ipv4() { 32 } else { 128 };
            match *prefix == whole {
                true => address.to_string(),
                false => format!("{address}/{prefix}"),
            }
        });
        let unix = self.unix.then(|| "unix".to_owned());
        let all: Vec<_> = networks.chain(unix).collect();
        f.write_str(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (text, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("0.0.0.0/0", "203.0.113.1", "2001:db8::1"),
            ("::/0", "2001:db8::1", "203.0.113.1"),
            ("::1", "::1", "::2"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
        ] {
            let network = Network::read(text).unwrap();
            assert!(network.holds(inside.parse().unwrap()), "{text} {inside}");
            assert!(!network.holds(outside.parse().unwrap()), "{text} {outside}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "localhost",
            "10",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.1/8",
            "::1/64",
            "::/129",
            "127.0.0.1:80",
            "*",
            "10.0.0.0/08x",
            "fd00::1/127",
        ] {
            assert!(Network::read(text).is_err(), "{text}");
        }
    }
}
