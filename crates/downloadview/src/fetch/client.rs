//! What all origins of a program share: the trusted certificates and the threads that resolve
//! names.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest as _, Sha256};

use super::connect::{self, Connector, Hosts, Transport, Way};
use super::guard::Guard;
use super::resolve::Names;
#[cfg(test)]
use super::resolve::Resolve;
use crate::error::BuildError;

/// Fetches files of other servers. One for the program is enough: clones share everything.
///
/// It speaks HTTP/1.1, with TLS by `rustls` and the certificates that the system trusts. It uses no
/// proxy of the environment (`http_proxy`): the settings of each [`Origin`](super::Origin) decide
/// what it may connect to.
///
/// ```
/// use downloadview::fetch::Client;
/// let client = Client::new()?;
/// let origin = client.origin("https://files.example").build()?;
/// # let _ = origin;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    tls: Arc<ClientConfig>,
    names: Names,
    /// Whether any certificate is trusted: without, no `https` can work.
    trusts: bool,
    /// A hash of the certificates that only this program trusts; empty if there are none.
    own_trust: Vec<u8>,
}

impl Client {
    /// A client with the certificates that the system trusts.
    ///
    /// # Errors
    ///
    /// If the threads that resolve names cannot be started.
    pub fn new() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// Begins a client that trusts further certificates.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Connections to whatever `guard` allows. Each origin has connections of its own. `host` is that of
    /// the origin; without one, all hosts are configured.
    pub(crate) fn transport(
        &self,
        guard: Guard,
        host: Option<&str>,
        connect_timeout: Duration,
    ) -> Transport {
        connect::transport(self.connector(Way::Guarded(guard), host, connect_timeout))
    }

    /// Connections to a server that the operator names, whose answers have heads of at most so many
    /// bytes.
    #[cfg(feature = "authorize")]
    pub(crate) fn transport_by(
        &self,
        way: Way,
        connect_timeout: Duration,
        longest_head: usize,
    ) -> Transport {
        connect::transport_of_heads(self.connector(way, None, connect_timeout), longest_head)
    }

    fn connector(&self, way: Way, host: Option<&str>, connect_timeout: Duration) -> Connector {
        let Shared { tls, names, .. } = &*self.0;
        let hosts = Hosts::new(names.clone(), host);
        Connector::new(Arc::clone(tls), hosts, way, connect_timeout)
    }

    /// What tells the certificates that this client trusts from those that the system does. A copy of
    /// what came under others is none for it.
    pub(super) fn own_trust(&self) -> &[u8] {
        &self.0.own_trust
    }

    /// Whether any certificate is trusted.
    pub(crate) fn trusts(&self) -> bool {
        self.0.trusts
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Settings of a [`Client`]. Made by [`Client::builder`].
///
/// ```no_run
/// use downloadview::fetch::Client;
/// let pem = std::fs::read("/etc/ssl/our-own.pem").expect("readable");
/// let client = Client::builder().root_certificate(pem).build()?;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Default)]
pub struct ClientBuilder {
    pem: Vec<Vec<u8>>,
    names: Option<Names>,
}

impl ClientBuilder {
    /// Trusts the certificates of this PEM text too: for servers whose certificate is signed by an
    /// authority of your own. Default: only those that the system trusts.
    #[must_use]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.pem.push(pem.into());
        self
    }

    #[cfg(test)]
    pub(crate) fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        let resolver = Arc::new(resolver);
        self.names = Some(Names {
            ours: resolver.clone(),
            strangers: resolver,
        });
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// If a text holds no valid certificate, or the threads that resolve names cannot be started.
    pub fn build(self) -> Result<Client, BuildError> {
        let (roots, own_trust) = self.roots()?;
        let trusts = !roots.is_empty();
        let tls = tls(roots)?;
        let names = match self.names {
            Some(names) => names,
            None => Names::start().map_err(|error| {
                BuildError::new(format!(
                    "the threads that resolve names cannot be started: {error}"
                ))
            })?,
        };
        Ok(Client(Arc::new(Shared {
            tls: Arc::new(tls),
            names,
            trusts,
            own_trust,
        })))
    }

    /// The trusted certificates, and a hash of those that this program alone trusts. Of the system's,
    /// those that can be read: some systems have one that nobody understands.
    fn roots(&self) -> Result<(RootCertStore, Vec<u8>), BuildError> {
        let mut roots = RootCertStore::empty();
        let of_system = rustls_native_certs::load_native_certs().certs;
        let mut own: Vec<CertificateDer<'_>> = Vec::new();
        // The environment may name others in their place: those are this program's own.
        if ["SSL_CERT_FILE", "SSL_CERT_DIR"]
            .iter()
            .any(|name| std::env::var_os(name).is_some())
        {
            own.extend(of_system.iter().cloned());
        }
        roots.add_parsable_certificates(of_system);
        for pem in &self.pem {
            let invalid = || BuildError::new("a root certificate is not a valid PEM text");
            let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            let certificates = parsed.map_err(|_| invalid())?;
            if certificates.is_empty() {
                return Err(invalid());
            }
            for certificate in certificates {
                roots.add(certificate.clone()).map_err(|_| invalid())?;
                own.push(certificate);
            }
        }
        Ok((roots, hash(own)))
    }
}

/// A hash of certificates, in whatever order they are; empty if there are none.
fn hash(mut certificates: Vec<CertificateDer<'_>>) -> Vec<u8> {
    certificates.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
    certificates.dedup();
    if certificates.is_empty() {
        return Vec::new();
    }
    let mut hasher = Sha256::new();
    for certificate in certificates {
        hasher.update((certificate.len() as u64).to_le_bytes());
        hasher.update(&certificate);
    }
    hasher.finalize().to_vec()
}

fn tls(roots: RootCertStore) -> Result<ClientConfig, BuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions =
        versions.map_err(|error| BuildError::new(format!("TLS cannot be set up: {error}")))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::Uri;
    use http::uri::Scheme;
    use tokio::net::TcpListener;

    use super::*;
    use crate::content::BoxFuture;
    use crate::error::UpstreamFault;

    /// A name server that gives each question the next answer.
    #[derive(Debug, Clone)]
    struct Changing(Arc<AtomicUsize>, Vec<Vec<Ipv4Addr>>);

    impl Resolve for Changing {
        fn resolve(&self, _: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
            let turn = self.0.fetch_add(1, Ordering::Relaxed);
            let found = self.1[turn].iter();
            let found = found.map(|&address| SocketAddr::new(IpAddr::V4(address), port));
            Box::pin(std::future::ready(Ok(found.collect())))
        }
    }

    const ALLOWED: Ipv4Addr = Ipv4Addr::LOCALHOST;
    const PRIVATE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

    /// What becomes of a connection for each answer of the name server, which is asked once for
    /// each.
    async fn connect(answers: &[&[Ipv4Addr]]) -> Vec<Result<(), UpstreamFault>> {
        let listener = TcpListener::bind((ALLOWED, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let _both = TcpListener::bind((PRIVATE, port)).await.unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let names = answers.iter().map(|it| it.to_vec()).collect();
        let resolver = Changing(Arc::clone(&asked), names);
        let client = Client::builder().resolver(resolver).build().unwrap();
        let guard = Guard::default().with_addresses([IpAddr::V4(ALLOWED)]);
        let mut connector = client.connector(Way::Guarded(guard), None, Duration::from_secs(5));
        let mut all = Vec::new();
        for _ in answers {
            let uri = Uri::builder()
                .scheme(Scheme::HTTP)
                .authority(format!("files.example:{port}"))
                .path_and_query("/")
                .build()
                .unwrap();
            let connected = tower_service::Service::call(&mut connector, uri).await;
            all.push(connected.map(drop).map_err(|error| error.fault));
        }
        assert_eq!(asked.load(Ordering::Relaxed), answers.len());
        all
    }

    /// A resolver that never answers.
    #[derive(Debug)]
    struct Silent;

    impl Resolve for Silent {
        fn resolve(&self, _: &str, _: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
            Box::pin(std::future::pending())
        }
    }

    /// A server may redirect to ever new names whose name servers do not answer.
    #[tokio::test]
    async fn names_of_redirects_keep_no_origin_waiting() {
        let listener = TcpListener::bind((ALLOWED, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let ours = Changing(Arc::default(), vec![vec![ALLOWED]; 2]);
        let mut builder = Client::builder();
        builder.names = Some(Names {
            ours: Arc::new(ours.clone()),
            strangers: Arc::new(Silent),
        });
        let client = builder.build().unwrap();
        let way = Way::Guarded(Guard::default().with_private());
        let host = Some("files.example");
        let mut connector = client.connector(way, host, Duration::from_millis(100));
        for (host, expected) in [
            ("files.example", Ok(())),
            ("a.evil.example", Err(UpstreamFault::ConnectTimeout)),
            (
                "files.example.evil.example",
                Err(UpstreamFault::ConnectTimeout),
            ),
            ("FILES.example", Ok(())),
        ] {
            let uri = format!("http://{host}:{port}/").parse().unwrap();
            let connected = tower_service::Service::call(&mut connector, uri).await;
            assert_eq!(
                connected.map(drop).map_err(|error| error.fault),
                expected,
                "{host}"
            );
        }
        assert_eq!(ours.0.load(Ordering::Relaxed), 2);
    }

    /// DNS rebinding: what was checked is what is connected to, each time anew.
    #[tokio::test]
    async fn a_name_that_changes_its_mind_is_refused_the_second_time() {
        let refused = Err(UpstreamFault::PrivateAddress);
        assert_eq!(connect(&[&[ALLOWED], &[PRIVATE]]).await, [Ok(()), refused]);
    }

    #[tokio::test]
    async fn a_name_with_one_private_address_is_refused() {
        let refused = Err(UpstreamFault::PrivateAddress);
        assert_eq!(connect(&[&[ALLOWED, PRIVATE]]).await, [refused]);
        assert_eq!(connect(&[&[]]).await, [Err(UpstreamFault::Unresolved)]);
    }

    #[test]
    fn a_root_certificate_that_is_none_is_a_mistake() {
        for pem in [
            "",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(Client::builder().root_certificate(pem).build().is_err());
        }
    }
}
