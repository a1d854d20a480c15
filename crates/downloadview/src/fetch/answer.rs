//! Reads the head of an answer, and checks whether it fits the request. An answer that does not fit
//! is not used: it becomes an `UpstreamFault`, and the client gets 502.
//!
//! What is checked: the status is one that this request can have; a 206 is the very part that was
//! asked for; length and transfer coding do not contradict each other (RFC 9112, 6.3); nothing is
//! coded that was asked for plain; no size is larger than the settings allow. Only what [`state`]
//! reads from the head reaches a client: tag, date, type, size, coding.

use http::header;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, response};

use super::Flavour;
use super::request::Ask;
use crate::content::{ByteRange, ETag, Metadata};
use crate::error::UpstreamFault;
use crate::headers::{Ranges, content_coding, http_date, media_type, resolve_range};

/// An answer that fits the request.
#[derive(Debug)]
pub(super) enum Answer {
    /// 200: the whole file.
    Whole(Metadata),
    /// 206: the state of the whole file, and which part the body is.
    Part(Metadata, ByteRange),
    /// 304: the client's copy is still good.
    NotModified(Metadata),
    /// 412: the state that was asked for is gone.
    PreconditionFailed(Metadata),
    /// 416: nothing of the range exists. With the size of the file, if the server stated it.
    Unsatisfiable(Option<u64>),
}

/// What was checked, or what is wrong with it.
type Checked<T> = Result<T, UpstreamFault>;

/// Compares the head of an answer with what was asked.
pub(super) fn check(
    head: &response::Parts,
    ask: &Ask,
    flavour: Flavour,
    max_size: u64,
) -> Checked<Answer> {
    let headers = &head.headers;
    match head.status {
        StatusCode::OK => {
            let length = framed_length(headers)?;
            let metadata = state(headers, flavour)?;
            Ok(Answer::Whole(match length {
                Some(size) => metadata.with_size(bounded(size, max_size)?),
                None => metadata,
            }))
        }
        StatusCode::PARTIAL_CONTENT => part(headers, ask, flavour, max_size),
        StatusCode::NOT_MODIFIED if ask.can_be_current() => {
            Ok(Answer::NotModified(validators(headers)))
        }
        StatusCode::PRECONDITION_FAILED if ask.can_fail() => {
            Ok(Answer::PreconditionFailed(validators(headers)))
        }
        StatusCode::RANGE_NOT_SATISFIABLE if ask.range().is_some() => {
            let size = total_of_unsatisfied(headers);
            let size = size.map(|size| bounded(size, max_size)).transpose()?;
            Ok(Answer::Unsatisfiable(size))
        }
        status => Err(UpstreamFault::Status(status)),
    }
}

/// 206: it must be the very part that was asked for, of a whole whose size is stated, and as long
/// as it should be.
fn part(headers: &HeaderMap, ask: &Ask, flavour: Flavour, max_size: u64) -> Checked<Answer> {
    let range = ask.range().filter(|_| ask.method == Method::GET);
    let range = range.ok_or(UpstreamFault::Answer("a part that nobody asked for"))?;
    let stated = one(headers, &header::CONTENT_RANGE)?.and_then(content_range);
    let (extent, total) = stated.ok_or(UpstreamFault::Answer(
        "a part without a valid Content-Range",
    ))?;
    let total = bounded(total, max_size)?;
    if resolve_range(range, total) != Ranges::Single(extent) {
        return Err(UpstreamFault::Answer("another part than was asked for"));
    }
    if framed_length(headers)?.is_some_and(|length| length != extent.len()) {
        return Err(UpstreamFault::Answer(
            "a part of another length than its range",
        ));
    }
    let metadata = state(headers, flavour)?.with_size(total).with_ranges();
    Ok(Answer::Part(metadata, extent))
}

/// `Content-Length`. It must not stand beside a transfer coding: of two lengths, somebody on the
/// way uses the other one (RFC 9112, 6.3).
fn framed_length(headers: &HeaderMap) -> Checked<Option<u64>> {
    let length = match one(headers, &header::CONTENT_LENGTH)? {
        Some(value) => {
            Some(number(value).ok_or(UpstreamFault::Answer("its length is not a number"))?)
        }
        None => None,
    };
    match one(headers, &header::TRANSFER_ENCODING)? {
        None => Ok(length),
        Some(_) if length.is_some() => Err(UpstreamFault::Answer("a length and a transfer coding")),
        Some(coding) if coding.eq_ignore_ascii_case("chunked") => Ok(None),
        Some(_) => Err(UpstreamFault::Answer(
            "a transfer coding that nobody asked for",
        )),
    }
}

/// The size, if the settings allow it.
fn bounded(size: u64, max_size: u64) -> Checked<u64> {
    match size <= max_size {
        true => Ok(size),
        false => Err(UpstreamFault::TooLarge),
    }
}

/// `bytes 0-9/100`. Never `*` in place of the size, because such a part cannot be placed.
fn content_range(text: &str) -> Option<(ByteRange, u64)> {
    let (unit, rest) = text.split_once(' ')?;
    let (range, total) = rest.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = number(total)?;
    let end = number(last)?.checked_add(1)?;
    let extent = ByteRange::new(number(first)?, end)?;
    (unit.eq_ignore_ascii_case("bytes") && end <= total).then_some((extent, total))
}

/// `bytes */100`.
fn total_of_unsatisfied(headers: &HeaderMap) -> Option<u64> {
    let text = one(headers, &header::CONTENT_RANGE).ok()??;
    let (unit, total) = text.split_once(" */")?;
    unit.eq_ignore_ascii_case("bytes").then(|| number(total))?
}

/// A number of digits only, without a sign, and not larger than any file can be.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| text.parse::<u64>().ok())??;
    (number <= i64::MAX.unsigned_abs()).then_some(number)
}

/// What the head states about the file, as far as it is used. Nothing else of the head reaches a
/// client.
fn state(headers: &HeaderMap, flavour: Flavour) -> Checked<Metadata> {
    let mut metadata = validators(headers);
    let coding = headers.get(header::CONTENT_ENCODING);
    let coding = coding.filter(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    match (coding, flavour) {
        (None, _) => {}
        // The object was stored in this coding.
        (Some(value), Flavour::Store) => {
            let text = value
                .to_str()
                .ok()
                .and_then(|text| content_coding(text).ok());
            let coding = text.ok_or(UpstreamFault::Answer("a content coding that is not valid"))?;
            metadata = metadata.with_content_encoding(coding);
        }
        (Some(_), Flavour::Http) => {
            return Err(UpstreamFault::Answer(
                "a content coding that nobody asked for",
            ));
        }
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    metadata.set_hearsay_type(content_type.and_then(|text| media_type(text).ok()));
    let offered = headers.get(header::ACCEPT_RANGES);
    let bytes = offered.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"bytes"));
    metadata.ranges = bytes || flavour == Flavour::Store;
    Ok(metadata)
}

/// Tag and date. One that cannot be read is ignored.
fn validators(headers: &HeaderMap) -> Metadata {
    let read = |name| one(headers, name).ok().flatten();
    let mut metadata = Metadata::new();
    metadata.remote = true;
    metadata.set_etag(read(&header::ETAG).and_then(|text| ETag::parse(text).ok()));
    metadata.modified = read(&header::LAST_MODIFIED).and_then(http_date);
    metadata
}

/// The value of a header that stands there once, or several times with the same value.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Checked<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.any(|value| value != first) {
        return Err(UpstreamFault::Answer("a header twice, with two values"));
    }
    Ok(HeaderValue::to_str(first).ok().map(str::trim))
}

/// Whether two answers are about the same state of a file: by a strong tag, or else by everything
/// that is stated.
pub(super) fn is_same_state(one: &Metadata, other: &Metadata) -> bool {
    let sizes = one.size().zip(other.size());
    if sizes.is_some_and(|(one, other)| one != other) || one.etag() != other.etag() {
        return false;
    }
    one.etag().is_some_and(|tag| tag.is_strong()) || one.modified() == other.modified()
}

/// Whether another state of the file would be known for such: by its tag or its date.
pub(super) fn has_name(state: &Metadata) -> bool {
    state.etag().is_some_and(|tag| tag.is_strong()) || state.modified().is_some()
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::content::Want;

    fn checked(flavour: Flavour, headers: &[(&str, &str)]) -> Checked<Answer> {
        let mut response = Response::builder().status(200);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let (head, ()) = response.body(()).unwrap().into_parts();
        check(&head, &Ask::of(Want::whole(), flavour), flavour, u64::MAX)
    }

    fn state(flavour: Flavour, headers: &[(&str, &str)]) -> Metadata {
        match checked(flavour, headers) {
            Ok(Answer::Whole(metadata)) => metadata,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_object_is_stored_in_a_coding_and_a_server_of_http_adds_one() {
        let gzip = [("content-encoding", "gzip")];
        let metadata = state(Flavour::Store, &gzip);
        assert_eq!(metadata.content_encoding().unwrap(), "gzip");
        let refused = UpstreamFault::Answer("a content coding that nobody asked for");
        assert_eq!(checked(Flavour::Http, &gzip).unwrap_err(), refused);
        assert!(checked(Flavour::Store, &[("content-encoding", "a b")]).is_err());
    }

    #[test]
    fn a_store_has_parts_of_everything() {
        assert!(state(Flavour::Store, &[]).supports_ranges());
        assert!(!state(Flavour::Http, &[]).supports_ranges());
        assert!(state(Flavour::Http, &[("accept-ranges", "Bytes")]).supports_ranges());
        assert!(!state(Flavour::Http, &[("accept-ranges", "none")]).supports_ranges());
    }

    #[test]
    fn a_content_range_is_exact_or_none() {
        let range = |start, end| ByteRange::new(start, end).unwrap();
        for (text, expected) in [
            ("bytes 0-9/100", Some((range(0, 10), 100))),
            ("Bytes 99-99/100", Some((range(99, 100), 100))),
            ("bytes 0-9/*", None),
            ("bytes */100", None),
            ("bytes 0-100/100", None),
            ("bytes 9-0/100", None),
            ("bytes +0-9/100", None),
            ("bytes 0 - 9/100", None),
            ("bytes=0-9/100", None),
            ("bytes 0-9", None),
            ("lines 0-9/100", None),
            ("bytes 0-18446744073709551615/18446744073709551615", None),
            ("bytes 0-9223372036854775807/9223372036854775807", None),
        ] {
            assert_eq!(content_range(text), expected, "{text}");
        }
    }

    #[test]
    fn two_answers_are_of_one_state_by_a_strong_tag_or_by_all_that_is_stated() {
        let of = |headers: &[(&str, &str)]| state(Flavour::Http, headers);
        let (old, new) = (
            "Tue, 29 Oct 2019 00:00:00 GMT",
            "Wed, 30 Oct 2019 00:00:00 GMT",
        );
        for (one, other, same) in [
            (
                &[("etag", "\"a\"")][..],
                &[("etag", "\"a\""), ("last-modified", new)][..],
                true,
            ),
            (&[("etag", "\"a\"")], &[("etag", "\"b\"")], false),
            (&[("etag", "\"a\"")], &[], false),
            (
                &[("etag", "\"a\""), ("content-length", "1")],
                &[("etag", "\"a\""), ("content-length", "2")],
                false,
            ),
            (
                &[("etag", "W/\"a\""), ("last-modified", old)],
                &[("etag", "W/\"a\""), ("last-modified", old)],
                true,
            ),
            (
                &[("etag", "W/\"a\""), ("last-modified", old)],
                &[("etag", "W/\"a\""), ("last-modified", new)],
                false,
            ),
            (&[("last-modified", old)], &[("last-modified", old)], true),
            (&[("last-modified", old)], &[("last-modified", new)], false),
        ] {
            assert_eq!(
                is_same_state(&of(one), &of(other)),
                same,
                "{one:?} {other:?}"
            );
        }
    }
}
