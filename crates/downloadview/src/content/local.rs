//! Reads an open local file into frames without blocking the caller's thread.
//!
//! 1. What the page cache holds is read in place: on Linux by `preadv2` with `RWF_NOWAIT`, which
//!    returns at once. No other thread is needed, which is most of what a small file costs.
//! 2. What would have to wait for the disk, and everything on other systems, is read on tokio's
//!    blocking pool. One read is made ahead while the client takes its bytes steadily.
//! 3. On a file system that may hang, everything is read behind the bulkhead of its storage.
//!
//! A frame has 64 KiB: larger ones leave the processor's caches between the copy into them and the
//! copy out of them, and cost more. Reads from disk grow to 512 KiB once a client has taken 4 MiB
//! without a pause: more than a kernel buffers for a client that does not read, so that a stalled
//! download holds only one small frame.
//!
//! A file that became shorter is `Error::Truncated`; one that was overwritten in place is
//! `Error::Overwritten`, noticed before the last frame.

use std::fmt;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::buffers::{Buffer, FRAME};
use super::state::{Stamp, metadata_of};
use super::{BoxFuture, Bulkhead, ByteRange, FilePart, Purpose};
use crate::error::{Error, Result};

/// How many bytes a client must have taken before reads from disk grow: the maximum of Linux's `tcp_wmem`.
const GROW_AFTER: u64 = 4 * 1024 * 1024;
/// A client that leaves this much time between two frames is slow, and gets small frames again.
const PAUSE: Duration = Duration::from_millis(100);
/// One read from disk, once reads have grown.
const DISK_READ: usize = 512 * 1024;

/// The bytes of one range of an open file, frame by frame.
#[derive(Debug)]
pub(crate) struct LocalReader {
    file: Arc<File>,
    position: u64,
    end: u64,
    /// Bytes that the client has taken without a pause.
    drained: u64,
    /// When the last frame was handed out.
    handed: Option<Instant>,
    /// What the file was like, if there is more than one read.
    stamp: Option<Stamp>,
    bulkhead: Option<Arc<Bulkhead>>,
    /// A read that is under way.
    waiting: Option<Waiting>,
}

/// How a file is read.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// In place what the page cache holds, and the rest on the blocking pool.
    InPlace(Stamp),
    /// Everything behind the bulkhead of its storage, because the file system may hang.
    Behind(Arc<Bulkhead>),
}

/// A read that is under way on another thread.
enum Waiting {
    Pool(JoinHandle<io::Result<Bytes>>),
    Bulkhead(BoxFuture<'static, Result<Bytes>>),
}

impl Waiting {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes>> {
        match self {
            Self::Pool(read) => Pin::new(read).poll(cx).map(|read| {
                let read = read.unwrap_or_else(|stopped| Err(io::Error::other(stopped)));
                read.map_err(Error::of_file)
            }),
            Self::Bulkhead(read) => read.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

impl LocalReader {
    pub(crate) fn new(file: Arc<File>, range: ByteRange) -> Self {
        Self {
            file,
            position: range.start(),
            end: range.end(),
            drained: 0,
            handed: None,
            stamp: None,
            bulkhead: None,
            waiting: None,
        }
    }

    /// Reads in this manner.
    pub(crate) fn in_manner(mut self, manner: &Manner) -> Self {
        match manner {
            Manner::InPlace(stamp) => self.holding_to(*stamp),
            Manner::Behind(bulkhead) => {
                self.bulkhead = Some(Arc::clone(bulkhead));
                self
            }
        }
    }

    /// Makes the reader fail before the last frame if the file was overwritten in place since its
    /// stamp was taken. (Replacing a file by renaming another over it does not touch this one, and
    /// a file may grow.)
    fn holding_to(mut self, stamp: Stamp) -> Self {
        let several = self.end - self.position > FRAME as u64;
        self.stamp = several.then_some(stamp);
        self
    }

    /// The bytes that were not read yet; `None` at the end, and while a read is under way.
    pub(crate) fn part(&self) -> Option<FilePart> {
        if self.waiting.is_some() {
            return None;
        }
        let range = ByteRange::new(self.position, self.end)?;
        let bulkhead = self.bulkhead.as_ref();
        Some(FilePart::of(&self.file, range, self.stamp, bulkhead))
    }

    /// The next frame. After an error there are no more.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if self.position >= self.end {
            return Poll::Ready(None);
        }
        self.notice_pauses();
        if self.waiting.is_none() && self.bulkhead.is_some() {
            self.start_waiting();
        }
        if self.waiting.is_none() {
            match read_cached(&self.file, self.position, self.at_most(FRAME)) {
                Ok(Some(frame)) => return Poll::Ready(Some(self.take(frame))),
                Ok(None) => self.start_waiting(),
                Err(error) => return Poll::Ready(Some(Err(self.fail(Error::of_file(error))))),
            }
        }
        let Some(read) = &mut self.waiting else {
            // No runtime to wait on: only a caller outside tokio gets here.
            let read = read_from_disk(&self.file, self.position, self.wanted_from_disk());
            return Poll::Ready(Some(self.take_result(read)));
        };
        let read = ready!(read.poll(cx));
        self.waiting = None;
        let frame = match read {
            Ok(frame) => self.take(frame),
            Err(error) => Err(self.fail(error)),
        };
        if frame.is_ok() {
            self.read_ahead();
        }
        Poll::Ready(Some(frame))
    }

    /// Size of the next read from disk: small until the client has shown that it takes its bytes
    /// steadily.
    fn wanted_from_disk(&self) -> usize {
        match self.drained < GROW_AFTER {
            true => self.at_most(FRAME),
            false => self.at_most(DISK_READ),
        }
    }

    /// So many bytes, or as many as are left.
    fn at_most(&self, wanted: usize) -> usize {
        usize::try_from(self.end - self.position).map_or(wanted, |left| left.min(wanted))
    }

    /// Called first after a frame was handed out: was the client slow to come back? Later polls for
    /// the same frame wait for the disk.
    fn notice_pauses(&mut self) {
        let handed = self.handed.take();
        if handed.is_some_and(|handed| handed.elapsed() > PAUSE) {
            self.drained = 0;
        }
    }

    /// Starts a read on another thread.
    fn start_waiting(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (file, position, wanted) = (
            Arc::clone(&self.file),
            self.position,
            self.wanted_from_disk(),
        );
        let read = move || read_from_disk(&file, position, wanted);
        self.waiting = Some(match self.bulkhead.clone() {
            None => Waiting::Pool(runtime.spawn_blocking(read)),
            Some(bulkhead) => Waiting::Bulkhead(Box::pin(async move {
                bulkhead.run(move || read().map_err(Error::of_file)).await
            })),
        });
    }

    /// Starts the next read from disk while the client takes this frame, unless the kernel's own
    /// read-ahead was faster.
    fn read_ahead(&mut self) {
        let worth_it = self.drained >= GROW_AFTER && self.position < self.end;
        if self.bulkhead.is_some() {
            // A future of one's own begins only when it is polled.
            return;
        }
        if worth_it && !matches!(read_cached(&self.file, self.position, 1), Ok(Some(_))) {
            self.start_waiting();
        }
    }

    fn take_result(&mut self, read: io::Result<Bytes>) -> Result<Bytes> {
        match read {
            Ok(frame) => self.take(frame),
            Err(error) => Err(self.fail(Error::of_file(error))),
        }
    }

    /// Counts a frame, and checks that the file is still what it was.
    fn take(&mut self, frame: Bytes) -> Result<Bytes> {
        if frame.is_empty() {
            // The file was truncated after its size was promised.
            let missing = self.end - self.position;
            return Err(self.fail(Error::Truncated { missing }));
        }
        if self.position + frame.len() as u64 >= self.end && self.is_overwritten() {
            return Err(self.fail(Error::Overwritten));
        }
        self.position += frame.len() as u64;
        self.drained += frame.len() as u64;
        if self.position < self.end {
            self.handed = Some(Instant::now());
        }
        Ok(frame)
    }

    /// Whether the file was overwritten in place since its stamp was taken.
    fn is_overwritten(&self) -> bool {
        let Some(before) = self.stamp else {
            return false;
        };
        let now = metadata_of(&self.file, Purpose::Read);
        now.is_ok_and(|now| before.was_overwritten(&now))
    }

    /// Ends the reader with this error.
    fn fail(&mut self, error: Error) -> Error {
        self.position = self.end;
        error
    }
}

/// Bytes at `position` if the page cache holds them; `None` if reading would wait.
#[cfg(target_os = "linux")]
fn read_cached(file: &File, position: u64, wanted: usize) -> io::Result<Option<Bytes>> {
    use rustix::io::{Errno, ReadWriteFlags};

    let mut buffer = Buffer::with_room_for(wanted);
    loop {
        let mut room = [io::IoSliceMut::new(buffer.room(wanted))];
        match rustix::io::preadv2(file, &mut room, position, ReadWriteFlags::NOWAIT) {
            // Not the end of the file: Linux 5.9 and 5.10 say so of pages that are not cached
            // (preadv2(2), BUGS). A read that may wait knows.
            Ok(0) => return Ok(None),
            Ok(filled) => return Ok(Some(buffer.into_frame(filled))),
            Err(Errno::INTR) => {}
            // Not cached; or a file system (older tmpfs, some network ones) or a kernel before
            // 4.14, or a sandbox, that does not know the flag.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn read_cached(_: &File, _: u64, _: usize) -> io::Result<Option<Bytes>> {
    Ok(None)
}

/// Bytes at `position`; it waits for the disk, so it is for the blocking pool only.
fn read_from_disk(file: &File, position: u64, wanted: usize) -> io::Result<Bytes> {
    let mut buffer = Buffer::with_room_for(wanted);
    loop {
        match read_at(file, buffer.room(wanted), position) {
            Ok(filled) => return Ok(buffer.into_frame(filled)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, room: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, room, position)
}

#[cfg(windows)]
fn read_at(file: &File, room: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, room, position)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures_util::StreamExt as _;

    use super::*;
    use crate::content::ByteStream;

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 7 + i / 251) as u8).collect()
    }

    async fn frames(reader: LocalReader) -> Vec<Result<Bytes>> {
        ByteStream::from_local(reader).collect().await
    }

    #[tokio::test]
    async fn frames_of_the_page_cache_stay_small() {
        let bytes = pattern(6 * 1024 * 1024 + 5);
        let file = file_of(&bytes);
        let mut read = 0;
        while let Some(frame) = read_cached(&file, read as u64, FRAME).unwrap() {
            assert_eq!(frame, bytes[read..bytes.len().min(read + FRAME)]);
            read += frame.len();
        }
        let range = ByteRange::new(0, bytes.len() as u64).unwrap();
        let frames: Vec<_> = frames(LocalReader::new(Arc::new(file), range)).await;
        let frames: Vec<Bytes> = frames.into_iter().map(Result::unwrap).collect();
        // A file system that cannot say what is cached is read as a disk is.
        let whole = read == bytes.len();
        assert!(!whole || frames.iter().all(|frame| frame.len() <= FRAME));
        assert_eq!(frames.concat(), bytes);
    }

    #[tokio::test]
    async fn reads_from_disk_are_small_until_the_client_has_drained() {
        let bytes = pattern(6 * 1024 * 1024 + 5);
        let range = ByteRange::new(0, bytes.len() as u64).unwrap();
        let reader = LocalReader::new(Arc::new(file_of(&bytes)), range);
        let behind = Manner::Behind(Arc::new(Bulkhead::new()));
        let frames: Vec<_> = frames(reader.in_manner(&behind)).await;
        let frames: Vec<Bytes> = frames.into_iter().map(Result::unwrap).collect();
        assert!(frames[..64].iter().all(|frame| frame.len() <= FRAME));
        assert!(frames[64..].iter().any(|frame| frame.len() > FRAME));
        assert_eq!(frames.concat(), bytes);
    }

    #[tokio::test]
    async fn a_pause_makes_reads_small_again() {
        let bytes = pattern(8 * 1024 * 1024);
        let range = ByteRange::new(0, bytes.len() as u64).unwrap();
        let mut reader = LocalReader::new(Arc::new(file_of(&bytes)), range);
        reader.drained = GROW_AFTER;
        assert_eq!(reader.wanted_from_disk(), DISK_READ);
        reader.handed = Instant::now().checked_sub(2 * PAUSE);
        reader.notice_pauses();
        assert_eq!(reader.wanted_from_disk(), FRAME);
    }

    #[tokio::test]
    async fn the_blocking_pool_reads_the_same_bytes() {
        let bytes = pattern(3 * DISK_READ + 17);
        let range = ByteRange::new(5, bytes.len() as u64).unwrap();
        let mut reader = LocalReader::new(Arc::new(file_of(&bytes)), range);
        let mut read = Vec::new();
        while reader.position < reader.end {
            reader.drained = GROW_AFTER;
            reader.start_waiting();
            let frame = std::future::poll_fn(|cx| reader.poll_frame(cx)).await;
            read.extend_from_slice(&frame.unwrap().unwrap());
        }
        assert_eq!(read, bytes[5..]);
    }

    #[test]
    fn without_a_runtime_it_reads_in_place() {
        let bytes = pattern(FRAME + 1);
        let range = ByteRange::new(0, bytes.len() as u64).unwrap();
        let mut reader = LocalReader::new(Arc::new(file_of(&bytes)), range);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut read = Vec::new();
        while let Poll::Ready(Some(frame)) = reader.poll_frame(&mut cx) {
            read.extend_from_slice(&frame.unwrap());
        }
        assert_eq!(read, bytes);
    }

    #[tokio::test]
    async fn a_file_truncated_while_streaming_ends_in_an_error() {
        let file = file_of(&pattern(200_000));
        let range = ByteRange::new(0, 200_000).unwrap();
        let mut reader = LocalReader::new(Arc::new(file.try_clone().unwrap()), range);
        let first = std::future::poll_fn(|cx| reader.poll_frame(cx)).await;
        assert!(first.unwrap().is_ok());
        file.set_len(1000).unwrap();
        let rest = frames(reader).await;
        assert!(
            matches!(rest[..], [Err(Error::Truncated { missing: 134_464 })]),
            "{rest:?}"
        );
    }

    #[tokio::test]
    async fn a_file_overwritten_in_place_while_streaming_ends_in_an_error() {
        let mut file = file_of(&pattern(200_000));
        let now = metadata_of(&file, Purpose::Read).unwrap();
        let range = ByteRange::new(0, 200_000).unwrap();
        let reader = LocalReader::new(Arc::new(file.try_clone().unwrap()), range);
        let mut reader = reader.holding_to(Stamp::of(&now));
        let first = std::future::poll_fn(|cx| reader.poll_frame(cx)).await;
        assert!(first.unwrap().is_ok());
        std::io::Seek::seek(&mut file, io::SeekFrom::Start(0)).unwrap();
        file.write_all(&[0; 200_000]).unwrap();
        file.set_modified(now.modified().unwrap() + Duration::from_millis(4))
            .unwrap();
        let rest = frames(reader).await;
        assert!(
            matches!(rest[..], [.., Err(Error::Overwritten)]),
            "{rest:?}"
        );
    }

    #[tokio::test]
    async fn a_file_grown_while_streaming_keeps_its_promised_length() {
        let mut file = file_of(&pattern(100));
        let range = ByteRange::new(0, 100).unwrap();
        let reader = LocalReader::new(Arc::new(file.try_clone().unwrap()), range);
        file.write_all(b"more").unwrap();
        let frames = frames(reader).await;
        assert_eq!(
            frames.into_iter().map(|f| f.unwrap().len()).sum::<usize>(),
            100
        );
    }
}
