//! The page of a file whose copy is being made: 202, and when to ask again.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::error::{Refusal, plain_text};
use crate::response::DownloadBody;

/// What makes a browser ask again by itself (HTML, "The `Refresh` header"). Everybody else goes by
/// `Retry-After`.
const REFRESH: HeaderName = HeaderName::from_static("refresh");

/// The answer that asks a client to come back after so many seconds.
pub(crate) fn preparing(seconds: u64) -> Response<DownloadBody> {
    let mut response = plain_text(StatusCode::ACCEPTED, "The file is being prepared.");
    response.extensions_mut().remove::<Refusal>();
    for name in [header::RETRY_AFTER, REFRESH] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from(seconds));
    }
    response
}
