//! The answer that makes a proxy send the file: a plain 200 with nothing in it but headers.

use http::{HeaderName, HeaderValue, StatusCode, header, response};

use crate::headers::remove_all;

/// Head of an answer whose bytes a proxy will send. What it is made of is a
/// [`Backend`](crate::backend::Backend)'s business; what all backends need is here.
#[derive(Debug)]
#[doc(alias = "XAccelRedirectResponse")]
#[doc(alias = "XSendfileResponse")]
pub(crate) struct ProxiedDownloadResponse;

impl ProxiedDownloadResponse {
    /// Makes a head fit for delegation.
    ///
    /// Always 200: nginx and Caddy turn any status into it, Apache ignores its header on any other
    /// and lighttpd sends the file with it. `Content-Length: 0`, or nginx closes its connection to
    /// the application after every answer. Length, ranges and framing of the file are the proxy's.
    pub(crate) fn prepare(head: &mut response::Parts) {
        head.status = StatusCode::OK;
        const OF_THE_PROXY: [HeaderName; 3] = [
            header::CONTENT_RANGE,
            header::ACCEPT_RANGES,
            header::TRANSFER_ENCODING,
        ];
        remove_all(&mut head.headers, &OF_THE_PROXY);
        head.headers
            .insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}
