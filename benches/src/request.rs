//! What the client asks for, and what a right answer looks like: a server that answers anything else is not measured.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use downloadview::signature::{Key, Keys, Signer};

use crate::documents::SLUG;
use crate::files::{MIB, TestFile, byte_at};
use crate::gateway::LINK_SECRET;

/// A request, ready to be sent again and again, with the answer it must get.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The bytes that go out.
    pub(crate) bytes: Vec<u8>,
    /// What must come back.
    pub(crate) expected: Expected,
}

/// The right answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// 200, an empty body and an `X-Accel-Redirect`.
    HandOff,
    /// These bytes of a test file, under this status.
    Bytes {
        status: u16,
        offset: u64,
        length: u64,
    },
    /// 403, with a body of this length.
    Refused { length: u64 },
}

/// The part of an answer's head that decides whether it is right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes up to and with the empty line.
    pub(crate) size: usize,
    status: u16,
    length: Option<u64>,
    hands_off: bool,
}

/// Below it stands a document for each slug.
pub(crate) const DOCUMENTS: &str = "/documents/";

/// The bytes of a range request: 64 KiB from the middle of a large file.
pub(crate) const RANGE_OFFSET: u64 = 512 * MIB;
pub(crate) const RANGE_LENGTH: u64 = 64 * 1024;

impl Request {
    /// The whole file.
    pub(crate) fn file(file: TestFile) -> Self {
        let expected = Expected::Bytes {
            status: 200,
            offset: 0,
            length: file.size,
        };
        Self::new(file, "", expected)
    }

    /// 64 KiB from the middle of a file that is large enough.
    pub(crate) fn range(file: TestFile) -> Self {
        Self::part(file, RANGE_OFFSET, RANGE_LENGTH)
    }

    /// Some bytes of a file.
    pub(crate) fn part(file: TestFile, offset: u64, length: u64) -> Self {
        let last = offset + length - 1;
        let expected = Expected::Bytes {
            status: 206,
            offset,
            length,
        };
        Self::new(file, &format!("Range: bytes={offset}-{last}\r\n"), expected)
    }

    /// The file, of an application that hands it off to a proxy.
    pub(crate) fn hand_off(file: TestFile) -> Self {
        Self::new(file, "", Expected::HandOff)
    }

    /// The same by a signed link, which is good for an hour.
    pub(crate) fn signed_hand_off(file: TestFile) -> Result<Self> {
        let keys = Keys::new(Key::new("bench", LINK_SECRET)?);
        let link = Signer::new(keys).link(format!("/files/{}", file.name));
        let link = link.expires_in(Duration::from_secs(3600)).sign()?;
        Ok(Self::get(&link, "", Expected::HandOff))
    }

    /// A file that nobody may have; the answer has a body of so many bytes.
    pub(crate) fn refused(file: TestFile, length: usize) -> Self {
        let length = length as u64;
        Self::new(file, "", Expected::Refused { length })
    }

    /// The file of the document that is asked for, of an application that hands it off to a proxy.
    pub(crate) fn document() -> Self {
        let target = format!("{DOCUMENTS}{SLUG}");
        Self::get(&target, "", Expected::HandOff)
    }

    fn new(file: TestFile, headers: &str, expected: Expected) -> Self {
        Self::get(&format!("/files/{}", file.name), headers, expected)
    }

    fn get(target: &str, headers: &str, expected: Expected) -> Self {
        let text = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        Self {
            bytes: text.into_bytes(),
            expected,
        }
    }
}

impl Expected {
    /// Bytes of the right body.
    pub(crate) fn length(self) -> u64 {
        match self {
            Self::HandOff => 0,
            Self::Bytes { length, .. } | Self::Refused { length } => length,
        }
    }

    /// Refuses a head that announces anything but the right answer.
    pub(crate) fn check_head(self, head: &Head) -> Result<()> {
        let status = match self {
            Self::HandOff => 200,
            Self::Bytes { status, .. } => status,
            Self::Refused { .. } => 403,
        };
        ensure!(
            head.status == status,
            "status {} instead of {status}",
            head.status
        );
        let length = head
            .length
            .context("no content-length in the answer; the client reads no chunked bodies")?;
        ensure!(
            length == self.length(),
            "content-length {length} instead of {}",
            self.length()
        );
        match self {
            Self::HandOff if !head.hands_off => bail!("no x-accel-redirect in the answer"),
            Self::Bytes { .. } | Self::Refused { .. } if head.hands_off => {
                bail!("x-accel-redirect reached the client")
            }
            Self::HandOff | Self::Bytes { .. } | Self::Refused { .. } => Ok(()),
        }
    }

    /// Refuses `bytes` unless they stand at `place` of the right body.
    pub(crate) fn check_bytes(self, bytes: &[u8], place: u64) -> Result<()> {
        let start = match self {
            Self::HandOff => 0,
            Self::Bytes { offset, .. } => offset,
            // Any text will do.
            Self::Refused { .. } => return Ok(()),
        };
        let right = (start + place..)
            .zip(bytes)
            .all(|(offset, byte)| byte_at(offset) == *byte);
        ensure!(right, "wrong bytes at {place} of the body");
        Ok(())
    }
}

impl Head {
    /// Reads the head at the start of `bytes`; `None` while it is incomplete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(size) = response.parse(bytes)? else {
            return Ok(None);
        };
        let length = header(response.headers, "content-length")
            .map(|value| {
                std::str::from_utf8(value)?
                    .parse()
                    .map_err(anyhow::Error::from)
            })
            .transpose()?;
        Ok(Some(Self {
            size,
            status: response.code.context("no status in the answer")?,
            length,
            hands_off: header(response.headers, "x-accel-redirect").is_some(),
        }))
    }
}

fn header<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<&'a [u8]> {
    headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{FILE_1_GIB, FILE_1_KIB};

    fn head(text: &str) -> Head {
        Head::parse(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn an_incomplete_head_is_no_head_yet() {
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\ncontent-").unwrap(), None);
    }

    #[test]
    fn a_range_answered_with_the_whole_file_is_refused() {
        let whole = head("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
        let error = Request::range(FILE_1_GIB).expected.check_head(&whole);
        assert_eq!(error.unwrap_err().to_string(), "status 200 instead of 206");
    }

    #[test]
    fn a_hand_off_without_its_header_is_refused() {
        let empty = head("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let error = Request::hand_off(FILE_1_KIB).expected.check_head(&empty);
        assert_eq!(
            error.unwrap_err().to_string(),
            "no x-accel-redirect in the answer"
        );
    }

    #[test]
    fn a_body_of_unknown_length_is_refused() {
        let chunked = head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let error = Request::file(FILE_1_KIB).expected.check_head(&chunked);
        assert!(error.unwrap_err().to_string().contains("no content-length"));
    }

    #[test]
    fn the_bytes_of_a_range_are_compared_at_its_offset() {
        let expected = Request::range(FILE_1_GIB).expected;
        let right: Vec<u8> = (RANGE_OFFSET..RANGE_OFFSET + 16).map(byte_at).collect();
        expected.check_bytes(&right, 0).unwrap();
        expected.check_bytes(&right, 1).unwrap_err();
    }
}
