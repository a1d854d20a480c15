//! From a file that no rule takes to what is answered in its place: a copy, the bytes of one that
//! grows, or the file itself.
//!
//! 1. Has it a key? Else a copy for this request alone, if the view asks for one.
//! 2. Is there a copy that needs no question? It is leased, and looked at.
//! 3. Else a fill is joined, or begun. It asks the source, or makes the copy.
//! 4. The copy that is there then is leased and looked at. If there is none, what the fill left of
//!    the source is sent.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::copy::{Copied, Opened};
use super::counters::add;
use super::fill::{Asked, Fill, Order};
use super::flight::{Growing, Progress, Seat, wait};
use super::growing::{Chain, Follower, Left};
use super::index::{Given, HandedOver};
use super::inner::Inner;
use super::moment::Moment;
use super::name::{CopyName, Id, Validator};
use super::source::Source;
use super::why::NotSpooled;
use super::{Spool, prepare, settings};
use crate::content::{ByteRange, ByteStream, CacheKey, Content, Metadata, Want};
use crate::error::Error;
use crate::file::File;
use crate::response::{Copying, Spooling};

/// How often a copy is marked that cannot be, because another one is being removed, and how long after each time.
const TRIES: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(10);

/// What must be known of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a Method,
    /// Whether it asks for a part.
    pub(crate) in_part: bool,
    /// Whether it only wants to know what would come of it: then no copy is made, but the source is asked as it would be.
    pub(crate) only_asks: bool,
    pub(crate) copying: Copying,
}

/// What is answered in the place of a file.
pub(crate) enum Placed {
    /// A copy that a proxy may send.
    Copy(Arc<dyn File>),
    /// The application sends this one, for this reason.
    Stream(Arc<dyn File>, NotSpooled),
    /// The application sends the file, which is still as it was.
    Own(NotSpooled),
    /// The copy is being made, and the client is to ask again after so many seconds.
    Preparing(u64),
    /// The file cannot be had.
    Failed(Error),
}

impl Spool {
    /// The copy of `file`, if it is there and nothing has to be waited for. Else [`place`](Self::place)
    /// is to be asked.
    pub(crate) fn place_now(
        &self,
        file: &Arc<dyn File>,
        copying: Copying,
    ) -> Option<Arc<dyn File>> {
        if copying.spooling == Spooling::Off {
            return None;
        }
        self.0.sweep_from_now_on();
        self.0.hit_now(file, &file.cache_key()?, copying.deletes)
    }

    /// The name of the copy of `file`, if there is one whose source must be asked first whether it is still good.
    pub(crate) fn questionable(&self, file: &Arc<dyn File>, copying: Copying) -> Option<String> {
        let key = file.cache_key()?;
        let known = self.0.index().peek(Id::of(&key, copying.deletes));
        let (name, source) = known?;
        let is_asked = !self.0.needs_no_question(&key, source.as_ref());
        is_asked.then(|| name.path())
    }

    /// A copy of `file` for a request, made if there is none.
    pub(crate) async fn place(&self, file: &Arc<dyn File>, request: Request<'_>) -> Placed {
        let inner = &self.0;
        inner.sweep_from_now_on();
        let spooling = request.copying.spooling;
        let placed = match (file.cache_key(), spooling) {
            (_, Spooling::Off) => return Placed::Own(NotSpooled::NoKey),
            (None, Spooling::Keyed) => Placed::Own(NotSpooled::NoKey),
            (None, Spooling::Always) => inner.place_once(file, request).await,
            (Some(key), _) => match inner.place_keyed(file, key, request).await {
                // Its state cannot be told: a copy for this request, if the view asks for one.
                Placed::Own(NotSpooled::NoValidator) if spooling == Spooling::Always => {
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
        self.fill(file, id, None, request, false).await
    }

    async fn place_keyed(
        self: &Arc<Self>,
        file: &Arc<dyn File>,
        key: CacheKey,
        request: Request<'_>,
    ) -> Placed {
        let id = Id::of(&key, request.copying.deletes);
        let known = self.index().peek(id);
        let needs_no_question = known
            .as_ref()
            .is_some_and(|(_, source)| self.needs_no_question(&key, source.as_ref()));
        if needs_no_question && let Some(copy) = self.hand_out(file, id, Some(&key)).await {
            add(&self.counting.hits, 1);
            return Placed::Copy(copy);
        }
        if request.only_asks && known.is_some() {
            match self.ask(file, id).await {
                Ok(Asked::Good(_)) => {
                    if let Some(copy) = self.hand_out(file, id, Some(&key)).await {
                        return Placed::Copy(copy);
                    }
                }
                Ok(Asked::Changed(_)) => {}
                Err(error) => return Placed::Failed(error),
            }
        }
        add(&self.counting.misses, 1);
        self.fill(file, id, Some(key), request, known.is_some())
            .await
    }

    /// Whether a copy of this key, whose source said this, is used without asking the source.
    fn needs_no_question(&self, key: &CacheKey, source: Option<&Source>) -> bool {
        let fresh = |source: &Source| source.is_fresh(self.settings.max_age);
        !key.changes() || source.is_some_and(fresh)
    }

    /// Step 2, if the kernel knows the copy and other processes need not be told of its use.
    fn hit_now(
        &self,
        file: &Arc<dyn File>,
        key: &CacheKey,
        one_time: bool,
    ) -> Option<Arc<dyn File>> {
        let (id, now) = (Id::of(key, one_time), Instant::now());
        let is_good = |source: Option<&Source>| self.needs_no_question(key, source);
        let Given {
            name,
            known,
            source,
        } = self.index().give_if(id, now, is_good)?;
        let said = match said_by_source(Some(key), source.as_ref()) {
            Some(said) => said,
            None => file.look_now()?.ok()?,
        };
        let copy = Copied::look_now(Arc::clone(file), &self.storage, (name, known), said)?;
        match self.index().hand_over(name, now)? {
            HandedOver { tell: None } => {}
            HandedOver { tell: Some(_) } => return None,
        }
        add(&self.counting.hits, 1);
        add(&self.counting.bytes_out, name.size);
        Some(Arc::new(copy))
    }

    /// Steps 3 and 4.
    async fn fill(
        self: &Arc<Self>,
        file: &Arc<dyn File>,
        id: Id,
        key: Option<CacheKey>,
        request: Request<'_>,
        is_known: bool,
    ) -> Placed {
        let prepares = request.copying.prepares && key.is_some();
        let may_begin = *request.method == Method::GET;
        if request.only_asks && may_begin {
            return self.foretold(file, key.as_ref()).await;
        }
        let none_made = match is_known {
            true => NotSpooled::Unasked,
            false => NotSpooled::NotAsked,
        };
        if request.only_asks || !(may_begin || prepares) {
            return Placed::Own(none_made);
        }
        if tokio::runtime::Handle::try_current().is_err() {
            return Placed::Own(NotSpooled::NoRuntime);
        }
        if prepares && let Some(why) = self.unprepared.of(id) {
            return Placed::Own(why);
        }
        let seat = match may_begin {
            true => Some(self.flights.join(id)),
            // A HEAD makes no copy, but it is how a client asks whether the file is there by now.
            false => self.flights.join_running(id),
        };
        let Some(mut seat) = seat else {
            return match is_known {
                true => Placed::Own(none_made),
                false => prepare::foretold(&**file)
                    .await
                    .map_or_else(Placed::Failed, Placed::Preparing),
            };
        };
        let left = seat.is_first.then(|| {
            let order = Order {
                file: Arc::clone(file),
                key: key.clone(),
                prepares,
            };
            Fill::start(self, Arc::clone(&seat.flight), order)
        });
        if left.is_none() {
            add(&self.counting.joined, 1);
        }
        let follow = self.settings.fill == settings::Fill::While && !request.in_part;
        let progress = match prepares {
            true => prepare::opened(&mut seat).await,
            false => wait(&mut seat, follow).await,
        };
        match progress {
            Progress::Filled(_) => match self.hand_out(file, id, key.as_ref()).await {
                Some(copy) => Placed::Copy(copy),
                // Somebody removed it, and its source was only asked whether it is still good.
                None if is_known => {
                    drop(left);
                    Box::pin(self.fill(file, id, key, request, false)).await
                }
                // It is gone already. The bytes are still there for the one who began the fill.
                None => left_over(file, key.as_ref(), NotSpooled::DiskFails, left).await,
            },
            Progress::Failed(why) => {
                // A HEAD is to hear what this GET was told. It asks the source itself; and there may be room in a moment.
                if prepares && !matches!(why, NotSpooled::Source | NotSpooled::Busy) {
                    self.unprepared.note_told(id, why);
                }
                left_over(file, key.as_ref(), why, left).await
            }
            Progress::Opening | Progress::Growing(..) if prepares => {
                Placed::Preparing(self.prepare(seat))
            }
            Progress::Growing(growing, _) => follower(file, key, growing, seat, left),
            // `wait` does not end there.
            Progress::Opening => Placed::Own(NotSpooled::Busy),
        }
    }

    /// What a fill would find: the file as its source has it now, and why there would be no copy of it, or that there is
    /// none yet.
    async fn foretold(&self, file: &Arc<dyn File>, key: Option<&CacheKey>) -> Placed {
        let content = match file.open(Want::whole().as_source()).await {
            Ok(content) => content,
            Err(error) => return Placed::Failed(error),
        };
        let metadata = content.metadata().clone();
        let changes = key.is_some_and(CacheKey::changes);
        if changes && Validator::of(&metadata).is_none() {
            return Placed::Own(NotSpooled::NoValidator);
        }
        let largest = self.settings.largest();
        let why = match metadata.size() {
            Some(size) if size > largest => NotSpooled::TooLarge,
            _ => NotSpooled::NotAsked,
        };
        let said = match key {
            Some(key) => key.described(metadata),
            None => metadata,
        };
        let opened = Opened::new(Arc::clone(file), content, said);
        Placed::Stream(Arc::new(opened), why)
    }

    /// Leases the copy of a key and looks at it. One that is not the file that is known is forgotten.
    async fn hand_out(
        self: &Arc<Self>,
        file: &Arc<dyn File>,
        id: Id,
        key: Option<&CacheKey>,
    ) -> Option<Arc<dyn File>> {
        let Given {
            name,
            known,
            source,
        } = self.index().give(id, Instant::now())?;
        let said = match said_by_source(key, source.as_ref()) {
            Some(said) => said,
            None => file.look().await.ok()?,
        };
        let looked = Copied::look(Arc::clone(file), &self.storage, (name, known), said).await;
        let is_there = match &looked {
            Ok(Some(_)) => self.hand_over(name).await,
            Ok(None) => {
                self.see_instead(name, known).await;
                false
            }
            Err(error) => !matches!(error, Error::NotFound | Error::Forbidden),
        };
        if !is_there {
            self.index().forget(name);
            return None;
        }
        let copy = looked.ok()??;
        add(&self.counting.bytes_out, name.size);
        Some(Arc::new(copy))
    }

    /// Counts the lease of a copy from now on, and tells other processes if that is due. `false` if it
    /// has gone meanwhile.
    async fn hand_over(self: &Arc<Self>, name: CopyName) -> bool {
        let now = Instant::now();
        let handed_over = self.index().hand_over(name, now);
        let modified = match handed_over {
            None => return false,
            Some(HandedOver { tell: None }) => return true,
            Some(HandedOver {
                tell: Some(modified),
            }) => modified,
        };
        let mark = Moment::now().mark();
        let mut marked = self.mark(name, modified, mark).await;
        for _ in 0..TRIES {
            match &marked {
                // Somebody removes another copy.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => break,
            }
            tokio::time::sleep(BETWEEN).await;
            marked = self.mark(name, modified, mark).await;
        }
        match marked {
            Ok(mark) => {
                self.index().told(name, now, mark);
                true
            }
            // Nobody can remove it either.
            Err(error) => error.kind() == io::ErrorKind::ReadOnlyFilesystem,
        }
    }

    async fn mark(self: &Arc<Self>, name: CopyName, modified: u64, mark: u32) -> io::Result<u32> {
        let root = self.folder.known();
        match root.is_local() {
            true => root.mark(name, modified, mark),
            false => {
                let marking = self.on_disk(move |root| root.mark(name, modified, mark));
                marking.await
            }
        }
    }
}

/// What a file that may change says of the state that was copied, if its source was asked.
fn said_by_source(key: Option<&CacheKey>, source: Option<&Source>) -> Option<Metadata> {
    let key = key.filter(|key| key.changes())?;
    Some(key.described(Metadata::clone(&source?.metadata)))
}

/// The bytes of a copy as they come.
fn follower(
    file: &Arc<dyn File>,
    key: Option<CacheKey>,
    growing: Growing,
    seat: Seat,
    left: Option<oneshot::Receiver<Left>>,
) -> Placed {
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
