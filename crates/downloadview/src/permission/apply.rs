//! A grant over what a view states.
//!
//! Called where a download is answered (`optimize::answer`, the view's service) with the head and
//! the download before anything is decided about them.

use http::{HeaderValue, header, response};

use super::{Grant, caching};
use crate::response::Download;

/// Writes what the grant states over the head, and returns the download that goes with it.
pub(crate) fn apply(grant: &Grant, head: &mut response::Parts, download: Download) -> Download {
    let headers = &mut head.headers;
    let presents =
        grant.basename.is_some() || grant.disposition.is_some() || grant.content_type.is_some();
    let download = match presents {
        true => download.presented_as(
            headers,
            grant.basename.as_deref(),
            grant.disposition,
            grant.content_type.as_ref(),
        ),
        false => download,
    };
    if let Some(value) = &grant.cache_control {
        headers.remove(header::EXPIRES);
        headers.insert(header::CACHE_CONTROL, value.clone());
    }
    if let Some(rest) = grant.private_for {
        caching::bound(headers, rest);
    }
    for (name, value) in &grant.headers {
        if name == header::SET_COOKIE {
            headers.append(name, value.clone());
            // The cookie is this person's, and for this once.
            let never = HeaderValue::from_static("private, no-store");
            headers.insert(header::CACHE_CONTROL, never);
        } else {
            headers.insert(name, value.clone());
        }
    }
    download
}
