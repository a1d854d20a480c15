//! From a file that no rule takes to what is answered in its place: a copy, the bytes of one that
//! grows, or the file itself.
//!
//! 1. Has it a key? Else a copy for this request alone, if the view asks for one.
//! 2. Is there a copy that needs no question? It is leased, and looked at.
//! 3. Else a fill is joined, or begun. It asks the source, or makes the copy.
//! 4. The copy that is there then is leased and looked at. If there is none, what the fill left of
//!    the source is sent.

use std::sync::Arc;
use std::time::Instant;

use http::Method;
use tokio::sync::oneshot;

use super::copy::{Copied, Opened};
use super::counters::add;
use super::fill::{Fill, Order};
use super::flight::{Progress, Seat};
use super::growing::{Chain, Follower, Left};
use super::index::{Given, Source};
use super::inner::Inner;
use super::moment::Moment;
use super::name::Id;
use super::why::NotSpooled;
use super::{Spool, settings};
use crate::content::{ByteRange, ByteStream, CacheKey, Content, Metadata};
use crate::error::Error;
use crate::file::File;
use crate::response::Spooling;

/// What must be known of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a Method,
    /// Whether it asks for a part.
    pub(crate) in_part: bool,
    /// Whether it only wants to know: then no copy is made, and no source is asked.
    pub(crate) only_asks: bool,
    pub(crate) spooling: Spooling,
}

/// What is answered in the place of a file.
pub(crate) enum Placed {
    /// A copy that a proxy may send.
    Copy(Arc<dyn File>),
    /// The application sends this one, for this reason.
    Stream(Arc<dyn File>, NotSpooled),
    /// The application sends the file, which is still as it was.
    Own(NotSpooled),
    /// The file cannot be had.
    Failed(Error),
}

impl Spool {
    /// A copy of `file` for a request, made if there is none.
    pub(crate) async fn place(&self, file: &Arc<dyn File>, request: Request<'_>) -> Placed {
        let inner = &self.0;
        let placed = match (file.cache_key(), request.spooling) {
            (_, Spooling::Off) => return Placed::Own(NotSpooled::NoKey),
            (None, Spooling::Keyed) => Placed::Own(NotSpooled::NoKey),
            (None, Spooling::Always) => inner.place_once(file, request).await,
            (Some(key), _) => match inner.place_keyed(file, key, request).await {
                // Its state cannot be told: a copy for this request, if the view asks for one.
                Placed::Own(NotSpooled::NoValidator) if request.spooling == Spooling::Always => {
                    inner.place_once(file, request).await
                }
                placed => placed,
            },
        };
        if let Placed::Own(why) | Placed::Stream(_, why) = &placed {
            inner.counting.streamed(*why);
            inner.say(*why, None);
        }
        placed
    }
}

impl Inner {
    /// A copy for this request alone.
    async fn place_once(self: &Arc<Self>, file: &Arc<dyn File>, request: Request<'_>) -> Placed {
        let Ok(id) = Id::random() else {
            return Placed::Own(NotSpooled::DiskFails);
        };
        self.fill(file, id, None, request).await
    }

    async fn place_keyed(
        self: &Arc<Self>,
        file: &Arc<dyn File>,
        key: CacheKey,
        request: Request<'_>,
    ) -> Placed {
        let id = Id::of(&key);
        let max_age = self.settings.max_age;
        let known = self.index().peek(id);
        let needs_no_question = known.as_ref().is_some_and(|(_, source)| {
            let fresh = |source: &Source| source.is_fresh(max_age);
            !key.changes() || source.as_ref().is_some_and(fresh)
        });
        if needs_no_question && let Some(copy) = self.hand_out(file, id, Some(&key)).await {
            add(&self.counting.hits, 1);
            return Placed::Copy(copy);
        }
        if request.only_asks && known.is_some() {
            return Placed::Own(NotSpooled::Unasked);
        }
        add(&self.counting.misses, 1);
        self.fill(file, id, Some(key), request).await
    }

    /// Steps 3 and 4.
    async fn fill(
        self: &Arc<Self>,
        file: &Arc<dyn File>,
        id: Id,
        key: Option<CacheKey>,
        request: Request<'_>,
    ) -> Placed {
        let asks_for_bytes = *request.method == Method::GET && !request.only_asks;
        // A HEAD may learn that a copy is still good, but makes none.
        if !asks_for_bytes {
            return Placed::Own(NotSpooled::NotAsked);
        }
        if tokio::runtime::Handle::try_current().is_err() {
            return Placed::Own(NotSpooled::NoRuntime);
        }
        let mut seat = self.flights.join(id);
        let left = seat.start.take().map(|flight| {
            let order = Order {
                file: Arc::clone(file),
                key: key.clone(),
            };
            Fill::start(self, flight, order)
        });
        if left.is_none() {
            add(&self.counting.joined, 1);
        }
        let follow = self.settings.fill == settings::Fill::While && !request.in_part;
        match wait(&mut seat, follow).await {
            Progress::Filled(_) => match self.hand_out(file, id, key.as_ref()).await {
                Some(copy) => Placed::Copy(copy),
                // It is gone already. The bytes are still there for the one who began the fill.
                None => left_over(file, key.as_ref(), NotSpooled::DiskFails, left).await,
            },
            Progress::Failed(why) => left_over(file, key.as_ref(), why, left).await,
            Progress::Opening | Progress::Growing(..) => follower(file, key, seat, left),
        }
    }

    /// Leases the copy of a key and looks at it. One that is not what its name says is forgotten.
    async fn hand_out(
        self: &Arc<Self>,
        file: &Arc<dyn File>,
        id: Id,
        key: Option<&CacheKey>,
    ) -> Option<Arc<dyn File>> {
        let mark = Moment::now().mark();
        let given = self.index().give(id, Instant::now(), mark)?;
        let Given { name, source, tell } = given;
        if let Some((modified, mark)) = tell {
            let root = self.folder.known();
            let marked = match root.is_local() {
                true => root.mark(name, modified, mark),
                false => {
                    self.on_disk(move |root| root.mark(name, modified, mark))
                        .await
                }
            };
            if marked.is_err() {
                self.index().forget(name);
                return None;
            }
        }
        let said = match (key, source) {
            (Some(key), Some(source)) if key.changes() => {
                key.described(Metadata::clone(&source.metadata))
            }
            _ => file.look().await.ok()?,
        };
        let copied = Copied::look(Arc::clone(file), &self.storage, name, said).await;
        match copied {
            Ok(copy) => {
                add(&self.counting.bytes_out, name.size);
                Some(Arc::new(copy))
            }
            Err(Error::NotFound | Error::Forbidden) => {
                self.index().forget(name);
                None
            }
            Err(_) => None,
        }
    }
}

/// Waits for the end of a fill, or until there is something to follow.
async fn wait(seat: &mut Seat, follow: bool) -> Progress {
    let is_it = |progress: &Progress| match progress {
        Progress::Opening => false,
        Progress::Growing(..) => follow,
        Progress::Filled(_) | Progress::Failed(_) => true,
    };
    match seat.progress.wait_for(is_it).await {
        Ok(progress) => progress.clone(),
        // It was given up in the very moment.
        Err(_) => Progress::Failed(NotSpooled::Busy),
    }
}

/// The bytes of a copy as they come.
fn follower(
    file: &Arc<dyn File>,
    key: Option<CacheKey>,
    seat: Seat,
    left: Option<oneshot::Receiver<Left>>,
) -> Placed {
    let progress = seat.progress.borrow().clone();
    let Progress::Growing(growing, _) = progress else {
        return Placed::Own(NotSpooled::Busy);
    };
    let metadata = Metadata::clone(&growing.metadata);
    let said = match &key {
        Some(key) => key.described(metadata.clone()),
        None => metadata.clone(),
    };
    let follower = Follower::new(growing, seat.progress, left, Arc::clone(file), key);
    let content = Content::from_stream(metadata, follower.into_stream());
    let opened = Opened::new(Arc::clone(file), content, said);
    Placed::Stream(Arc::new(opened), NotSpooled::Filling)
}

/// What is sent if there is no copy: to the one who began the fill, what it has left; to all
/// others, their own file.
async fn left_over(
    file: &Arc<dyn File>,
    key: Option<&CacheKey>,
    why: NotSpooled,
    left: Option<oneshot::Receiver<Left>>,
) -> Placed {
    let left = match left {
        Some(left) => left.await.ok(),
        None => None,
    };
    let content = match left {
        None => return Placed::Own(why),
        Some(Left::Error(error)) => return Placed::Failed(error),
        Some(Left::Content(content)) => *content,
        Some(Left::Rest {
            growing,
            written,
            rest,
        }) => {
            let begun = ByteRange::new(0, written);
            let begun = begun.map(|part| ByteStream::of_part(&growing.file, part));
            let metadata = Metadata::clone(&growing.metadata);
            Content::from_stream(metadata, Chain::of(begun, *rest))
        }
    };
    let metadata = content.metadata().clone();
    let said = match key {
        Some(key) => key.described(metadata),
        None => metadata,
    };
    let opened = Opened::new(Arc::clone(file), content, said);
    Placed::Stream(Arc::new(opened), why)
}
