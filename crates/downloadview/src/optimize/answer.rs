//! From a download to its response: the one way, whatever brought the request here.
//!
//! 0. Write what a permission states over what the view states ([`permission`](crate::permission)).
//! 1. Remove hand-off headers of foreign backends, and say in `Vary` if the answer depends on the
//!    proxy.
//! 2. Decide which rule of which front hands the file over (`decide`).
//! 3. If none does, a local copy may be handed over in its place (`spooled`).
//! 4. Hand it over, redirect, refuse, or stream it ([`delivery`](crate::delivery)).
//! 5. Log the outcome, and put it into the response's extensions, unless nobody reads it there.
//!
//! Errors become responses; nothing here fails.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header, response};

use super::decide::{Decision, advance, decide, own_etag};
use super::denied;
use super::plan::{Candidate, Plan};
#[cfg(all(feature = "fs", unix))]
use super::spooled::{spool_for, spooled, why_not};
use super::{Asked, Front, Optimizer, Outcome, PROXY_HEADER, Reason, Trace};
use crate::backend::Backend;
use crate::content::{ETag, Metadata};
use crate::delivery::{Deliver, Delivery};
use crate::error::{Denial, Error, Result, SignatureFault};
#[cfg(all(feature = "fs", unix))]
use crate::file::File;
use crate::headers::hand_off;
use crate::permission::{self, Grant};
use crate::response::head::refused;
#[cfg(all(feature = "fs", unix))]
use crate::response::preparing;
use crate::response::{Download, DownloadBody, DownloadResponse, refusal};
use crate::rule::Target;

/// Answers a request with a download: the first of `fronts` with a rule that takes the file hands
/// it over, or else it is streamed. The [`Outcome`] stands in the response's extensions. Errors
/// become responses.
///
/// It is for servers without a layer, such as one with a router of its own. Without fronts
/// everything is streamed.
///
/// ```
/// # use downloadview::optimize::{Asked, Front, answer};
/// # use downloadview::{DownloadBody, DownloadResponse, file::VirtualFile};
/// # use http::{Request, Response};
/// async fn handler(mut request: Request<()>, fronts: Vec<Front>) -> Response<DownloadBody> {
///     let asked = Asked::of(&mut request);
///     let hello = VirtualFile::from_text("hello.txt", "Hello world!\n");
///     answer(&asked, &fronts, DownloadResponse::new(hello)).await
/// }
/// ```
pub fn answer<'a>(
    asked: &'a Asked,
    fronts: &'a [Front],
    response: DownloadResponse,
) -> impl Future<Output = Response<DownloadBody>> + Send + use<'a> {
    let answered = answer_now(asked, fronts, Ok(response));
    async move {
        match answered {
            Ok(response) => response,
            Err(unanswered) => unanswered.answer(asked, fronts).await,
        }
    }
}

/// As [`answer`], of what a view found, as far as that needs no waiting. The error of a view is
/// answered as by [`answer_error`].
///
/// Most files that a proxy sends are answered at once. Such an answer needs no future, which saves
/// a server some time.
///
/// # Errors
///
/// What could not be answered yet: [`Unanswered::answer`] does.
///
/// ```
/// # use downloadview::optimize::{Asked, Front, answer_now};
/// # use downloadview::view::DownloadService;
/// # use downloadview::{DownloadBody, DownloadView};
/// # use http::{Request, Response};
/// async fn handler<V: DownloadView>(
///     view: &DownloadService<V>,
///     mut request: Request<()>,
///     fronts: &[Front],
/// ) -> Response<DownloadBody> {
///     let asked = Asked::of(&mut request);
///     let (request, ()) = request.into_parts();
///     let found = match view.try_call_now(&request) {
///         Some(found) => found,
///         None => view.try_call(&request).await,
///     };
///     match answer_now(&asked, fronts, found) {
///         Ok(response) => response,
///         Err(unanswered) => unanswered.answer(&asked, fronts).await,
///     }
/// }
/// ```
pub fn answer_now(
    asked: &Asked,
    fronts: &[Front],
    found: Result<DownloadResponse>,
) -> Result<Response<DownloadBody>, Box<Unanswered>> {
    answer_now_in(asked, fronts, found, &mut HeaderMap::new())
}

/// As [`answer_now`], with a head that is written where `headers` stood: those of the request, of
/// which nothing is needed any more. It saves the memory for a new map, which costs as much as all
/// that is written into it. `headers` are empty afterwards, or as they were.
///
/// # Errors
///
/// As there.
///
/// ```
/// use downloadview::optimize::{Asked, answer_now_in};
/// use downloadview::{Error, Result};
/// use http::Request;
///
/// let mut request = Request::get("/gone.txt").header("x-secret", "1").body(()).unwrap();
/// let asked = Asked::of(&mut request);
/// let answer = answer_now_in(&asked, &[], Err(Error::NotFound), request.headers_mut());
/// assert!(!answer.unwrap().headers().contains_key("x-secret"));
/// ```
pub fn answer_now_in(
    asked: &Asked,
    fronts: &[Front],
    found: Result<DownloadResponse>,
    headers: &mut HeaderMap,
) -> Result<Response<DownloadBody>, Box<Unanswered>> {
    match found.and_then(|response| response.into_parts_in(headers)) {
        Ok((head, download)) => {
            Unanswered::of(asked, fronts, head, download, true).now(asked, fronts)
        }
        Err(error) => Ok(answer_error(asked, error)),
    }
}

/// Answers a request for which a view found no file: the page of the error, with its [`Outcome`] in
/// the response's extensions, as by [`answer`].
///
/// ```
/// use downloadview::Error;
/// use downloadview::optimize::{Asked, Outcome, answer_error};
/// use http::Request;
///
/// let asked = Asked::of(&mut Request::get("/gone.txt").body(()).unwrap());
/// let response = answer_error(&asked, Error::NotFound);
/// assert_eq!(response.status(), 404);
/// assert!(matches!(response.extensions().get(), Some(Outcome::NotFound)));
/// ```
#[must_use]
pub fn answer_error(asked: &Asked, error: Error) -> Response<DownloadBody> {
    let mut response = error.into_response_about(asked.about());
    let denial = response.extensions().get::<Denial>().cloned();
    let outcome = without_file(asked, response.status(), denial);
    asked.keep(outcome, &mut response);
    response
}

/// Answers a request whose permission was refused: by `response`, the answer of whoever refused, or
/// else by the page of the denial. Either is made `no-store`, loses any hand-off header, and has its
/// [`Outcome`] in the extensions.
///
/// ```
/// use downloadview::error::{Denial, SignatureFault};
/// use downloadview::optimize::{Asked, Outcome, answer_denied};
/// use http::Request;
///
/// let asked = Asked::of(&mut Request::get("/a.txt").body(()).unwrap());
/// let denial = Denial::Signature(SignatureFault::Missing);
/// let response = answer_denied(&asked, denial, None);
/// assert_eq!(response.status(), 403);
/// assert_eq!(response.headers()["cache-control"], "no-store");
/// assert!(matches!(response.extensions().get(), Some(Outcome::Denied { .. })));
/// ```
#[must_use]
pub fn answer_denied(
    asked: &Asked,
    denial: Denial,
    response: Option<Response<DownloadBody>>,
) -> Response<DownloadBody> {
    let mut response = response.unwrap_or_else(|| Error::Denied(denial.clone()).into_response());
    hand_off::strip(response.headers_mut());
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    let outcome = without_file(asked, response.status(), Some(denial));
    if asked.traced {
        response.extensions_mut().insert(Trace::of_denial(&outcome));
    }
    response.extensions_mut().insert(outcome);
    response
}

/// The outcome of a request for which a view found no file, or whose permission was refused.
pub(super) fn without_file(asked: &Asked, status: StatusCode, denial: Option<Denial>) -> Outcome {
    let outcome = match denial {
        Some(denial) => Outcome::Denied { denial },
        None => Outcome::without_file(status),
    };
    log(asked, None, &outcome);
    outcome
}

/// A download whose answer has to wait for something: a look at the disk, a link, the file's bytes.
///
/// [`answer_now`] returns it, with an example there: for what is streamed, and for a hand-off whose
/// file the kernel has to look up on the disk first.
#[must_use = "`answer` makes the response"]
pub struct Unanswered {
    head: response::Parts,
    download: Download,
    /// Whether the head is still as the options and the file's name made it.
    untouched: bool,
    /// Whether a permission has ended, and is good only to resume.
    resumes_only: bool,
    /// What a look at the file told, if there was one.
    looked: Option<Box<Metadata>>,
}

impl fmt::Debug for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unanswered").field(&self.download).finish()
    }
}

impl Unanswered {
    /// Steps 0 and 1, for a head that has passed through middleware or that is still `untouched`.
    pub(super) fn of(
        asked: &Asked,
        fronts: &[Front],
        mut head: response::Parts,
        mut download: Download,
        mut untouched: bool,
    ) -> Self {
        let mut resumes_only = false;
        // That of a middleware further in contains the one that came with the request.
        let passed_on = head.extensions.remove::<Grant>();
        if let Some(grant) = passed_on.as_ref().or(asked.grant.as_deref()) {
            download = permission::apply(grant, &mut head, download);
            untouched = false;
            resumes_only = grant.is_resuming_only();
        }
        for front in fronts {
            front.strip(&mut head.headers);
        }
        vary(fronts, &mut head.headers);
        Self {
            head,
            download,
            untouched,
            resumes_only,
            looked: None,
        }
    }

    /// The answer, if nothing must be waited for.
    fn now(mut self, asked: &Asked, fronts: &[Front]) -> Result<Response<DownloadBody>, Box<Self>> {
        // Whoever wants to know how it came about wants to know all of it.
        if self.resumes_only || asked.traced {
            return Err(Box::new(self));
        }
        let mut decision = Decision::new();
        let mut advanced = self.advance(asked, fronts, &mut decision);
        #[cfg(all(feature = "fs", unix))]
        if let Advanced::Copy(copy) = advanced {
            self.untouched &= decision.cannot.is_empty();
            self.download.set_file(copy);
            decision = Decision::new();
            advanced = self.advance(asked, fronts, &mut decision);
        }
        // A rule that could not have the file may have left something in the head.
        self.untouched &= decision.cannot.is_empty();
        if !matches!(advanced, Advanced::Decided) {
            self.looked = decision.looked.map(Box::new);
            return Err(Box::new(self));
        }
        let (mut response, outcome) = match decision.plan {
            Ok(Plan::HandOff {
                rule,
                backend,
                target,
            }) => handed_off(self.head, self.download, rule, backend, target),
            Ok(Plan::Stream(reason)) => match self.stream_now(asked, fronts) {
                Ok((response, delivery)) => (response, Outcome::of(delivery, reason)),
                Err(unanswered) => return Err(unanswered),
            },
            Err(error) => failed(asked, self.head, &self.download, error),
            Ok(_) => return Err(Box::new(self)),
        };
        conclude(asked, decision.optimizer, &mut response, outcome);
        Ok(response)
    }

    /// Streams the file, if it is at hand.
    fn stream_now(
        self,
        asked: &Asked,
        fronts: &[Front],
    ) -> Result<(Response<DownloadBody>, Delivery), Box<Self>> {
        let answered = {
            let candidate = Candidate::with_head(&self.download, self.untouched);
            deliver(asked, fronts, &candidate).respond_now(self.head)
        };
        answered.map_err(|head| Box::new(Self { head, ..self }))
    }

    /// Decides as far as that needs no waiting.
    fn advance<'a>(
        &mut self,
        asked: &Asked,
        fronts: &'a [Front],
        decision: &mut Decision<'a>,
    ) -> Advanced {
        #[cfg(all(feature = "fs", unix))]
        let status = self.head.status;
        let candidate = Candidate::with_head(&self.download, self.untouched);
        if advance(asked, fronts, &mut self.head, &candidate, decision).is_some() {
            return Advanced::Waits;
        }
        #[cfg(all(feature = "fs", unix))]
        if let Some(spool) = spool_for(asked, fronts, status, &candidate, decision) {
            let download = candidate.download;
            return match spool.place_now(download.file(), download.copying()) {
                Some(copy) => Advanced::Copy(copy),
                None => Advanced::Waits,
            };
        }
        Advanced::Decided
    }

    /// The answer.
    pub async fn answer(self, asked: &Asked, fronts: &[Front]) -> Response<DownloadBody> {
        let (mut head, download) = (self.head, self.download);
        if self.resumes_only {
            return Box::pin(resumed(asked, fronts, head, download)).await;
        }
        let status = head.status;
        let candidate = Candidate::with_head(&download, self.untouched);
        let mut decision = Decision::new();
        decision.looked = self.looked.map(|looked| *looked);
        decide(asked, fronts, &mut head, &candidate, &mut decision).await;
        #[cfg(all(feature = "fs", unix))]
        let copy = match spool_for(asked, fronts, status, &candidate, &decision) {
            None => {
                if asked.traced {
                    let why = why_not(asked, fronts, status, &candidate, &decision);
                    decision.spooled = why.map(Err);
                }
                None
            }
            Some(spool) => {
                let placing = spooled(spool, asked, fronts, &mut head, &download, &mut decision);
                // Boxed apart, or every other answer would carry the room that it needs.
                Box::pin(placing).await
            }
        };
        #[cfg(all(feature = "fs", unix))]
        let (download, candidate) = match &copy {
            None => (&download, candidate),
            Some(copy) => (copy, Candidate::new(copy)),
        };
        #[cfg(not(all(feature = "fs", unix)))]
        let download = &download;
        if asked.traced {
            let trace = Trace::of(&decision, asked, fronts, status, &candidate);
            head.extensions.insert(trace);
        }
        let (mut response, outcome) = match decision.plan {
            Ok(Plan::Stream(reason)) => {
                let deliver = deliver(asked, fronts, &candidate);
                // Boxed apart, or every other answer would carry the room that streaming needs.
                let (response, delivery) = Box::pin(deliver.respond(head)).await;
                (response, Outcome::of(delivery, reason))
            }
            Ok(Plan::HandOff {
                rule,
                backend,
                target,
            }) => handed_off(head, download.clone(), rule, backend, target),
            Ok(Plan::Redirect { rule, url }) => {
                let response = Response::from_parts(head, DownloadBody::empty());
                (response, Outcome::Redirected { rule, url })
            }
            #[cfg(all(feature = "fs", unix))]
            Ok(Plan::Prepare(retry_after)) => {
                let response = refused(head, download, preparing(retry_after));
                (response, Outcome::Preparing { retry_after })
            }
            Ok(Plan::Refuse(reason)) => {
                let refusal = refusal(StatusCode::SERVICE_UNAVAILABLE);
                let response = refused(head, download, refusal);
                (response, Outcome::Refused { reason })
            }
            Err(error) => failed(asked, head, download, error),
        };
        conclude(asked, decision.optimizer, &mut response, outcome);
        response
    }
}

/// How far a decision came without waiting.
enum Advanced {
    /// It is made.
    Decided,
    /// Something has to be waited for.
    Waits,
    /// No rule takes the file, and there is a copy to decide about in its place.
    #[cfg(all(feature = "fs", unix))]
    Copy(Arc<dyn File>),
}

/// How the application sends a file itself.
fn deliver<'a>(
    asked: &'a Asked,
    fronts: &'a [Front],
    candidate: &'a Candidate<'_>,
) -> Deliver<'a, impl Fn(&Metadata) -> Option<ETag>> {
    Deliver {
        request: &asked.conditional,
        about: asked.about(),
        download: candidate.download,
        untouched: candidate.untouched,
        own_etag: move |metadata: &Metadata| own_etag(fronts, candidate, metadata),
    }
}

/// The answer that has a proxy send the file.
fn handed_off(
    head: response::Parts,
    download: Download,
    rule: Arc<str>,
    backend: Arc<dyn Backend>,
    target: Target,
) -> (Response<DownloadBody>, Outcome) {
    let outcome = Outcome::Delegated {
        rule,
        backend,
        target,
    };
    let body = DownloadBody::handed_off(download);
    (Response::from_parts(head, body), outcome)
}

/// The answer to a file that cannot be looked at.
fn failed(
    asked: &Asked,
    head: response::Parts,
    download: &Download,
    error: Error,
) -> (Response<DownloadBody>, Outcome) {
    let outcome = Outcome::without_file(error.status());
    let refusal = error.into_response_about(asked.about());
    (refused(head, download, refusal), outcome)
}

/// Step 5.
fn conclude(
    asked: &Asked,
    optimizer: Option<&Optimizer>,
    response: &mut Response<DownloadBody>,
    outcome: Outcome,
) {
    log(asked, optimizer, &outcome);
    asked.keep(outcome, response);
}

/// The answer for a permission that has ended, and is good only for a range of the state
/// that the client has a part of. A proxy would send the whole file where the state changed.
async fn resumed(
    asked: &Asked,
    fronts: &[Front],
    mut head: response::Parts,
    download: Download,
) -> Response<DownloadBody> {
    for front in fronts {
        front.strip(&mut head.headers);
    }
    vary(fronts, &mut head.headers);
    let candidate = Candidate::new(&download);
    let (mut response, delivery) = deliver(asked, fronts, &candidate).respond(head).await;
    if !delivery.is_partial() {
        return answer_denied(asked, SignatureFault::Expired.into(), None);
    }
    let outcome = Outcome::of(delivery, Reason::ResumesOnly);
    log(asked, None, &outcome);
    response.extensions_mut().insert(outcome);
    response
}

/// States `Vary` if proxies announce themselves and caches may share the answer: it differs from
/// proxy to proxy.
fn vary(fronts: &[Front], headers: &mut HeaderMap) {
    let announced = fronts
        .iter()
        .any(|front| matches!(front, Front::Announced(_)));
    if !announced {
        return;
    }
    let mut governed = headers.get_all(header::CACHE_CONTROL).iter();
    let private = |value: &HeaderValue| {
        let text = value.as_bytes().to_ascii_lowercase();
        let has = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
        has(b"private") || has(b"no-store")
    };
    if !governed.any(private) {
        headers.append(header::VARY, HeaderValue::from_name(PROXY_HEADER));
    }
}

/// One log event for one outcome: without the query, which may hold a signature, and without the
/// target.
fn log(asked: &Asked, optimizer: Option<&Optimizer>, outcome: &Outcome) {
    let (path, route) = (asked.path(), asked.route.as_deref());
    let (kind, reason) = (outcome.kind(), outcome.reason());
    let is_news =
        |reason: &Reason| optimizer.is_some_and(|optimizer| optimizer.warns(reason, route));
    match (outcome, reason) {
        (Outcome::Denied { denial }, _) => denied::log(denial, path, route),
        (Outcome::Delegated { rule, backend, .. }, _) => {
            let backend = backend.name();
            tracing::debug!(outcome = kind, %rule, backend, path, route, "download");
        }
        (Outcome::Redirected { rule, .. }, _) => {
            tracing::debug!(outcome = kind, %rule, path, route, "download");
        }
        (Outcome::Refused { .. }, Some(reason)) => {
            tracing::warn!(outcome = kind, %reason, path, route, "download");
        }
        (_, Some(reason)) if is_news(reason) => {
            tracing::warn!(outcome = kind, %reason, path, route, "download; said once for this route");
        }
        (_, Some(reason)) => tracing::debug!(outcome = kind, %reason, path, route, "download"),
        (_, None) => tracing::debug!(outcome = kind, path, route, "download"),
    }
}
