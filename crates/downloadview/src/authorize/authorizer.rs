//! One authorizer: asked within its deadlines, and its answer judged.
//!
//! 1. A pass that is still good (`cache`).
//! 2. A place among the questions under way (`content::Slots`), within the same deadline.
//! 3. The request (`request`) goes out over a connection that may have been kept; once more if that
//!    was closed just then (`fetch`).
//! 4. The body is read up to its bound, so that the connection can be kept; a longer one closes it.
//! 5. Head and body are judged (`verdict`).
//!
//! Whatever goes wrong is a refusal: there is no way through here without an answer that says yes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::AccessRequest;
use super::cache::{Cache, Key};
use super::verdict::{Body, Judged, Kind, Terms, judge};
use crate::content::Slots;
use crate::error::{AuthorizerFault, Denial, Error};
use crate::fetch::{Transport, send};
use crate::permission::Grant;
use crate::response::{DownloadBody, refusal};
use crate::said::OncePerMinute;

/// Another program, usually your web application, that says who may have what: forward auth, as
/// nginx's `auth_request`, Traefik and Caddy ask it. Clones share everything.
///
/// Each question is a request of its own (see [`AccessRequest`]), without a body. 200, 202 and 204
/// pass; a refusal such as 401, 403, 404 or a redirect to a login page goes on to the client;
/// nonsense is 502, a failure or silence 503. It never opens.
///
/// ```
/// use downloadview::authorize::{AccessRequest, Authorizer, Verdict};
/// use downloadview::fetch::Client;
/// use http::request::Parts;
///
/// let client = Client::new()?;
/// let authorizer = Authorizer::builder(&client, "http://127.0.0.1:9000/may").build()?;
///
/// async fn may(authorizer: &Authorizer, parts: &Parts) -> bool {
///     let Ok(asked) = AccessRequest::of(parts) else { return false };
///     matches!(authorizer.ask(&asked).await, Verdict::Allowed(_))
/// }
/// # let _ = (authorizer, may);
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Authorizer(Arc<Shared>);

/// What all clones share. The defaults stand in `builder`.
pub(super) struct Shared {
    /// Where it is asked.
    pub(super) url: Uri,
    /// For logs and `Debug`: host and port, or the path of the socket.
    pub(super) name: String,
    pub(super) host: HostIs,
    pub(super) forwarded: Vec<HeaderName>,
    pub(super) timeout: Duration,
    pub(super) terms: Terms,
    pub(super) cache: Option<Cache>,
    pub(super) transport: Transport,
    pub(super) slots: Slots,
    pub(super) complained: OncePerMinute<()>,
}

/// Whose name stands in `Host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostIs {
    Own,
    Client,
}

/// What an [`Authorizer`] says: the result of [`Authorizer::ask`], whose example asks for one.
///
/// ```
/// use downloadview::authorize::Verdict;
///
/// /// For a server without tower: the answer to a client that may not have the file.
/// fn refusal(verdict: Verdict) -> Option<http::Response<downloadview::DownloadBody>> {
///     match verdict {
///         Verdict::Denied { response, .. } => Some(*response),
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// The client may have it, with what the answer states about the download.
    Allowed(Grant),
    /// The client may not.
    #[non_exhaustive]
    Denied {
        /// What the client gets: the authorizer's own refusal, or a short page. `no-store`.
        response: Box<Response<DownloadBody>>,
        /// Why, for logs.
        denial: Denial,
    },
}

/// The longest body that is read.
const LONGEST_BODY: usize = 64 * 1024;

impl Authorizer {
    pub(super) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Asks whether the client may have what it asks for. It never fails: what goes wrong is a
    /// refusal, with its answer.
    pub async fn ask(&self, asked: &AccessRequest<'_>) -> Verdict {
        let headers = match asked.headers(&self.0.forwarded) {
            Ok(headers) => headers,
            Err(error) => return Verdict::without_asking(error),
        };
        let key = self
            .0
            .cache
            .as_ref()
            .and_then(|_| Key::of(asked, &self.0.forwarded));
        if let Some((cache, key)) = self.0.cache.as_ref().zip(key.as_ref())
            && let Some(grant) = cache.find(key)
        {
            return Verdict::Allowed(grant);
        }
        let exchanged = timeout(self.0.timeout, self.exchange(asked, headers)).await;
        let answered = exchanged.unwrap_or(Err(Failure::Silent("no whole answer in time".into())));
        let (head, body) = match answered {
            Ok(answered) => answered,
            Err(failure) => return self.failed(failure),
        };
        match judge(&head, body, &self.0.terms, asked) {
            Judged::Pass(grant) => {
                if let Some((cache, key)) = self.0.cache.as_ref().zip(key) {
                    cache.keep(key, &head.headers, &grant);
                }
                Verdict::Allowed(grant)
            }
            Judged::No(response) => {
                let denial = AuthorizerFault::Refused(head.status).into();
                Verdict::denied(response, denial)
            }
            Judged::Nonsense(why) => self.failed(Failure::Nonsense(why.into(), Some(head.status))),
            Judged::Failed(status) => self.failed(Failure::Silent(format!("it answers {status}"))),
        }
    }

    /// Sends the request, and reads as much of the answer as may count.
    async fn exchange(
        &self,
        asked: &AccessRequest<'_>,
        headers: HeaderMap,
    ) -> Result<(http::response::Parts, Body), Failure> {
        let shared = &*self.0;
        let crowded = |_| Failure::Silent("too many questions are under way".into());
        let _place = shared.slots.take().await.map_err(crowded)?;
        let host = match shared.host {
            HostIs::Client => asked
                .host()
                .and_then(|host| HeaderValue::from_str(host.as_str()).ok()),
            HostIs::Own => None,
        };
        let request = || {
            let mut request = Request::new(Full::<Bytes>::default());
            *request.uri_mut() = shared.url.clone();
            *request.headers_mut() = headers.clone();
            if let Some(host) = &host {
                request.headers_mut().insert(header::HOST, host.clone());
            }
            request
        };
        let sent = send(&shared.transport, shared.timeout, request).await;
        let (head, body) = sent.map_err(Failure::unsent)?.into_parts();
        let body = match Kind::of(head.status) {
            // Nothing of it counts, and the connection is not worth keeping.
            Kind::Nonsense | Kind::Failed => Body::TooLong,
            Kind::Pass | Kind::No => read(body).await?,
        };
        Ok((head, body))
    }

    /// The refusal for a failure. It is logged once a minute: a broken authorizer must not fill the
    /// log with what a crowd of clients asks meanwhile.
    fn failed(&self, failure: Failure) -> Verdict {
        let (status, fault, why) = failure.into_parts();
        if self.0.complained.is_due(()) {
            let (authorizer, status) = (&*self.0.name, status.as_u16());
            tracing::error!(
                authorizer,
                status,
                source = why,
                "an authorizer does not answer as it should, and nobody passes; said once a minute"
            );
        }
        let mut response = refusal(status);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from_static("5");
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        Verdict::denied(response, fault.into())
    }
}

impl Verdict {
    fn denied(mut response: Response<DownloadBody>, denial: Denial) -> Self {
        response.extensions_mut().insert(denial.clone());
        let response = Box::new(response);
        Self::Denied { response, denial }
    }

    /// A request that no authorizer could be asked about.
    fn without_asking(error: Error) -> Self {
        let status = error.status();
        Self::denied(
            error.into_response(),
            AuthorizerFault::NotAsked(status).into(),
        )
    }
}

/// Why there is no answer that could be judged, or none that means anything.
#[derive(Debug)]
enum Failure {
    /// 503.
    Silent(String),
    /// 502.
    Nonsense(String, Option<StatusCode>),
}

impl Failure {
    fn unsent(unsent: crate::fetch::Unsent) -> Self {
        use crate::error::UpstreamFault::Answer;

        let why = unsent.reason.unwrap_or_else(|| unsent.fault.to_string());
        match unsent.fault {
            Answer(what) => Self::Nonsense(format!("{what}: {why}"), None),
            _ => Self::Silent(why),
        }
    }

    fn into_parts(self) -> (StatusCode, AuthorizerFault, String) {
        match self {
            Self::Silent(why) => (
                StatusCode::SERVICE_UNAVAILABLE,
                AuthorizerFault::Unavailable,
                why,
            ),
            Self::Nonsense(why, status) => {
                let fault = AuthorizerFault::Nonsense(status);
                let why = match status {
                    Some(status) => format!("{why} ({})", status.as_u16()),
                    None => why,
                };
                (StatusCode::BAD_GATEWAY, fault, why)
            }
        }
    }
}

/// Reads a body up to its bound. Read to its end, it leaves a connection that can be kept.
async fn read(body: Incoming) -> Result<Body, Failure> {
    match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(whole) => Ok(Body::Whole(whole.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Ok(Body::TooLong),
        Err(error) => Err(Failure::Silent(format!("its body broke off: {error}"))),
    }
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorizer").field(&self.0.name).finish()
    }
}
