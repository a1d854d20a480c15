//! Gives `object_store` our own client, for credentials alone: it connects only to whom clouds hand
//! them out by, and the bytes of files never pass here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use async_trait::async_trait;
use http::header::HOST;
use http::{HeaderValue, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientOptions, RetryConfig};

use crate::fetch::{Client, Guard, Transport};

/// Where clouds, their containers and pods ask for credentials. Nothing else may be asked there,
/// and no request of a client chooses what is.
const METADATA: [IpAddr; 7] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    // Google's.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // An agent on the same machine, as for EKS on premises and Greengrass.
    IpAddr::V4(Ipv4Addr::LOCALHOST),
];
/// What Google calls its own. It is asked without TLS, and tells nothing to who asks from
/// elsewhere.
const METADATA_HOST: &str = "metadata.google.internal";
/// How long one request for credentials may take.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
/// An answer with credentials has some kilobytes.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Credentials that cannot be had at once are asked for twice more.
pub(super) fn retries() -> RetryConfig {
    RetryConfig {
        max_retries: 2,
        retry_timeout: Duration::from_secs(15),
        ..RetryConfig::default()
    }
}

/// Makes the client.
pub(super) struct Connector(Client);

impl Connector {
    pub(super) fn new(client: &Client) -> Self {
        Self(client.clone())
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let guard = Guard::default().with_addresses(METADATA);
        let transport = self.0.transport(guard, None, CONNECT_PATIENCE);
        Ok(HttpClient::new(Service(transport)))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

struct Service(Transport);

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request
            .uri()
            .authority()
            .map_or("", |it| it.as_str())
            .to_owned();
        let answered = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let answered = answered.unwrap_or_else(|_| Err(failed(HttpErrorKind::Timeout, "time-out")));
        // `object_store` puts the answer's text into its errors, so they are shown nowhere and this
        // is.
        match &answered {
            Ok(response) if response.status().is_success() => {}
            Ok(response) => {
                let status = response.status().as_u16();
                tracing::warn!(%host, status, "credentials for an object store were refused");
            }
            Err(error) => tracing::warn!(%host, %error, "credentials for an object store failed"),
        }
        answered
    }
}

impl Service {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut parts, body) = request.into_parts();
        if !may_be_asked(&parts.uri) {
            return Err(failed(
                HttpErrorKind::Unknown,
                "not https, nor an address for credentials",
            ));
        }
        if let Some(host) = host(&parts.uri) {
            parts.headers.entry(HOST).or_insert(host);
        }
        let body = body.as_bytes().cloned().unwrap_or_default();
        let request = http::Request::from_parts(parts, Full::new(body));
        let answered = self.0.request(request).await;
        let answered = answered.map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
        let (parts, body) = answered.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(|_| failed(HttpErrorKind::Interrupted, "no whole answer"))?;
        Ok(HttpResponse::from_parts(parts, body.to_bytes().into()))
    }
}

/// Without TLS only where clouds hand out credentials: anybody on the way elsewhere would read
/// them.
fn may_be_asked(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    let hands_out = host == METADATA_HOST || address.is_ok_and(|it| METADATA.contains(&it));
    uri.scheme_str() == Some("https") || hands_out
}

fn host(uri: &Uri) -> Option<HeaderValue> {
    HeaderValue::from_str(uri.authority()?.as_str()).ok()
}

fn failed(kind: HttpErrorKind, what: &'static str) -> HttpError {
    HttpError::new(kind, std::io::Error::other(what))
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_over_tls_or_from_an_address_for_them() {
        let asked = |uri: &'static str| may_be_asked(&Uri::from_static(uri));
        for uri in [
            "https://sts.amazonaws.com/",
            "http://169.254.169.254/",
            "http://[fd00:ec2::254]/",
            "http://metadata.google.internal/computeMetadata/v1/",
        ] {
            assert!(asked(uri), "{uri}");
        }
        for uri in [
            "http://sts.amazonaws.com/",
            "http://10.0.0.1/",
            "http://169.254.169.254.example/",
            "http://metadata.google.internal.example/",
        ] {
            assert!(!asked(uri), "{uri}");
        }
    }
}
