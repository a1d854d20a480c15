//! One fill: from a file without a copy to a copy, or to the reason why there is none.
//!
//! 1. A copy that is known, and whose key may change: its source is asked whether it is still good.
//! 2. A part is begun, unless another process has begun one; then its end is waited for. A copy that
//!    another process has made is taken.
//! 3. The file is opened, described as its source describes it.
//! 4. Room is made: in the bounds of the spool, and on the disk.
//! 5. Its bytes are written, as many as come at once, off the event loop. Nobody who reads them is
//!    waited for.
//! 6. The part becomes the copy, if it is as long as was promised.
//!
//! It is a task of its own. Whoever waits for it is told how it ends, also if it panics.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_core::Stream as _;
use http::{HeaderMap, header};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::counters::add;
use super::flight::{Flight, Growing, Progress};
use super::folder::Found;
use super::growing::{Chain, Left, next};
use super::index::Source;
use super::inner::Inner;
use super::name::{CopyName, State, Validator};
use super::part::{Begun, Part};
use super::why::NotSpooled;
use crate::content::{ByteStream, CacheKey, Content, Exact, Metadata, Want, whole_seconds};
use crate::error::Error;
use crate::file::File;

/// Bytes that are written at once.
const BATCH: usize = 512 * 1024;
/// After so many bytes of a file of unknown length the disk is looked at again.
const LOOK_AFTER: u64 = 16 << 20;
/// How long a source that could not answer is left alone, where a stale copy does.
const EXCUSED: Duration = Duration::from_secs(5);
/// How long another process's fill is left alone before it is looked at again.
const POLL: Duration = Duration::from_millis(50);

/// What is to be copied.
pub(super) struct Order {
    pub(super) file: Arc<dyn File>,
    /// `None` for a copy that is made for one request.
    pub(super) key: Option<CacheKey>,
    /// Whether the copy goes when its lease ends.
    pub(super) deletes: bool,
}

/// A fill that is under way.
pub(super) struct Fill {
    spool: Arc<Inner>,
    flight: Arc<Flight>,
    order: Order,
    left: Option<oneshot::Sender<Left>>,
    reserved: u64,
    ended: bool,
}

/// Why there is no copy, and what is left of the source.
struct Failure {
    why: NotSpooled,
    left: Option<Left>,
}

impl From<NotSpooled> for Failure {
    fn from(why: NotSpooled) -> Self {
        Self { why, left: None }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        NotSpooled::of(&error).into()
    }
}

impl Failure {
    fn of_source(error: Error) -> Self {
        Self {
            why: NotSpooled::Source,
            left: Some(Left::Error(error)),
        }
    }

    fn with(why: NotSpooled, content: Content) -> Self {
        Self {
            why,
            left: Some(Left::Content(Box::new(content))),
        }
    }
}

impl Fill {
    /// Starts it. What is left of the source if it fails comes through the receiver.
    pub(super) fn start(
        spool: &Arc<Inner>,
        flight: Arc<Flight>,
        order: Order,
    ) -> oneshot::Receiver<Left> {
        let (sender, left) = oneshot::channel();
        spool.retire_left_behind();
        spool.index().begin();
        let fill = Self {
            spool: Arc::clone(spool),
            flight,
            order,
            left: Some(sender),
            reserved: 0,
            ended: false,
        };
        tokio::spawn(fill.run());
        left
    }

    async fn run(mut self) {
        match self.fill().await {
            Ok(size) => self.end(Progress::Filled(size)),
            Err(failure) => {
                add(&self.spool.counting.failed, 1);
                if let (Some(sender), Some(left)) = (self.left.take(), failure.left) {
                    let _ = sender.send(left);
                }
                self.end(Progress::Failed(failure.why));
            }
        }
    }

    fn end(&mut self, progress: Progress) {
        if !std::mem::replace(&mut self.ended, true) {
            self.spool.index().end(self.reserved);
            self.spool.flights.end(&self.flight, progress);
        }
    }

    async fn fill(&mut self) -> Result<u64, Failure> {
        let spool = Arc::clone(&self.spool);
        let _turn = spool.fills.try_acquire().map_err(|_| NotSpooled::Busy)?;
        let mut opened = None;
        if self.changes() && self.knows() {
            match self.ask().await? {
                Asked::Good(size) => return Ok(size),
                Asked::Changed(content) => opened = content,
            }
        }
        let part = match self.begin().await? {
            Ok(part) => part,
            Err(size) => return Ok(size),
        };
        let content = match opened {
            Some(content) => *content,
            None => {
                let opening = self.order.file.open(Want::whole().as_source());
                opening.await.map_err(Failure::of_source)?
            }
        };
        self.copy(part, content).await
    }

    fn changes(&self) -> bool {
        self.order.key.as_ref().is_some_and(CacheKey::changes)
    }

    /// Whether the index has a copy.
    fn knows(&self) -> bool {
        self.spool.index().peek(self.flight.id).is_some()
    }

    /// Step 1. Asks the source about the state of the copy that is known.
    async fn ask(&self) -> Result<Asked, Failure> {
        let Some((name, source)) = self.spool.index().peek(self.flight.id) else {
            return Ok(Asked::Changed(None));
        };
        let mut headers = HeaderMap::new();
        let tag = source.as_ref().and_then(|source| source.metadata.etag());
        let date = source.as_ref().and_then(|it| it.metadata.last_modified());
        if let Some(tag) = tag {
            headers.insert(header::IF_NONE_MATCH, tag.to_header_value());
        } else if let Some(date) = date {
            let date = httpdate::fmt_http_date(date);
            headers.extend(
                date.try_into()
                    .map(|date| (header::IF_MODIFIED_SINCE, date)),
            );
        }
        // Of a copy that an earlier process left only the hash of its tag is known: the head tells.
        let want = match headers.is_empty() {
            true => Want::head(&headers),
            false => Want::get(&headers),
        };
        let answered = self.order.file.open(want.as_source()).await;
        let content = match answered {
            Ok(content) => content,
            // Perhaps it knows no HEAD.
            Err(_) if source.is_none() => return Ok(Asked::Changed(None)),
            Err(error) => return self.stale(name, source, error),
        };
        let settled = content.settled().is_some();
        let state = Validator::of(content.metadata()).map(State::Validated);
        let metadata = match (settled, source) {
            (true, Some(source)) => source.metadata,
            _ if state == Some(name.state) => Arc::new(content.metadata().clone()),
            // A HEAD brings no bytes.
            _ => {
                let content = (!headers.is_empty()).then(|| Box::new(content));
                return Ok(Asked::Changed(content));
            }
        };
        self.spool.index().refresh(name, Source::new(metadata));
        add(&self.spool.counting.validated, 1);
        Ok(Asked::Good(name.size))
    }

    /// The source cannot be asked: the copy may still do, for a while.
    fn stale(
        &self,
        name: CopyName,
        source: Option<Source>,
        error: Error,
    ) -> Result<Asked, Failure> {
        let settings = &self.spool.settings;
        let may = settings.max_age.saturating_add(settings.stale_if_error);
        let server_failed = error.status().is_server_error();
        let Some(source) = source.filter(|it| server_failed && it.asked.elapsed() < may) else {
            return Err(Failure::of_source(error));
        };
        if settings.stale_if_error.is_zero() {
            return Err(Failure::of_source(error));
        }
        tracing::debug!(reason = %error, age = ?source.asked.elapsed(), "a stale copy is used");
        self.spool.index().excuse(name, Instant::now() + EXCUSED);
        add(&self.spool.counting.stale, 1);
        Ok(Asked::Good(name.size))
    }

    /// Step 2. A part to fill; or the size of a copy that is there after all.
    async fn begin(&mut self) -> Result<Result<Part, u64>, Failure> {
        let id = self.flight.id;
        loop {
            let begun = self
                .spool
                .on_disk(move |root| Ok((root.begin(id)?, root.find(id)?)));
            let (begun, found) = begun.await?;
            let is_new = self.spool.take_in(&found);
            let known = self.spool.index().peek(id);
            if let Some((name, _)) = known {
                // Nobody asked about a copy that was just found.
                let good = match self.changes() {
                    false => Some(name.size),
                    true if is_new => match self.ask().await? {
                        Asked::Good(size) => Some(size),
                        Asked::Changed(_) => None,
                    },
                    true => None,
                };
                if let Some(size) = good {
                    return Ok(Err(size));
                }
            }
            if let Begun::Part(part) = begun {
                return Ok(Ok(part));
            }
            tokio::time::sleep(POLL).await;
            if !self.flight.is_wanted() && self.spool.flights.end_unless_wanted(&self.flight) {
                return Err(NotSpooled::Busy.into());
            }
        }
    }

    /// Steps 4 to 6.
    async fn copy(&mut self, part: Part, content: Content) -> Result<u64, Failure> {
        let metadata = Arc::new(content.metadata().clone());
        let state = match &self.order.key {
            None => State::Once,
            Some(key) if !key.changes() => State::Only,
            Some(_) => match Validator::of(&metadata) {
                Some(validator) => State::Validated(validator),
                None => return Err(Failure::with(NotSpooled::NoValidator, content)),
            },
        };
        let known = self.spool.index().peek(self.flight.id);
        if let Some((name, _)) = known
            && name.state == state
            && metadata.size().is_none_or(|size| size == name.size)
        {
            self.spool.index().refresh(name, Source::new(metadata));
            return Ok(name.size);
        }
        let growing = Growing {
            file: Arc::clone(part.file()),
            metadata: Arc::clone(&metadata),
        };
        let part = match self.set_aside(part, metadata.size()).await {
            Ok(part) => part,
            Err(why) => return Err(Failure::with(why, content)),
        };
        self.flight.tell(Progress::Growing(growing.clone(), 0));
        let stream = content.into_stream().await.map_err(Failure::of_source)?;
        let stream = match metadata.size() {
            Some(size) => ByteStream::from_boxed(Box::pin(Exact::new(stream, size))),
            None => stream,
        };
        let frames = Frames {
            stream,
            ended: false,
            idle: None,
        };
        let part = self.write(part, growing, frames).await?;
        self.commit(part, state, metadata).await
    }

    /// Step 4.
    async fn set_aside(&mut self, part: Part, size: Option<u64>) -> Result<Part, NotSpooled> {
        let spool = Arc::clone(&self.spool);
        if size.is_some_and(|size| size > spool.settings.largest()) {
            return Err(NotSpooled::TooLarge);
        }
        let size = size.unwrap_or(0);
        self.reserve(size).await?;
        let done = spool.on_disk(move |_| {
            part.set_aside(size)?;
            Ok(part)
        });
        done.await.map_err(|error| NotSpooled::of(&error))
    }

    /// Makes room for further bytes: in the bounds, and on the disk.
    async fn reserve(&mut self, bytes: u64) -> Result<(), NotSpooled> {
        let reserved = self.spool.index().reserve(bytes, Instant::now());
        let doomed = reserved.map_err(|_| NotSpooled::Full)?;
        self.reserved += bytes;
        self.spool.remove(doomed).await;
        self.spool.check_space(bytes).await
    }

    /// Step 5.
    async fn write(
        &mut self,
        mut part: Part,
        growing: Growing,
        mut frames: Frames,
    ) -> Result<Part, Failure> {
        let size = growing.metadata.size();
        let mut looked = 0;
        loop {
            let half = size.is_some_and(|size| 2 * part.written() > size);
            let Some(batch) = self.next(&mut frames, half).await? else {
                return Ok(part);
            };
            let bytes: u64 = batch.iter().map(|frame| frame.len() as u64).sum();
            let written = part.written() + bytes;
            let mut allowed = Ok(());
            if size.is_none() {
                // Not known before: nothing was reserved.
                let reserved = self.spool.index().reserve(bytes, Instant::now());
                let largest = self.spool.settings.largest();
                match reserved {
                    _ if written > largest => {
                        allowed = Err(NotSpooled::TooLarge);
                        if reserved.is_ok() {
                            self.reserved += bytes;
                        }
                    }
                    Err(_) => allowed = Err(NotSpooled::Full),
                    Ok(doomed) => {
                        self.reserved += bytes;
                        self.spool.remove(doomed).await;
                        if written - looked >= LOOK_AFTER {
                            looked = written;
                            allowed = self.spool.check_space(LOOK_AFTER).await;
                        }
                    }
                }
            }
            // Kept until it is written: it would be lost otherwise.
            let (before, kept) = (part.written(), batch.clone());
            let done = match allowed {
                Err(why) => Err(why),
                Ok(()) => {
                    let done = self.spool.on_disk(move |_| {
                        part.write(&batch)?;
                        Ok(part)
                    });
                    done.await.map_err(|error| NotSpooled::of(&error))
                }
            };
            part = match done {
                Ok(part) => part,
                Err(why) => {
                    let mut rest = frames.stream;
                    for frame in kept.into_iter().rev() {
                        rest = Chain::of(Some(ByteStream::from_bytes(frame)), rest);
                    }
                    let left = Left::Rest {
                        growing,
                        written: before,
                        rest: Box::new(rest),
                    };
                    return Err(Failure {
                        why,
                        left: Some(left),
                    });
                }
            };
            add(&self.spool.counting.bytes_in, bytes);
            let progress = Progress::Growing(growing.clone(), part.written());
            self.flight.tell(progress);
        }
    }

    /// The next frames, as many as come at once; none at the end. It fails if nobody wants them any
    /// more.
    async fn next(&self, frames: &mut Frames, half: bool) -> Result<Option<Vec<Bytes>>, Failure> {
        let mut batch = Vec::new();
        let mut gathered = 0;
        while !frames.ended && gathered < BATCH {
            let frame = match batch.is_empty() {
                true => self.first(frames, half).await?,
                false => match frames.at_once().await {
                    Some(frame) => frame,
                    None => break,
                },
            };
            match frame.transpose().map_err(Failure::of_source)? {
                None => frames.ended = true,
                Some(frame) if frame.is_empty() => {}
                Some(frame) => {
                    gathered += frame.len();
                    batch.push(frame);
                }
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// The next frame, waited for as long as somebody wants it, or it is worth it.
    async fn first(&self, frames: &mut Frames, half: bool) -> Result<Framed, Failure> {
        loop {
            if self.flight.is_wanted() {
                frames.idle = None;
                let mut frame = pin!(next(&mut frames.stream));
                let mut alone = pin!(self.flight.left_alone());
                let first = poll_fn(|cx| match frame.as_mut().poll(cx) {
                    Poll::Ready(frame) => Poll::Ready(Some(frame)),
                    Poll::Pending => alone.as_mut().poll(cx).map(|()| None),
                });
                match first.await {
                    Some(frame) => return Ok(frame),
                    None => continue,
                }
            }
            let since = *frames.idle.get_or_insert_with(Instant::now);
            let left = self.spool.settings.max_idle_fill;
            let left = left.checked_sub(since.elapsed()).filter(|_| half);
            if let Some(left) = left
                && let Ok(frame) = tokio::time::timeout(left, next(&mut frames.stream)).await
            {
                return Ok(frame);
            }
            if self.spool.flights.end_unless_wanted(&self.flight) {
                return Err(NotSpooled::Source.into());
            }
        }
    }

    /// Step 6.
    async fn commit(
        &mut self,
        part: Part,
        state: State,
        metadata: Arc<Metadata>,
    ) -> Result<u64, Failure> {
        let (id, size) = (self.flight.id, part.written());
        let name = CopyName { id, state, size };
        let growing = Growing {
            file: Arc::clone(part.file()),
            metadata: Arc::clone(&metadata),
        };
        let of_source = date_of_source(&metadata);
        let sync = self.spool.settings.sync;
        let committed = self.spool.on_disk(move |root| {
            let others = root.find(id)?;
            let modified = own_time(of_source, name, &others);
            part.commit(root, name, modified, sync)
        });
        let found = match committed.await {
            Ok(found) => found,
            Err(error) => {
                let rest = Box::new(ByteStream::from_bytes(Bytes::new()));
                let left = Left::Rest {
                    growing,
                    written: size,
                    rest,
                };
                return Err(Failure {
                    why: NotSpooled::of(&error),
                    left: Some(left),
                });
            }
        };
        if let Some(sender) = self.left.take() {
            // Should the copy be gone before it is handed out.
            let _ = sender.send(Left::Rest {
                growing,
                written: size,
                rest: Box::new(ByteStream::from_bytes(Bytes::new())),
            });
        }
        let source = Some(Source::new(metadata));
        let before = self.spool.index().peek(id);
        let goes = self.order.deletes || state == State::Once;
        let mut index = self.spool.index();
        index.insert(found, source, Instant::now());
        if goes {
            index.goes_with_its_lease(name);
        }
        drop(index);
        add(&self.spool.counting.fills, 1);
        let retired = match goes {
            true => Some(name),
            false => before.map(|(name, _)| name).filter(|it| *it != name),
        };
        if let Some(name) = retired {
            self.spool.retire_later(name);
        }
        Ok(size)
    }
}

/// Also where the task panics, or ends with its runtime.
impl Drop for Fill {
    fn drop(&mut self) {
        self.end(Progress::Failed(NotSpooled::Source));
    }
}

/// What the source says of the copy that is known.
enum Asked {
    /// It is still good, and has this size.
    Good(u64),
    /// There is another state, perhaps opened already.
    Changed(Option<Box<Content>>),
}

/// A frame, an error, or the end.
type Framed = Option<Result<Bytes, Error>>;

/// The bytes of the source.
struct Frames {
    stream: ByteStream,
    ended: bool,
    /// Since when nobody wants them.
    idle: Option<Instant>,
}

impl Frames {
    /// A frame that is there already; `None` if it would have to be waited for.
    async fn at_once(&mut self) -> Option<Framed> {
        poll_fn(|cx| {
            Poll::Ready(match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Ready(frame) => Some(frame),
                Poll::Pending => None,
            })
        })
        .await
    }
}

/// The date of the source, if it tells as much as the validator: proxies make a tag of date and
/// size, and that tag is then as good as the source's, and the same after each fill.
fn date_of_source(metadata: &Metadata) -> Option<SystemTime> {
    let modified = metadata.last_modified()?;
    let says_no_more = match metadata.etag() {
        None => true,
        // As nginx makes it: of the date and the size, and of nothing else.
        Some(tag) => {
            crate::content::ETag::of_file_in_seconds(modified, metadata.size()?) == Some(tag)
        }
    };
    says_no_more.then_some(modified)
}

/// The time that a copy gets: that of its source, or now; never one that another copy of the same
/// key and length has, because proxies would give both the same tag.
fn own_time(of_source: Option<SystemTime>, name: CopyName, others: &[Found]) -> SystemTime {
    let mut time = of_source.unwrap_or_else(SystemTime::now);
    let taken = |time: SystemTime| {
        let twin = |other: &&Found| other.name != name && other.name.size == name.size;
        let mut twins = others.iter().filter(twin);
        twins.any(|other| other.modified == whole_seconds(time))
    };
    if of_source.is_some() && taken(time) {
        time = SystemTime::now();
    }
    while taken(time) {
        time += Duration::from_secs(1);
    }
    time
}
