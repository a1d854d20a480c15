//! Which requests resume a download: a range of the state that the client has a part of (RFC 9110,
//! 13.1.5). Whether it is that state, whoever answers finds out.

use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, header};

use crate::content::ETag;

/// Whether a request asks for a range, and only if the file still has a state with a strong tag.
pub(super) fn asks_to_resume(request: &Parts) -> bool {
    let tag = only(&request.headers, &header::IF_RANGE);
    let strong = tag.and_then(|tag| ETag::parse(tag).ok());
    request.method == Method::GET
        && only(&request.headers, &header::RANGE).is_some()
        && strong.is_some_and(|tag| tag.is_strong())
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    match values.next() {
        None => value.to_str().ok(),
        Some(_) => None,
    }
}
