//! What an origin has under a target, as a content: one request, and a second one only if the
//! answer to the first cannot be used.
//!
//! 1. Wait for a place among the requests to the origin (503 if there is none in time).
//! 2. Ask for what the client asks for: its range and its conditions (`request`).
//! 3. Ask for the whole if the answer to the range does not help (416 or 412, where the client must
//!    get the whole).
//! 4. Make a `Content`: the body that has come is used for the part that `delivery` asks for. If
//!    another part is asked for, it is dropped and that part is fetched.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use super::answer::{Answer, has_name};
use super::body::Body;
use super::exchange::{Remote, Reply};
use super::origin::Origin;
use super::request::Ask;
use super::{Flavour, Locate};
use crate::content::{ByteRange, ByteStream, Content, Metadata, Want};
use crate::error::{Result, UpstreamFault};

impl Origin {
    /// Opens what `locate` finds: by one GET, or by one HEAD if only the metadata is wanted.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) if the origin says so,
    /// [`Error::Upstream`](crate::Error::Upstream) for everything that it does wrong,
    /// [`Error::Unavailable`](crate::Error::Unavailable) if too many requests to it are under way.
    pub(crate) async fn open(
        &self,
        locate: Locate,
        flavour: Flavour,
        want: Want<'_>,
    ) -> Result<Content> {
        let remote = self.remote(locate, flavour);
        let permit = remote.enter().await?;
        let mut ask = Ask::of(want, flavour);
        let mut reply = remote.ask(&ask).await?;
        if needs_the_whole(&ask, &reply.0) {
            drop(reply);
            ask = ask.for_the_whole();
            reply = remote.ask(&ask).await?;
        }
        content(remote, permit, &ask, reply)
    }

    /// What a HEAD tells about the file.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) async fn look(&self, locate: Locate, flavour: Flavour) -> Result<Metadata> {
        let remote = self.remote(locate, flavour);
        let _permit = remote.enter().await?;
        match remote.ask(&Ask::look()).await? {
            (Answer::Whole(metadata), _) => Ok(metadata),
            _ => Err(remote.failed(UpstreamFault::Answer("an answer to another question"))),
        }
    }

    fn remote(&self, locate: Locate, flavour: Flavour) -> Remote {
        let origin = self.clone();
        Remote {
            origin,
            locate,
            flavour,
        }
    }
}

/// Whether the answer to a range cannot be passed on: the client gets the whole, or the size and
/// the state of the whole must be known. (A part that comes although `If-Range` does not hold is
/// noticed where all conditions are judged; the whole is then asked for like every other part.)
fn needs_the_whole(ask: &Ask, answer: &Answer) -> bool {
    match answer {
        Answer::Unsatisfiable(None | Some(0)) => true,
        Answer::Unsatisfiable(Some(_)) => ask.has_if_range() || ask.can_fail(),
        Answer::PreconditionFailed(_) => ask.fails_by_if_range(),
        Answer::Whole(_) | Answer::Part(..) | Answer::NotModified(_) => false,
    }
}

/// The content that an answer describes, with the body that has come for the first part.
fn content(
    remote: Remote,
    permit: OwnedSemaphorePermit,
    ask: &Ask,
    reply: Reply,
) -> Result<Content> {
    let (answer, incoming) = reply;
    let is_head = ask.method == http::Method::HEAD;
    Ok(match answer {
        Answer::NotModified(metadata) => Content::not_modified(metadata),
        Answer::PreconditionFailed(metadata) => Content::precondition_failed(metadata),
        Answer::Unsatisfiable(size) => {
            let size = size.unwrap_or_default();
            let metadata = Metadata::new().with_size(size).with_ranges();
            Reader::of(remote, metadata, None).into_content()
        }
        Answer::Whole(metadata) if is_head => Reader::of(remote, metadata, None).into_content(),
        Answer::Whole(mut metadata) => {
            // It was asked for a part and has none to give, unless it is another state's part that was asked for.
            metadata.ranges &= ask.range().is_none() || ask.has_if_range();
            let Some(size) = metadata.size() else {
                let body = Body::new(remote, metadata.clone(), permit, incoming, None);
                return Ok(Content::from_stream(metadata, body.into_stream()));
            };
            let open = |extent| {
                let body = Body::new(
                    remote.clone(),
                    metadata.clone(),
                    permit,
                    incoming,
                    Some(extent),
                );
                (extent, body)
            };
            let opened = ByteRange::new(0, size).map(open);
            Reader::of(remote, metadata, opened).into_content()
        }
        Answer::Part(mut metadata, extent) => {
            // Nobody could tell whether the next part is of the same state: then the whole is, in one answer.
            metadata.ranges &= !ask.has_several_ranges() || has_name(&metadata);
            let body = Body::new(
                remote.clone(),
                metadata.clone(),
                permit,
                incoming,
                Some(extent),
            );
            Reader::of(remote, metadata, Some((extent, body))).into_content()
        }
    })
}

/// Reads parts of one state of a file: from the body that is open already, or by a further request.
struct Reader {
    remote: Remote,
    state: Metadata,
    opened: Mutex<Option<(ByteRange, Body)>>,
}

impl Reader {
    fn of(remote: Remote, state: Metadata, opened: Option<(ByteRange, Body)>) -> Self {
        let opened = Mutex::new(opened);
        Self {
            remote,
            state,
            opened,
        }
    }

    fn into_content(self) -> Content {
        let metadata = self.state.clone();
        let offers_ranges = metadata.ranges;
        let reader = Arc::new(self);
        let mut content = Content::ranged(metadata, move |part| {
            let reader = Arc::clone(&reader);
            async move { reader.read(part).await }
        });
        content.metadata_mut().ranges = offers_ranges;
        content
    }

    /// The bytes of a part. A body that is open but does not fit is dropped at once, and its place
    /// among the requests is free again.
    async fn read(&self, part: ByteRange) -> Result<ByteStream> {
        let opened = self
            .opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some((extent, body)) = opened
            && extent == part
        {
            return Ok(body.into_stream());
        }
        let size = self.state.size();
        let is_whole = part.start() == 0 && part.end() == size.unwrap_or(u64::MAX);
        let permit = self.remote.enter().await?;
        let incoming = self
            .remote
            .part((!is_whole).then_some(part), &self.state)
            .await?;
        let extent = size.map(|_| part);
        let (remote, state) = (self.remote.clone(), self.state.clone());
        Ok(Body::new(remote, state, permit, incoming, extent).into_stream())
    }
}
