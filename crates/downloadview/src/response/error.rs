//! Turns errors into responses that say what happened, and nothing about the server.
//!
//! In goes an [`Error`] of a view, a file or a storage; out comes a short page of plain text that
//! no cache keeps, with a [`Refusal`] in its extensions for layers that draw a page of their own. A
//! failure of the server is logged here, once, with its cause.

use std::borrow::Cow;

use http::{HeaderValue, Response, StatusCode, header};

use super::{About, DownloadBody};
use crate::error::{Denial, Error};

impl Error {
    /// A short answer in plain text: the status and, for a mistake of the client, what the mistake
    /// is.
    ///
    /// A failure of the server (5xx) is logged with its cause and not described to the client. 503
    /// comes with `Retry-After`, 405 with `Allow`. The answer is `no-store`, and a [`Refusal`]
    /// stands in its extensions.
    ///
    /// ```
    /// use downloadview::{Error, Refusal};
    /// use http::StatusCode;
    ///
    /// let response = Error::NotFound.into_response();
    /// assert_eq!(response.status(), StatusCode::NOT_FOUND);
    /// let refusal = response.extensions().get::<Refusal>().unwrap();
    /// assert_eq!(refusal.reason(), "Not Found");
    /// ```
    #[must_use]
    pub fn into_response(self) -> Response<DownloadBody> {
        self.into_response_about(About::default())
    }

    /// The same where it is known what was asked for: a failure of the server is logged with it.
    pub(crate) fn into_response_about(self, about: About<'_>) -> Response<DownloadBody> {
        let status = self.status();
        if status.is_server_error() {
            self.log(about);
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
            Self::Denied(denial) => denied(status, denial),
            _ => refusal(status),
        };
        response.headers_mut().extend(further);
        response
    }
}

impl Error {
    /// Logs the error as text. Its fields are left out: what they hold for debugging may quote the
    /// data that they are about.
    fn log(&self, about: About<'_>) {
        let About { path, route } = about;
        let cause = std::error::Error::source(self).map(ToString::to_string);
        let cause = cause.unwrap_or_default();
        if let Self::Upstream { fault, origin, .. } = self {
            let (kind, status) = (fault.to_string(), self.status().as_u16());
            tracing::warn!(%origin, kind, status, source = cause, path, route, "an origin failed");
        } else if self.is_known_outage() {
            tracing::debug!(error = %self, source = cause, path, route, "download refused");
        } else {
            tracing::error!(error = %self, source = cause, path, route, "download failed");
        }
    }

    /// Whether somebody logged this outage when it began.
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

/// Marks a response as a refusal of this crate, with its short text as the body. It stands in the
/// response's extensions.
///
/// A middleware of yours finds it there and can send a page of your own in its place.
/// [`OptimizeLayer::error_pages`](crate::OptimizeLayer::error_pages) does that for you.
///
/// ```
/// use downloadview::{Error, Refusal};
///
/// let response = Error::Forbidden.into_response();
/// if let Some(refusal) = response.extensions().get::<Refusal>() {
///     let page = format!("<h1>{}</h1><p>{}</p>", refusal.status(), refusal.reason());
///     # assert_eq!(page, "<h1>403 Forbidden</h1><p>Forbidden</p>");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    reason: Cow<'static, str>,
}

impl Refusal {
    /// The status of the answer, 400 or above.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Why there is no file, in words that may be shown to anybody: the reason phrase of the
    /// status, or what is wrong with the request. It quotes nothing of the request.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// A status as a page of one line: its reason phrase.
pub(crate) fn refusal(status: StatusCode) -> Response<DownloadBody> {
    plain_text(status, status.canonical_reason().unwrap_or("error"))
}

/// The page of a refused permission. The reason goes along for layers and logs, not into the text.
fn denied(status: StatusCode, denial: Denial) -> Response<DownloadBody> {
    let mut response = match denial.for_clients() {
        Some(reason) => plain_text(status, reason),
        None => refusal(status),
    };
    response.extensions_mut().insert(denial);
    response
}

/// A page of one line of text, with headers that keep a browser from taking it for anything else.
pub(super) fn plain_text(
    status: StatusCode,
    line: impl Into<Cow<'static, str>>,
) -> Response<DownloadBody> {
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
