//! TLS: only a server that can prove its name is believed.

use std::sync::Arc;

use downloadview::fetch::{Client, ClientBuilder};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::origin::{get, logged, whole};

/// Of our own making; it signed the next one.
const AUTHORITY: &str = include_str!("certificates/ca.pem");
/// For `localhost`, and for no address.
const CERTIFICATE: &[u8] = include_bytes!("certificates/localhost.pem");
const KEY: &[u8] = include_bytes!("certificates/localhost.key");

/// A server with that certificate; its port.
async fn secured() -> u16 {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions
        .expect("a server")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a server")));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a server");
    let port = listener.local_addr().expect("a server").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a server"));
            }
            stream
                .write_all(&whole(b"secured", &[]))
                .await
                .expect("a server");
        }
    });
    port
}

async fn fetched(client: ClientBuilder, host: &str) -> u16 {
    let url = format!("https://{host}:{}", secured().await);
    let origin = client
        .build()
        .expect("a client")
        .origin(url)
        .allow_private()
        .build();
    match origin {
        Ok(origin) => get(&origin, &[]).await.status,
        // Without any certificate of the system's there is nothing to believe.
        Err(error) if error.to_string().contains("no certificate is trusted") => 502,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_certificate_that_is_trusted_proves_a_name() {
    let trusting = Client::builder().root_certificate(AUTHORITY);
    assert_eq!(fetched(trusting, "localhost").await, 200);
}

#[tokio::test]
async fn a_certificate_of_another_name_or_of_nobodys_proves_nothing() {
    let (log, _guard) = logged();
    let trusting = Client::builder().root_certificate(AUTHORITY);
    assert_eq!(fetched(trusting, "127.0.0.1").await, 502);
    let lines = log.lines();
    assert!(
        lines.len() == 1 && lines[0].contains("certificate"),
        "{lines:?}"
    );
    assert_eq!(fetched(Client::builder(), "localhost").await, 502);
}
