//! A client that lies about itself: a proxy whose word is believed must not pass on what clients say of themselves.
//!
//! The request says that it comes from another address, by https, for another host. The application tells whom it took
//! for the client.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderName, HeaderValue};

use super::advice;
use super::client::ask;
use super::finding::{Finding, Part};
use super::lines::Topic;
use super::setup::{Named, Setup};
use super::subject::Case;
use crate::config::Proxy;
use crate::witness::Client;

/// Nobody has it (RFC 5737).
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66));
const FOR: (HeaderName, &str) = (HeaderName::from_static("x-forwarded-for"), "192.0.2.66");
/// Nobody has it (RFC 2606).
const HOST: (HeaderName, &str) = (
    HeaderName::from_static("x-forwarded-host"),
    "forged.invalid",
);
const PROTO: (HeaderName, &str) = (HeaderName::from_static("x-forwarded-proto"), "https");

/// Whether the application believes the client through this proxy. `None` where nobody is believed, or the application was
/// not asked.
pub(super) async fn check(setup: &Setup, proxy: &Named, case: &Case) -> Option<Finding> {
    if setup.config.trusted_proxies.is_empty() && proxy.announced.is_none() {
        return None;
    }
    let (name, address) = (&proxy.name, &proxy.address);
    let what = format!("{}: a client that lies about itself", proxy.label);
    let asked = format!("GET {} of {address}, with X-Forwarded-*", case.shown());
    let lying = [FOR, HOST, PROTO].into_iter();
    let lying = lying.fold(case.get(), |ask, (header, value)| {
        ask.header(header, HeaderValue::from_static(value))
    });
    let evidence = ask(setup, address, lying).await;
    let client = evidence.seen.first()?.client.as_ref()?;
    let believed = believed(client, address.is_tls());
    if !believed.is_empty() {
        let came = format!(
            "the gateway believes the client's own {}, which {name} passes on: a client can say that it is anybody",
            believed.join(", ")
        );
        return Some(
            Finding::wrong(&what, Part::Proxy, asked, came).change(change(setup, proxy, &believed)),
        );
    }
    if client.address == Some(ADDRESS) {
        let came = format!(
            "this machine is one of `trusted_proxies`, so what it says is believed, and {name} adds the address of whoever says it, which is this machine's"
        );
        return Some(Finding::note(&what, came));
    }
    let taken = client.address.map(|it| it.to_string());
    let taken = taken.unwrap_or_else(|| "nobody".to_owned());
    let came = format!("the gateway takes {taken} for the client");
    let said = &client.forwarded_for;
    Some(match said.contains(&taken) {
        true => Finding::right(&what, asked, came),
        false if said.is_empty() => {
            let came = format!("{came}: {name} does not say who that is");
            Finding::note(&what, came).change(change(setup, proxy, &["X-Forwarded-For"]))
        }
        false => {
            let came = format!("{came}, and does not believe what {name} says of it");
            Finding::note(&what, came).change(format!(
                "if it should, put the address that {name} asks the gateway from into `trusted_proxies`"
            ))
        }
    })
}

/// The lines that overwrite these headers.
fn change(setup: &Setup, proxy: &Named, believed: &[&str]) -> String {
    match proxy.backend {
        Proxy::Caddy => {
            "Caddy sets them itself: take out its `trusted_proxies`, and each `header_up` for X-Forwarded-*".to_owned()
        }
        _ => {
            let printed = advice::lines(setup, proxy, &Topic::Forwarded);
            // The first one says whose lines they are.
            let mut lines = printed.lines();
            let first = lines.next().into_iter();
            let about = lines.filter(|line| believed.iter().any(|name| line.contains(name)));
            first.chain(about).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Which of the headers were believed as they were sent.
fn believed(client: &Client, is_tls: bool) -> Vec<&'static str> {
    let last = client.forwarded_for.rsplit(',').next().map(str::trim);
    // Where something was added, it is the word of somebody on the way.
    let address = client.address == Some(ADDRESS) && last == Some(FOR.1);
    let all = [
        (address, "X-Forwarded-For"),
        (client.host == HOST.1, "X-Forwarded-Host"),
        (client.is_https && !is_tls, "X-Forwarded-Proto"),
    ];
    let believed = all.into_iter().filter(|(is_believed, _)| *is_believed);
    believed.map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_believed_only_if_nobody_added_one() {
        let client = |forwarded_for: &str| Client {
            forwarded_for: forwarded_for.to_owned(),
            address: Some(ADDRESS),
            ..Client::default()
        };
        let found = believed(&client("192.0.2.66"), false);
        assert_eq!(found, ["X-Forwarded-For"]);
        assert!(believed(&client("192.0.2.66, 127.0.0.1"), false).is_empty());
        let mut https = client("127.0.0.1");
        https.is_https = true;
        assert_eq!(believed(&https, false), ["X-Forwarded-Proto"]);
        assert!(believed(&https, true).is_empty());
    }
}
