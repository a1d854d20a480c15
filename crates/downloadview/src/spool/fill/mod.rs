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

mod ask;
mod dates;
mod failure;
mod frames;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(super) use self::ask::Asked;
use self::ask::Question;
use self::dates::{date_of_source, own_time};
use self::failure::Failure;
use self::frames::{Frames, Wanted};
use super::counters::add;
use super::flight::{Flight, Growing, Progress};
use super::growing::{Chain, Left};
use super::inner::Inner;
use super::name::{CopyName, Id, State, Validator};
use super::part::{Begun, Part};
use super::source::Source;
use super::why::NotSpooled;
use crate::content::{ByteStream, CacheKey, Content, Exact, Metadata, Want};
use crate::error::Error;
use crate::file::File;

/// After so many bytes of a file of unknown length the disk is looked at again.
const LOOK_AFTER: u64 = 16 << 20;
/// How long another process's fill is left alone before it is looked at again.
const POLL: Duration = Duration::from_millis(50);

/// A part of another process that does not grow for so long is waited for no longer: that process may
/// have been stopped.
const STALLED: Duration = Duration::from_secs(10);

/// What is to be copied.
pub(super) struct Order {
    pub(super) file: Arc<dyn File>,
    /// `None` for a copy that is made for one request.
    pub(super) key: Option<CacheKey>,
    /// Whether it is made though nobody may wait for it.
    pub(super) prepares: bool,
}

/// A fill that is under way.
pub(super) struct Fill {
    spool: Arc<Inner>,
    flight: Arc<Flight>,
    order: Order,
    left: Option<oneshot::Sender<Left>>,
    reserved: u64,
    written: u64,
    /// Whether it made a copy.
    made: bool,
    ended: bool,
}

impl Inner {
    /// Step 1, without a fill.
    pub(super) async fn ask(&self, file: &Arc<dyn File>, id: Id) -> Result<Asked, Error> {
        let question = Question {
            spool: self,
            id,
            file: &**file,
        };
        question.ask().await
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
        spool.index().begin();
        let fill = Self {
            spool: Arc::clone(spool),
            flight,
            order,
            left: Some(sender),
            reserved: 0,
            written: 0,
            made: false,
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
            self.log(&progress);
            self.spool.flights.end(&self.flight, progress);
        }
    }

    /// Says how it ended, and nothing that tells which file it was.
    fn log(&self, progress: &Progress) {
        let outcome = match progress {
            Progress::Filled(_) if self.made => "made",
            Progress::Filled(_) => "was there",
            _ => "failed",
        };
        let reason = match progress {
            Progress::Failed(why) => Some(why.to_string()),
            _ => None,
        };
        tracing::debug!(
            outcome,
            reason,
            bytes = self.written,
            duration = ?self.flight.begun.elapsed(),
            joined = self.flight.joined(),
            prepared = self.order.prepares,
            "a fill of the spool ended"
        );
    }

    async fn fill(&mut self) -> Result<u64, Failure> {
        let spool = Arc::clone(&self.spool);
        let _turn = spool.fills.try_acquire().map_err(|_| NotSpooled::Busy)?;
        let preparation = self
            .order
            .prepares
            .then(|| spool.preparations.try_acquire());
        let _preparation = preparation.transpose().map_err(|_| NotSpooled::Busy)?;
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

    /// Step 1.
    async fn ask(&self) -> Result<Asked, Failure> {
        let asked = self.spool.ask(&self.order.file, self.flight.id).await;
        asked.map_err(Failure::of_source)
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            flights: &self.spool.flights,
            flight: &self.flight,
            max_idle: self.spool.settings.max_idle_fill,
        }
    }

    /// Step 2. A part to fill; or the size of a copy that is there after all.
    async fn begin(&mut self) -> Result<Result<Part, u64>, Failure> {
        let id = self.flight.id;
        let mut grew = (0, Instant::now());
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
            match begun {
                Begun::Part(part) => return Ok(Ok(part)),
                Begun::Busy(written) if written != grew.0 => grew = (written, Instant::now()),
                Begun::Busy(_) if grew.1.elapsed() >= STALLED => {
                    return Err(NotSpooled::Busy.into());
                }
                Begun::Busy(_) => {}
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
            None => State::Only,
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
        let part = self.write(part, growing, Frames::of(stream)).await?;
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
            let Some(batch) = frames.next(&self.wanted(), half).await? else {
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
            self.written = part.written();
            let progress = Progress::Growing(growing.clone(), part.written());
            self.flight.tell(progress);
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
        self.spool.index().insert(found, source, Instant::now());
        add(&self.spool.counting.fills, 1);
        self.made = true;
        let retired = match id.one_time {
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
