//! Who asks: the client's address, scheme and host, as far as somebody trustworthy said it.

use std::net::IpAddr;

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, header};

/// Who asks: what an authorizer is told of the client, and what a signed link may be bound to. Put
/// it into the extensions of the request, outside of the layers that need it.
///
/// A client can write any `X-Forwarded-…` header, so this crate reads none of them: your server
/// knows the address of the peer, and whether the peer is a proxy whose word counts. Default,
/// without a caller in the extensions: no address, `http`, and the request's own host.
///
/// ```
/// use downloadview::permission::Caller;
/// use http::Request;
///
/// let peer = std::net::IpAddr::from([192, 0, 2, 7]); // of the accepted connection
/// let caller = Caller::new().address(peer).https();
/// let request = Request::get("/files/a.pdf").extension(caller).body(())?;
/// # let _ = request;
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    address: Option<IpAddr>,
    https: bool,
    host: Option<HeaderValue>,
}

impl Caller {
    /// Nothing is known: no address, `http`, the request's own host.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The client's address. Default: none, and then the authorizer is told none.
    #[must_use]
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = Some(address.to_canonical());
        self
    }

    /// The client came by `https`. Default: `http`.
    #[must_use]
    pub fn https(mut self) -> Self {
        self.https = true;
        self
    }

    /// The host that the client asked, with its port if it named one. Default: that of the request.
    #[must_use]
    pub fn host(mut self, host: HeaderValue) -> Self {
        self.host = Some(host);
        self
    }

    /// The client's address, if it is known.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.address
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self.https {
            true => "https",
            false => "http",
        }
    }

    /// The host that the client of this request asked, if it is a valid one.
    #[must_use]
    pub fn host_of(&self, request: &Parts) -> Option<Authority> {
        let stated = self
            .host
            .as_ref()
            .or_else(|| request.headers.get(header::HOST));
        let stated = stated.and_then(|host| Authority::try_from(host.as_bytes()).ok());
        let host = stated.or_else(|| request.uri.authority().cloned());
        host.filter(|host| !host.as_str().contains('@'))
    }
}
