//! Read buffers that are used again: the memory of a frame comes back once the connection has
//! written it.
//!
//! A buffer is filled with zeros once, when it is made; a new one for every frame would cost as
//! much as copying the page does. Each thread keeps a few of them (1 MiB at most). `local` takes a
//! buffer, reads into it and turns it into `Bytes`; when the last clone of these is dropped, the
//! buffer goes back to the thread that drops it.

use std::cell::RefCell;

use bytes::Bytes;

/// Size of a frame.
pub(super) const FRAME: usize = 64 * 1024;
/// Up to this size an exact allocation is cheaper than holding a whole buffer.
const EXACT: usize = 16 * 1024;
/// How many buffers a thread keeps.
const KEPT_AT_MOST: usize = 16;

thread_local! {
    /// The buffers that a thread keeps.
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Initialised memory for one read. It goes back to the thread that drops it.
#[derive(Debug)]
pub(super) struct Buffer {
    memory: Vec<u8>,
    filled: usize,
}

impl Buffer {
    /// A buffer for at least `wanted` bytes.
    pub(super) fn with_room_for(wanted: usize) -> Self {
        let memory = match class_of(wanted) {
            FRAME => KEPT.with_borrow_mut(Vec::pop),
            _ => None,
        };
        Self {
            memory: memory.unwrap_or_else(|| vec![0; class_of(wanted)]),
            filled: 0,
        }
    }

    /// The first `wanted` bytes, to read into.
    pub(super) fn room(&mut self, wanted: usize) -> &mut [u8] {
        let end = wanted.min(self.memory.len());
        &mut self.memory[..end]
    }

    /// The first `filled` bytes as a frame. The memory comes back when the last clone of the frame
    /// is dropped.
    pub(super) fn into_frame(mut self, filled: usize) -> Bytes {
        if self.memory.len() < FRAME {
            let mut memory = std::mem::take(&mut self.memory);
            memory.truncate(filled);
            return Bytes::from(memory);
        }
        self.filled = filled;
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        // A thread that is ending has no store left; its buffer is simply freed.
        let _ = KEPT.try_with(|kept| {
            let Ok(mut kept) = kept.try_borrow_mut() else {
                return;
            };
            if memory.len() == FRAME && kept.len() < KEPT_AT_MOST {
                kept.push(memory);
            }
        });
    }
}

/// The size of the buffer for so many bytes.
fn class_of(wanted: usize) -> usize {
    match wanted {
        0..=EXACT => wanted,
        size if size <= FRAME => FRAME,
        size => size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_frame_gives_its_memory_back() {
        let mut buffer = Buffer::with_room_for(FRAME);
        buffer.room(3).copy_from_slice(b"abc");
        let address = buffer.memory.as_ptr();
        let frame = buffer.into_frame(3);
        assert_eq!(frame, "abc");
        drop(frame);
        assert_eq!(Buffer::with_room_for(FRAME - 1).memory.as_ptr(), address);
    }

    #[test]
    fn a_thread_keeps_only_a_few_buffers() {
        let many: Vec<_> = (0..100).map(|_| Buffer::with_room_for(FRAME)).collect();
        drop(many);
        KEPT.with_borrow(|kept| assert_eq!(kept.len(), KEPT_AT_MOST));
    }

    #[test]
    fn a_small_file_costs_no_more_than_its_size() {
        assert_eq!(Buffer::with_room_for(100).memory.len(), 100);
    }
}
