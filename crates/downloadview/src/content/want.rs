//! What will be asked of a content once it is open.

use http::{HeaderMap, HeaderValue, header};

/// What will be asked of a content once it is open, so that a file which costs a request to a server
/// costs one: that of the client, with its range and its conditions.
///
/// It is a hint. What is opened may be the whole content all the same, and the answer is made of what
/// it says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Want<'a> {
    head: bool,
    headers: Option<&'a HeaderMap>,
    unconditional: bool,
}

impl<'a> Want<'a> {
    /// All of it, whatever state it is in.
    #[must_use]
    pub fn whole() -> Self {
        Self::default()
    }

    /// What a GET with these headers asks for.
    #[must_use]
    pub fn get(headers: &'a HeaderMap) -> Self {
        Self {
            headers: Some(headers),
            ..Self::default()
        }
    }

    /// What a HEAD with these headers asks for: none of the bytes.
    #[must_use]
    pub fn head(headers: &'a HeaderMap) -> Self {
        Self {
            head: true,
            headers: Some(headers),
            ..Self::default()
        }
    }

    /// The same without its conditions, `If-Range` among them; the range stays. For who states other
    /// tags or dates than the content itself, by which the conditions are judged.
    #[must_use]
    pub fn without_conditions(self) -> Self {
        Self {
            unconditional: true,
            ..self
        }
    }

    /// All of it, or the metadata of all, whatever state it is in.
    pub(crate) fn without_headers(self) -> Self {
        Self {
            headers: None,
            ..self
        }
    }

    /// Whether only the metadata is asked for.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.head
    }

    /// The `Range` that is asked for: of a GET, and only one.
    #[must_use]
    pub fn range(&self) -> Option<&'a HeaderValue> {
        let mut values = self.headers?.get_all(header::RANGE).iter();
        let first = values.next();
        first.filter(|_| values.next().is_none() && !self.head)
    }

    /// The value of a condition: `If-Match`, `If-None-Match`, `If-Modified-Since`,
    /// `If-Unmodified-Since`, `If-Range`. None where there are two.
    #[must_use]
    pub fn condition(&self, name: &http::HeaderName) -> Option<&'a HeaderValue> {
        if self.unconditional {
            return None;
        }
        let mut values = self.headers?.get_all(name).iter();
        let first = values.next();
        first.filter(|_| values.next().is_none())
    }
}
