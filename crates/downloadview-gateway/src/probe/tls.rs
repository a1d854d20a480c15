//! Whom a client believes over TLS: those that the system trusts, or those of one file and nobody else.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// The certificates that sign those of servers. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Trust(pub(super) Arc<ClientConfig>);

impl Trust {
    /// Those that the system trusts, or those of a file in PEM.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds no certificate.
    pub fn new(ca_file: Option<&Path>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        match ca_file {
            // What cannot be read is missing, and shows where it is needed.
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            Some(file) => {
                let shown = file.display();
                for certificate in CertificateDer::pem_file_iter(file)
                    .with_context(|| format!("cannot read {shown}"))?
                {
                    roots.add(certificate.with_context(|| format!("in {shown}"))?)?;
                }
                ensure!(!roots.is_empty(), "{shown} holds no certificate");
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}
