//! What a permission states about the answer.

use std::time::Duration;

use http::{Extensions, HeaderName, HeaderValue, header};

use crate::error::ParseError;
use crate::headers::{Disposition, media_type};

/// `X-Robots-Tag`: what search engines may do with the file.
const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// The further headers that a permission may state.
const FURTHER: [HeaderName; 3] = [header::SET_COOKIE, header::REFERRER_POLICY, X_ROBOTS_TAG];

/// What a permission states about the answer: how the file is presented, who may keep a copy, and
/// for how long. What it states counts more than what the view states. It never names a file.
///
/// Values are checked as those of a record are: any name is made safe, and a type or a header that
/// is not valid is refused.
///
/// ```
/// use std::time::Duration;
/// use downloadview::headers::Disposition;
/// use downloadview::permission::Grant;
/// use http::Request;
///
/// let grant = Grant::new()
///     .basename("Annual report.pdf")
///     .disposition(Disposition::Inline)
///     .private_for(Duration::from_secs(600));
///
/// // In a middleware that let the request pass:
/// let mut request = Request::get("/reports/2026.pdf").body(()).unwrap();
/// grant.extend(request.extensions_mut());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    pub(super) basename: Option<String>,
    pub(super) disposition: Option<Disposition>,
    pub(super) content_type: Option<HeaderValue>,
    pub(super) cache_control: Option<HeaderValue>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) private_for: Option<Duration>,
    resuming_only: bool,
}

impl Grant {
    /// A permission that states nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The name that the client sees. Any text is made safe, see
    /// [`ContentDisposition::new`](crate::headers::ContentDisposition::new). Default: the view's.
    /// The media type follows this name, if neither the view nor the file states one.
    #[must_use]
    pub fn basename(mut self, basename: impl Into<String>) -> Self {
        self.basename = Some(basename.into());
        self
    }

    /// Whether the client saves or shows the file. Default: what the view states.
    #[must_use]
    pub fn disposition(mut self, disposition: Disposition) -> Self {
        self.disposition = Some(disposition);
        self
    }

    /// The media type, such as `text/csv; charset=utf-8`. Default: that of the view or the file.
    ///
    /// # Errors
    ///
    /// The text is not a media type (RFC 9110, 8.3.1).
    pub fn content_type(mut self, text: &str) -> Result<Self, ParseError> {
        self.content_type = Some(media_type(text)?);
        Ok(self)
    }

    /// `Cache-Control` (RFC 9111, 5.2). Default: what the view states.
    /// [`private_for`](Self::private_for) limits it further.
    #[must_use]
    pub fn cache_control(mut self, value: HeaderValue) -> Self {
        self.cache_control = Some(value);
        self
    }

    /// A further header of the answer: `Set-Cookie`, of which there may be several,
    /// `Referrer-Policy` or `X-Robots-Tag`. An answer with a cookie is `private, no-store`.
    ///
    /// # Errors
    ///
    /// It is any other header.
    ///
    /// ```
    /// use downloadview::permission::Grant;
    /// use http::{HeaderValue, header::{REFERRER_POLICY, LOCATION}};
    ///
    /// let value = HeaderValue::from_static("no-referrer");
    /// assert!(Grant::new().header(REFERRER_POLICY, value.clone()).is_ok());
    /// assert!(Grant::new().header(LOCATION, value).is_err());
    /// ```
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Result<Self, ParseError> {
        if !FURTHER.contains(&name) {
            return Err(ParseError::new(
                "a permission states no other headers than Set-Cookie, Referrer-Policy and \
                 X-Robots-Tag",
            ));
        }
        self.push(name, value);
        Ok(self)
    }

    /// The browser tells nobody the URL, and search engines leave it out: for a URL that is itself
    /// the permission.
    #[must_use]
    pub fn unlisted(mut self) -> Self {
        self.push(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
        self.push(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
        self
    }

    /// The permission is one person's, and ends after this time, counted in whole seconds: no
    /// shared cache keeps the answer, and no browser for longer. What the view states stays where
    /// it is stricter: `private, max-age=60`, `no-cache`, `no-store`. Default: no limit.
    #[must_use]
    pub fn private_for(mut self, rest: Duration) -> Self {
        self.private_for = Some(rest);
        self
    }

    /// The permission has ended, and is good only for a range of the state that the client has a
    /// part of already (RFC 9110, 13.1.5): anything else is refused as
    /// [expired](crate::error::SignatureFault::Expired), and no proxy is asked. Default: no limit.
    #[must_use]
    pub fn resuming_only(mut self) -> Self {
        self.resuming_only = true;
        self
    }

    /// Whether it is good only for a range of a state that the client has a part of.
    pub(crate) fn is_resuming_only(&self) -> bool {
        self.resuming_only
    }

    /// Both permissions together, this one given first: where both state something, `later` counts;
    /// the shorter time limits, and every cookie is set.
    #[must_use]
    pub fn merge(mut self, later: Self) -> Self {
        self.basename = later.basename.or(self.basename);
        self.disposition = later.disposition.or(self.disposition);
        self.content_type = later.content_type.or(self.content_type);
        self.cache_control = later.cache_control.or(self.cache_control);
        for (name, value) in later.headers {
            self.push(name, value);
        }
        self.resuming_only |= later.resuming_only;
        self.private_for = match (self.private_for, later.private_for) {
            (Some(first), Some(second)) => Some(first.min(second)),
            (first, second) => first.or(second),
        };
        self
    }

    /// The grant of a request.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// Puts the grant into the extensions of a request, merged with one that is there already.
    pub fn extend(self, request: &mut Extensions) {
        let grant = match request.remove::<Self>() {
            Some(first) => first.merge(self),
            None => self,
        };
        request.insert(grant);
    }

    /// Gives the grant to a layer around this place, in the extensions of a response: for a
    /// middleware between an [`OptimizeLayer`](crate::OptimizeLayer) and the view. A grant that is
    /// there already, of a middleware further in, contains this one, and stays.
    pub fn pass_on(self, response: &mut Extensions) {
        response.get_or_insert_with(|| self);
    }

    fn push(&mut self, name: HeaderName, value: HeaderValue) {
        if name != header::SET_COOKIE {
            self.headers.retain(|(known, _)| *known != name);
        }
        self.headers.push((name, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_grants_the_later_counts_the_shorter_time_limits_and_all_cookies_are_set() {
        let cookie = |text| (header::SET_COOKIE, HeaderValue::from_static(text));
        let with = |grant: Grant, text| grant.header(cookie(text).0, cookie(text).1).unwrap();
        let first = Grant::new()
            .basename("a")
            .disposition(Disposition::Inline)
            .unlisted()
            .private_for(Duration::from_secs(9));
        let later = Grant::new()
            .basename("b")
            .private_for(Duration::from_secs(20));
        let both = with(first, "a=1").merge(with(later, "b=2"));
        assert_eq!(both.basename.as_deref(), Some("b"));
        assert_eq!(both.disposition, Some(Disposition::Inline));
        assert_eq!(both.private_for, Some(Duration::from_secs(9)));
        let cookies = both.headers.iter().filter(|it| it.0 == header::SET_COOKIE);
        assert_eq!(cookies.count(), 2);
        assert_eq!(both.headers.len(), 4);
    }
}
