//! What a connection still has to send of files, and how hyper is made to say when.
//!
//! hyper writes bytes, not files. So the body of an answer gives it *tags*: zeros of one static array, as many as the
//! file's bytes that they stand for, at the place of that array which the file's offset has modulo its length. hyper
//! queues and writes them without a look or a copy; the stream knows a tag by its address, and has the kernel send the
//! file's bytes in its place.
//!
//! The danger is a tag that is taken for bytes, or for other bytes than those it stands for. So everything must fit at
//! each write: the address with the offset, the length with what is left of the segment, and the order with that of the
//! outbox. What does not fit ends the connection:
//!
//! | what | is noticed as |
//! |---|---|
//! | hyper copies what it queues, tags too | bytes of a buffer while a segment waits |
//! | hyper sends less of a body than it was given | a tag shorter than its segment, or a segment left over |
//! | bytes between those of a segment | bytes before a segment that was begun |
//! | a tag twice, or late | a tag without its segment |

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use downloadview::content::FilePart;

/// Length of the array of zeros, and of the longest segment: sending calls gain nothing beyond.
pub(super) const WINDOW: usize = 2 << 20;

/// What tags are made of. Never read nor written, so none of it is resident.
static ZEROS: LazyLock<Vec<u8>> = LazyLock::new(|| vec![0; WINDOW]);

/// The segments of one connection, shared by its stream and the bodies of its answers.
#[derive(Debug, Default)]
pub(super) struct Outbox(Mutex<Queue>);

/// What is to be sent, in the order of the answers.
#[derive(Debug, Default)]
struct Queue {
    segments: VecDeque<Segment>,
    /// Nothing is sent any more.
    failed: bool,
}

/// Bytes of a file that hyper has a tag for.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// The open file, and which of its bytes the answer has.
    pub(super) part: Arc<FilePart>,
    /// Of the next byte, in the file.
    pub(super) offset: u64,
    /// Bytes to send.
    pub(super) left: usize,
    /// Whether some were sent.
    begun: bool,
}

/// Of a file, what the body of its answer has not yet given hyper a tag for.
#[derive(Debug)]
pub(super) struct FileBody {
    part: Arc<FilePart>,
    offset: u64,
}

/// Tags and segments do not fit.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Mismatch(&'static str);

impl From<Mismatch> for io::Error {
    fn from(mismatch: Mismatch) -> Self {
        Self::other(mismatch)
    }
}

impl FileBody {
    pub(super) fn new(part: FilePart) -> Self {
        let offset = part.range().start();
        Self {
            part: Arc::new(part),
            offset,
        }
    }

    /// Bytes without a tag.
    pub(super) fn left(&self) -> u64 {
        self.part.range().end() - self.offset
    }

    /// The tag of the next bytes, whose segment is put into the outbox; `None` at the end.
    ///
    /// # Errors
    ///
    /// Segments of an earlier answer are left over.
    pub(super) fn next(&mut self, outbox: &Outbox) -> Option<Result<Bytes, Mismatch>> {
        let place = usize::try_from(self.offset % WINDOW as u64).unwrap_or_default();
        let room = WINDOW - place;
        let left = usize::try_from(self.left()).map_or(room, |left| left.min(room));
        if left == 0 {
            return None;
        }
        let first = self.offset == self.part.range().start();
        let segment = Segment {
            part: Arc::clone(&self.part),
            offset: self.offset,
            left,
            begun: false,
        };
        if let Err(mismatch) = outbox.put(segment, first) {
            return Some(Err(mismatch));
        }
        self.offset += left as u64;
        Some(Ok(Bytes::from_static(&ZEROS[place..place + left])))
    }
}

/// Whether these bytes are a tag.
pub(super) fn is_tag(bytes: &[u8]) -> bool {
    place_of(bytes).is_some()
}

/// Where in the array of zeros a tag begins.
fn place_of(bytes: &[u8]) -> Option<usize> {
    let zeros = ZEROS.as_ptr_range();
    let place = (bytes.as_ptr().addr()).checked_sub(zeros.start.addr())?;
    (place < WINDOW).then_some(place)
}

impl Outbox {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // One task has both sides; whoever panicked ended the connection.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a segment behind the others.
    ///
    /// # Errors
    ///
    /// If an earlier answer left something behind: what follows would be taken for its bytes. Nothing is sent from then on.
    fn put(&self, segment: Segment, first_of_answer: bool) -> Result<(), Mismatch> {
        let mut queue = self.queue();
        if queue.failed || (first_of_answer && !queue.segments.is_empty()) {
            queue.failed = true;
            return Err(Mismatch("an earlier answer was not sent to its end"));
        }
        queue.segments.push_back(segment);
        Ok(())
    }

    /// Whether bytes that are no tag may be written now, alone.
    ///
    /// # Errors
    ///
    /// Not in the middle of a file's, and nothing after a failure.
    pub(super) fn lets_through(&self) -> Result<(), Mismatch> {
        let mut queue = self.queue();
        let begun = queue.segments.front().is_some_and(|front| front.begun);
        if queue.failed || begun {
            queue.failed = true;
            return Err(Mismatch("bytes came into the middle of a file"));
        }
        Ok(())
    }

    /// Whether bytes that may hide tags can be written.
    ///
    /// # Errors
    ///
    /// Only while nothing of a file waits.
    pub(super) fn lets_copies_through(&self) -> Result<(), Mismatch> {
        let mut queue = self.queue();
        if queue.failed || !queue.segments.is_empty() {
            queue.failed = true;
            return Err(Mismatch("what stands for a file was copied"));
        }
        Ok(())
    }

    /// The segment that `tag` stands for.
    ///
    /// # Errors
    ///
    /// None, or another one.
    pub(super) fn behind(&self, tag: &[u8]) -> Result<Segment, Mismatch> {
        let mut queue = self.queue();
        let front = queue.segments.front().filter(|front| {
            let place = place_of(tag).map(|place| place as u64);
            place == Some(front.offset % WINDOW as u64) && tag.len() == front.left
        });
        match front.cloned() {
            Some(front) if !queue.failed => Ok(front),
            _ => {
                queue.failed = true;
                Err(Mismatch("what stands for a file does not fit it"))
            }
        }
    }

    /// So many bytes of the first segment were sent.
    pub(super) fn sent(&self, count: usize) {
        let mut queue = self.queue();
        let Some(front) = queue.segments.front_mut() else {
            return;
        };
        front.begun = true;
        front.offset += count as u64;
        front.left = front.left.saturating_sub(count);
        if front.left == 0 {
            queue.segments.pop_front();
        }
    }

    /// Nothing is sent any more, and no file is kept open.
    pub(super) fn fail(&self) {
        let mut queue = self.queue();
        queue.failed = true;
        queue.segments.clear();
    }
}

impl Segment {
    /// Whether these many bytes are the last of the whole part.
    pub(super) fn ends_with(&self, count: usize) -> bool {
        self.offset + count as u64 >= self.part.range().end()
    }

    /// Whether no byte of the whole part was sent.
    pub(super) fn is_start(&self) -> bool {
        self.offset == self.part.range().start()
    }
}

#[cfg(test)]
mod tests {
    use downloadview::content::ByteRange;

    use super::*;

    fn body(start: u64, end: u64) -> FileBody {
        let file = tempfile::tempfile().unwrap();
        FileBody::new(FilePart::new(file, ByteRange::new(start, end).unwrap()))
    }

    fn tag(body: &mut FileBody, outbox: &Outbox) -> Bytes {
        body.next(outbox).unwrap().unwrap()
    }

    #[test]
    fn tags_follow_the_file_and_end_where_the_array_does() {
        const ONE: u64 = WINDOW as u64;
        let (outbox, mut body) = (Outbox::default(), body(ONE - 10, 2 * ONE + 5));
        for (offset, length) in [(ONE - 10, 10), (ONE, WINDOW), (2 * ONE, 5)] {
            let mut tag = tag(&mut body, &outbox);
            assert_eq!(tag.len(), length);
            // What hyper does after a write that took a part.
            let front = outbox.behind(&tag).unwrap();
            assert_eq!((front.offset, front.left), (offset, length));
            outbox.sent(3);
            let rest = tag.split_off(3);
            assert_eq!(outbox.behind(&rest).unwrap().offset, offset + 3);
            outbox.sent(rest.len());
        }
        assert!(body.next(&outbox).is_none());
        outbox.lets_copies_through().unwrap();
    }

    #[test]
    fn a_tag_of_another_place_or_length_ends_the_connection() {
        let wrong: [fn(&Bytes) -> Bytes; 3] = [
            |tag| tag.slice(1..),
            |tag| tag.slice(..tag.len() - 1),
            |_| Bytes::from_static(&ZEROS[8..108]),
        ];
        for wrong in wrong {
            let (outbox, mut body) = (Outbox::default(), body(0, 100));
            let tag = tag(&mut body, &outbox);
            outbox.behind(&wrong(&tag)).unwrap_err();
            outbox.behind(&tag).unwrap_err();
            outbox.lets_through().unwrap_err();
        }
    }

    #[test]
    fn a_tag_without_its_segment_ends_the_connection() {
        let (outbox, mut body) = (Outbox::default(), body(0, 100));
        let tag = tag(&mut body, &outbox);
        outbox.sent(100);
        outbox.behind(&tag).unwrap_err();
    }

    #[test]
    fn an_answer_whose_file_was_not_sent_to_its_end_is_the_last() {
        let outbox = Outbox::default();
        let _tag = tag(&mut body(0, 100), &outbox);
        assert!(body(0, 100).next(&outbox).unwrap().is_err());
        outbox.lets_through().unwrap_err();
    }

    #[test]
    fn bytes_go_before_a_file_but_not_into_it() {
        let (outbox, mut body) = (Outbox::default(), body(0, 100));
        let _tag = tag(&mut body, &outbox);
        outbox.lets_through().unwrap();
        outbox.sent(1);
        outbox.lets_through().unwrap_err();
    }

    #[test]
    fn bytes_that_may_be_a_copied_tag_end_the_connection() {
        let (outbox, mut body) = (Outbox::default(), body(0, 100));
        outbox.lets_copies_through().unwrap();
        let _tag = tag(&mut body, &outbox);
        outbox.lets_copies_through().unwrap_err();
    }
}
