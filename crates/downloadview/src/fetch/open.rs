//! What an origin has under a target, as a content: one request, and a second one only where the first answer turns out
//! to be of no use.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use super::answer::Answer;
use super::body::Body;
use super::exchange::{Remote, Reply};
use super::origin::Origin;
use super::request::Ask;
use super::{Flavour, Locate};
use crate::content::{ByteRange, ByteStream, Content, Metadata, Want};
use crate::error::{Result, UpstreamFault};

impl Origin {
    /// Opens what `locate` finds: one GET, or one HEAD where only the metadata is wanted.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) where the origin says so, [`Error::Upstream`](crate::Error::Upstream)
    /// for everything it does wrong, [`Error::Unavailable`](crate::Error::Unavailable) where it has too much to do.
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

    /// What a HEAD tells of it.
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

/// Whether an answer to a range is none to the client: it gets the whole, or it must be known how large that is and in
/// which state. (A part although `If-Range` does not hold is found out where all conditions are judged; then the whole
/// is asked for as every other part.)
fn needs_the_whole(ask: &Ask, answer: &Answer) -> bool {
    match answer {
        Answer::Unsatisfiable(None | Some(0)) => true,
        Answer::Unsatisfiable(Some(_)) => ask.has_if_range() || ask.can_fail(),
        Answer::PreconditionFailed(_) => ask.fails_by_if_range(),
        Answer::Whole(_) | Answer::Part(..) | Answer::NotModified(_) => false,
    }
}

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
        Answer::Part(metadata, extent) => {
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

/// Parts of one state of a file: the one that is open already, else asked for.
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

    /// What is open and not what is wanted goes at once, and with it its place among the requests.
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
