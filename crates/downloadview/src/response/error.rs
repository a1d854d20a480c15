//! Turns errors into responses that say what happened and nothing about the server.

use std::borrow::Cow;

use http::{HeaderValue, Response, StatusCode, header};

use super::DownloadBody;
use crate::error::Error;

impl Error {
    /// A short answer in plain text: the status and, for a client's own mistake, what it is. A
    /// failure of the server is logged, with its cause, and not described.
    #[must_use]
    pub fn into_response(self) -> Response<DownloadBody> {
        let status = self.status();
        if status.is_server_error() {
            self.log();
        }
        let further = match &self {
            Self::Unavailable { retry_after, .. } => {
                let seconds = retry_after.as_secs().max(1);
                Some((header::RETRY_AFTER, HeaderValue::from(seconds)))
            }
            Self::MethodNotAllowed => Some((header::ALLOW, HeaderValue::from_static("GET, HEAD"))),
            _ => None,
        };
        let mut response = match self {
            Self::InvalidName { .. } | Self::BadRequest { .. } => {
                plain_text(status, self.to_string())
            }
            _ => refusal(status),
        };
        response.headers_mut().extend(further);
        response
    }
}

impl Error {
    /// As texts: what errors hold besides, for debugging, may quote the data that they speak of.
    fn log(&self) {
        let cause = std::error::Error::source(self).map(ToString::to_string);
        let cause = cause.unwrap_or_default();
        if let Self::Upstream { fault, origin, .. } = self {
            let (kind, status) = (fault.to_string(), self.status().as_u16());
            tracing::warn!(%origin, kind, status, source = cause, "an origin failed");
        } else if self.is_known_outage() {
            tracing::debug!(error = %self, source = cause, "download refused");
        } else {
            tracing::error!(error = %self, source = cause, "download failed");
        }
    }

    fn is_known_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable {
                already_logged: true,
                ..
            }
        )
    }
}

/// In the extensions of a response: it is a refusal of this crate, with its short text for a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    reason: Cow<'static, str>,
}

impl Refusal {
    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Why there is no file, fit to be shown: the reason phrase of the status, or what is wrong with
    /// the request.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// The status and its reason phrase as a page.
pub(crate) fn refusal(status: StatusCode) -> Response<DownloadBody> {
    plain_text(status, status.canonical_reason().unwrap_or("error"))
}

/// A line of text that no browser takes for anything else.
fn plain_text(status: StatusCode, line: impl Into<Cow<'static, str>>) -> Response<DownloadBody> {
    let line = line.into();
    let mut response = Response::new(DownloadBody::full(format!("{line}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // 404, 405 and 410 may be kept without being asked again; a permission may be given meanwhile.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(line.len() + 1));
    let reason = line;
    response.extensions_mut().insert(Refusal { status, reason });
    response
}
