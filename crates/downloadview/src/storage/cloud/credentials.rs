//! Who signs for S3: keys that were stated, or keys for a while from where the program runs (a
//! cluster, a container, a machine in the cloud).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use async_trait::async_trait;
use http::header::HOST;
use http::{HeaderValue, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use object_store::ClientOptions;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};

use crate::error::BuildError;
use crate::fetch::{Client, Guard, Transport};

/// Where credentials come from.
#[derive(Clone)]
pub(super) enum Credentials {
    /// As stated, for as long as the program runs.
    Static {
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
    },
    /// A service account of a cluster takes a role (STS `AssumeRoleWithWebIdentity`).
    WebIdentity {
        token_file: String,
        role_arn: String,
        session_name: Option<String>,
        sts_endpoint: Option<String>,
    },
    /// The address, relative to 169.254.170.2, where ECS hands them out.
    Container { relative_uri: String },
    /// EKS Pod Identity, and whatever speaks like it.
    Pod { uri: String, token_file: String },
    /// The machine's own role, by its metadata service (IMDSv2).
    Instance,
    /// None: the bucket is public.
    Anonymous,
}

impl Credentials {
    /// What the variables say, in the order of Amazon's own programs; the machine's role if they
    /// say nothing.
    ///
    /// # Errors
    /// When one of a pair is missing.
    pub(super) fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, BuildError> {
        let both = |one: &str, other: &str| match (variable(one), variable(other)) {
            (Some(one), Some(other)) => Ok(Some((one, other))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(incomplete(one, other)),
            (None, Some(_)) => Err(incomplete(other, one)),
        };
        if let Some((access_key_id, secret_access_key)) =
            both("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")?
        {
            return Ok(Self::Static {
                access_key_id,
                secret_access_key,
                session_token: variable("AWS_SESSION_TOKEN"),
            });
        }
        if let Some((token_file, role_arn)) = both("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")? {
            return Ok(Self::WebIdentity {
                token_file,
                role_arn,
                session_name: variable("AWS_ROLE_SESSION_NAME"),
                sts_endpoint: variable("AWS_ENDPOINT_URL_STS"),
            });
        }
        if let Some(relative_uri) = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            return Ok(Self::Container { relative_uri });
        }
        let pod = both(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        )?;
        Ok(match pod {
            Some((uri, token_file)) => Self::Pod { uri, token_file },
            None => Self::Instance,
        })
    }

    pub(super) fn state_to(self, builder: AmazonS3Builder) -> AmazonS3Builder {
        match self {
            Self::Static {
                access_key_id,
                secret_access_key,
                session_token,
            } => {
                let builder = builder
                    .with_access_key_id(access_key_id)
                    .with_secret_access_key(secret_access_key);
                with(builder, Key::Token, session_token)
            }
            Self::WebIdentity {
                token_file,
                role_arn,
                session_name,
                sts_endpoint,
            } => {
                let builder = builder
                    .with_config(Key::WebIdentityTokenFile, token_file)
                    .with_config(Key::RoleArn, role_arn);
                let builder = with(builder, Key::RoleSessionName, session_name);
                with(builder, Key::StsEndpoint, sts_endpoint)
            }
            Self::Container { relative_uri } => {
                builder.with_config(Key::ContainerCredentialsRelativeUri, relative_uri)
            }
            Self::Pod { uri, token_file } => builder
                .with_config(Key::ContainerCredentialsFullUri, uri)
                .with_config(Key::ContainerAuthorizationTokenFile, token_file),
            Self::Instance | Self::Anonymous => builder,
        }
    }
}

fn with(builder: AmazonS3Builder, key: Key, value: Option<String>) -> AmazonS3Builder {
    match value {
        Some(value) => builder.with_config(key, value),
        None => builder,
    }
}

fn incomplete(stated: &str, missing: &str) -> BuildError {
    BuildError::new(format!(
        "{stated} is set and {missing} is not: they go together"
    ))
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static { .. } => "Static",
            Self::WebIdentity { .. } => "WebIdentity",
            Self::Container { .. } => "Container",
            Self::Pod { .. } => "Pod",
            Self::Instance => "Instance",
            Self::Anonymous => "Anonymous",
        })
    }
}

/// Where clouds, their containers and pods ask for credentials. Nothing else may be asked there,
/// and no request of a client chooses what is.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // An agent on the same machine, as for EKS on premises and Greengrass.
    IpAddr::V4(Ipv4Addr::LOCALHOST),
];
/// How long one request for credentials may take.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
/// An answer with credentials has some kilobytes.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Gives `object_store` our client, for credentials alone: the bytes of files never pass here.
pub(super) struct Connector(Client);

impl Connector {
    pub(super) fn new(client: &Client) -> Self {
        Self(client.clone())
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let guard = Guard::default().with_addresses(METADATA);
        let transport = self.0.transport(guard, CONNECT_PATIENCE);
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
        // `object_store` puts the answer's text into its errors, so they are shown nowhere and this is.
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
    uri.scheme_str() == Some("https") || address.is_ok_and(|it| METADATA.contains(&it))
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

    fn of(set: &[(&str, &str)]) -> Result<Credentials, BuildError> {
        Credentials::of(&|name| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variables_are_taken_in_the_order_of_amazons_programs() {
        let instance = [];
        let pod = [
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://169.254.170.23/",
            ),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token"),
        ];
        let container = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];
        let identity = [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
            ("AWS_ROLE_ARN", "arn"),
        ];
        let keys = [
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let mut set = Vec::new();
        for (more, expected) in [
            (instance.as_slice(), "Instance"),
            (&pod, "Pod"),
            (&container, "Container"),
            (&identity, "WebIdentity"),
            (&keys, "Static"),
        ] {
            set.extend_from_slice(more);
            assert_eq!(format!("{:?}", of(&set).unwrap()), expected);
        }
    }

    #[test]
    fn half_a_pair_is_refused_by_name_and_without_its_value() {
        for (stated, missing) in [
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
            ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ] {
            let error = of(&[(stated, "s3cr3t")]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{stated} is set and {missing} is not")));
            assert!(!error.contains("s3cr3t"));
        }
    }

    #[test]
    fn credentials_come_over_tls_or_from_an_address_for_them() {
        let asked = |uri: &'static str| may_be_asked(&Uri::from_static(uri));
        for uri in [
            "https://sts.amazonaws.com/",
            "http://169.254.169.254/",
            "http://[fd00:ec2::254]/",
        ] {
            assert!(asked(uri), "{uri}");
        }
        for uri in [
            "http://sts.amazonaws.com/",
            "http://10.0.0.1/",
            "http://169.254.169.254.example/",
        ] {
            assert!(!asked(uri), "{uri}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let keys = [
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        assert_eq!(format!("{:?}", of(&keys).unwrap()), "Static");
    }
}
