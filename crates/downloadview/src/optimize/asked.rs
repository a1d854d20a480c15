//! What must be remembered of a request until its download is answered.

use std::sync::Arc;

use http::header::Entry;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, Uri};

use super::{Outcome, PROXY_HEADER};
use crate::headers::ConditionalRequest;
use crate::permission::Grant;
use crate::response::About;

/// In the extensions of a request: whoever put it there reads the [`Outcome`] from those of the
/// response. For servers that keep it on demand: [`Asked::outcome_if_read`], with an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadsOutcome;

/// What must be remembered of a request until its download is answered: method, conditions and
/// range, the proxy that it announces, what a permission states, and, for the log, path and route.
///
/// Needed with [`answer()`](super::answer()), for servers without a layer.
///
/// ```
/// use downloadview::optimize::Asked;
/// use http::Request;
///
/// let mut request = Request::get("/reports/2026.pdf").body(()).unwrap();
/// let asked = Asked::of(&mut request).route("/reports/{name}");
/// assert_eq!(asked.method(), "GET");
/// ```
#[derive(Debug, Clone)]
pub struct Asked {
    pub(super) conditional: ConditionalRequest,
    /// Boxed, for few requests have one, and this is moved for each.
    announcement: Option<Box<HeaderValue>>,
    path: Option<PathAndQuery>,
    pub(super) route: Option<Arc<str>>,
    pub(super) traced: bool,
    pub(super) grant: Option<Box<Grant>>,
    pub(super) outcome: bool,
}

impl Asked {
    /// Remembers a request, and removes the announcement of a proxy from its headers: views and
    /// handlers must not see the secret.
    #[must_use]
    #[inline]
    pub fn of<B>(request: &mut Request<B>) -> Self {
        let announcement = announcement(request.headers_mut());
        let conditional = ConditionalRequest::of(request.method(), request.headers());
        Self::new(
            conditional,
            announcement,
            request.uri(),
            request.extensions(),
        )
    }

    /// As [`of`](Self::of), of a request whose body stands elsewhere.
    ///
    /// ```
    /// use downloadview::optimize::Asked;
    /// use http::Request;
    ///
    /// let (mut head, ()) = Request::get("/reports/2026.pdf").body(()).unwrap().into_parts();
    /// assert_eq!(Asked::of_head(&mut head).method(), "GET");
    /// ```
    #[must_use]
    #[inline]
    pub fn of_head(head: &mut Parts) -> Self {
        let announcement = announcement(&mut head.headers);
        let conditional = ConditionalRequest::of(&head.method, &head.headers);
        Self::new(conditional, announcement, &head.uri, &head.extensions)
    }

    #[inline]
    fn new(
        conditional: ConditionalRequest,
        announcement: Option<HeaderValue>,
        uri: &Uri,
        extensions: &Extensions,
    ) -> Self {
        Self {
            conditional,
            announcement: announcement.map(Box::new),
            path: uri.path_and_query().cloned(),
            route: None,
            traced: false,
            grant: Grant::of(extensions).cloned().map(Box::new),
            outcome: true,
        }
    }

    /// The route, for what is logged once for each route. Default: none, so that all requests count
    /// as one route.
    #[must_use]
    #[inline]
    pub fn route(mut self, route: impl Into<Arc<str>>) -> Self {
        self.route = Some(route.into());
        self
    }

    /// Keeps the [`Trace`](super::Trace) of the decision in the response's extensions. Default: no
    /// trace is made.
    ///
    /// With a spool, such a request makes no copy. It asks the source of the file whether a copy
    /// still holds, as a download would, unless one in this process asked within the `max_age` of
    /// the spool. That may be a request to another server, and it may wait.
    #[must_use]
    pub fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// What a permission states about the answer, in place of a [`Grant`] in the request's
    /// extensions. Default: that one.
    #[must_use]
    #[inline]
    pub fn granted(mut self, grant: Grant) -> Self {
        self.grant = Some(Box::new(grant));
        self
    }

    /// Keeps the [`Outcome`](super::Outcome) in the response's extensions only if somebody reads it
    /// there, who said so by [`ReadsOutcome`] among these of the request. Default: it is kept. It
    /// is logged in either case.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use downloadview::optimize::{Asked, Outcome, ReadsOutcome, answer};
    /// use downloadview::{DownloadResponse, file::VirtualFile};
    /// use http::Request;
    ///
    /// for is_read in [false, true] {
    ///     let mut request = Request::get("/a.txt").body(()).unwrap();
    ///     if is_read {
    ///         request.extensions_mut().insert(ReadsOutcome);
    ///     }
    ///     let asked = Asked::of(&mut request).outcome_if_read(request.extensions());
    ///     let download = DownloadResponse::new(VirtualFile::from_text("a.txt", "a"));
    ///     let response = answer(&asked, &[], download).await;
    ///     assert_eq!(response.extensions().get::<Outcome>().is_some(), is_read);
    /// }
    /// # });
    /// ```
    #[must_use]
    #[inline]
    pub fn outcome_if_read(mut self, extensions: &Extensions) -> Self {
        self.outcome = extensions.get::<ReadsOutcome>().is_some();
        self
    }

    /// The method of the request.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.conditional.method()
    }

    /// The proxy that the request announces.
    pub(super) fn announcement(&self) -> Option<&HeaderValue> {
        self.announcement.as_deref()
    }

    /// The path that was asked for.
    pub(super) fn path(&self) -> &str {
        self.path.as_ref().map_or("", PathAndQuery::path)
    }

    /// What was asked for, for the log.
    pub(super) fn about(&self) -> About<'_> {
        About {
            path: Some(self.path()),
            route: self.route.as_deref(),
        }
    }

    /// Puts the outcome into the response's extensions, if somebody reads it there.
    pub(super) fn keep<B>(&self, outcome: Outcome, response: &mut Response<B>) {
        if self.outcome {
            response.extensions_mut().insert(outcome);
        }
    }
}

/// The announcement, removed from the headers. Two of them count as none: one must be the client's.
fn announcement(headers: &mut HeaderMap) -> Option<HeaderValue> {
    // An entry makes room for itself, whether it is used or not. Most requests have few headers: to
    // look at each name costs less than to hash this one.
    if !headers.keys().any(|name| *name == PROXY_HEADER) {
        return None;
    }
    let Entry::Occupied(entry) = headers.entry(PROXY_HEADER) else {
        return None;
    };
    let (_, mut values) = entry.remove_entry_mult();
    let first = values.next();
    first.filter(|_| values.next().is_none())
}
