//! Who asks: the address, scheme and host of the client, as far as somebody said it who is believed.
//!
//! Every client can write `X-Forwarded-For`. So it counts, and its siblings with it, only in a request of which one of
//! these is true:
//!
//! 1. it announces a proxy, and proves it by that proxy's secret;
//! 2. it comes from an address of `trusted_proxies`, or over a Unix socket where these say `unix`.
//!
//! In any other, the client is who connected, by `http`, and asked the host of the request.

use std::net::IpAddr;

use downloadview::permission::Caller;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::TrustedProxies;

/// The other side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Peer {
    /// Nobody said where the request came from. Never trusted.
    #[default]
    Unknown,
    /// This address.
    Address(IpAddr),
    /// It connected to a Unix socket.
    Unix,
}

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Who asks; `proven` says whether an announced proxy proved itself.
pub(super) fn caller(
    peer: Peer,
    proven: bool,
    trusted: &TrustedProxies,
    headers: &HeaderMap,
) -> Caller {
    let is_trusted = proven
        || match peer {
            Peer::Address(address) => trusted.holds(Some(address)),
            Peer::Unix => trusted.holds(None),
            Peer::Unknown => false,
        };
    let mut caller = Caller::new();
    let forwarded = is_trusted.then(|| client(headers, trusted)).flatten();
    match (forwarded, peer) {
        (Some(Some(address)), _) | (None, Peer::Address(address)) => {
            caller = caller.address(address);
        }
        _ => {}
    }
    if is_trusted {
        if last(headers, &PROTO).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")) {
            caller = caller.https();
        }
        if let Some(host) = only(headers, &HOST) {
            caller = caller.host(host.clone());
        }
    }
    caller
}

/// The client that a believed proxy names: the last of the list that is not itself a trusted proxy. `None` if the proxy
/// says nothing, and `Some(None)` if what it says is not an address.
fn client(headers: &HeaderMap, trusted: &TrustedProxies) -> Option<Option<IpAddr>> {
    let values = headers.get_all(FOR).iter();
    let mut listed: Vec<&str> = Vec::new();
    for value in values {
        // One that is not a text is not an address either.
        listed.extend(value.to_str().unwrap_or("?").split(',').map(str::trim));
    }
    let mut found = None;
    for text in listed.iter().rev() {
        let address = address(text);
        found = Some(address);
        if !address.is_some_and(|address| trusted.holds(Some(address))) {
            break;
        }
    }
    found
}

/// `192.0.2.7`, `192.0.2.7:4711`, `[2001:db8::1]:4711`, `2001:db8::1`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let with_port = || {
        text.parse()
            .ok()
            .map(|address: std::net::SocketAddr| address.ip())
    };
    bare.parse().ok().or_else(with_port)
}

/// The last word of a header that may be a list.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let value = headers.get_all(name).iter().next_back()?;
    value.to_str().ok()?.rsplit(',').next().map(str::trim)
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn trusted(proxies: &str) -> TrustedProxies {
        let view = "[[views]]\nroute = '/a'\nkind = 'virtual'\ntext = 'a'\nbasename = 'a'";
        let text = format!("trusted_proxies = {proxies}\n{view}");
        let config = Config::parse(&text, "a.toml".as_ref());
        config.expect("valid").trusted_proxies
    }

    const SPOOFED: [(&str, &str); 3] = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
    ];

    fn who(peer: Peer, proven: bool, proxies: &str, lines: &[(&'static str, &str)]) -> Caller {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        caller(peer, proven, &trusted(proxies), &headers)
    }

    fn peer(text: &str) -> Peer {
        Peer::Address(text.parse().expect("an address"))
    }

    #[test]
    fn only_a_proxy_that_proved_itself_or_is_trusted_is_believed() {
        let of_proxy = Caller::new()
            .address([203, 0, 113, 9].into())
            .https()
            .host(HeaderValue::from_static("evil.example"));
        let direct = Caller::new().address([127, 0, 0, 1].into());
        let here = peer("127.0.0.1");
        for (peer, proven, proxies, expected) in [
            (here, false, "[]", &direct),
            (here, true, "[]", &of_proxy),
            (here, false, "['127.0.0.1']", &of_proxy),
            (here, false, "['127.0.0.0/8']", &of_proxy),
            (here, false, "['10.0.0.0/8', 'unix']", &direct),
            (Peer::Unix, false, "['127.0.0.1']", &Caller::new()),
            (Peer::Unix, false, "['unix']", &of_proxy),
            (Peer::Unix, true, "[]", &of_proxy),
            (
                Peer::Unknown,
                false,
                "['unix', '0.0.0.0/0']",
                &Caller::new(),
            ),
        ] {
            let found = who(peer, proven, proxies, &SPOOFED);
            assert_eq!(&found, expected, "{peer:?} {proven} {proxies}");
        }
    }

    #[test]
    fn the_client_is_the_last_of_the_list_that_is_no_proxy() {
        for (values, expected) in [
            (&["198.51.100.1"][..], Some("198.51.100.1")),
            (&["203.0.113.9, 198.51.100.1"], Some("198.51.100.1")),
            (
                &["203.0.113.9", "198.51.100.1, 10.0.0.2"],
                Some("198.51.100.1"),
            ),
            (&["10.0.0.3, 10.0.0.2"], Some("10.0.0.3")),
            (&["198.51.100.1:4711"], Some("198.51.100.1")),
            (&["[2001:db8::1]:4711"], Some("2001:db8::1")),
            (&["[2001:db8::1]"], Some("2001:db8::1")),
            (&["unix:"], None),
            (&["198.51.100.1, unknown"], None),
            (&["198.51.100.1,"], None),
            (&[""], None),
            // It says nothing, so it is the client itself.
            (&[], Some("10.0.0.1")),
        ] {
            let lines: Vec<_> = values
                .iter()
                .map(|value| ("x-forwarded-for", *value))
                .collect();
            let found = who(peer("10.0.0.1"), false, "['10.0.0.0/8']", &lines).ip();
            let expected: Option<IpAddr> = expected.map(|text| text.parse().expect("one"));
            assert_eq!(found, expected, "{values:?}");
        }
    }
}
