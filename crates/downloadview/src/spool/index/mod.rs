//! What lies in the folder, as this process knows it: which copies, how large, how long since they
//! were used, and until when nobody may remove them. It touches no disk and knows no clock: the
//! caller says what time it is.
//!
//! - A copy is leased whenever it is handed to a proxy. While a lease runs, the copy stays.
//! - What must make room is the copy that was used least recently. Leases are all of one length,
//!   so if that one is leased, all are.
//! - A copy that is to go is *doomed* first: nobody is given it any more, and nobody takes it from
//!   the disk again, until it is gone.
//! - Another process may use the same copies. It marks the file when it does; whoever finds the mark
//!   changed grants a lease from that moment on. Clocks are never compared. Each process may hand a
//!   copy out for a quarter of a lease without a new mark, and its mark may be written over by
//!   another one; so every copy is kept for a quarter of a lease longer.
//! - A one-time copy goes when its lease ends, whoever made it: its name says so.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::folder::Inode;
use super::name::{CopyName, Id};
use super::source::Source;
use super::stock::{Found, Known};

/// How often other processes are told of a copy that is handed out all the time.
pub(super) const TOLD_IN_A_LEASE: u32 = 4;

/// A lease of centuries is as good as one of years, and can be added to any moment.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Clocks of file systems are not finer than this, at worst: two marks may look the same.
const COARSE: Duration = Duration::from_secs(1);

/// How long a copy stays after it was marked: a lease, and the time in which another process need not tell of its use. Where
/// marks are not `fine`, one may have been overlooked.
pub(super) fn kept(lease: Duration, fine: bool) -> Duration {
    let kept = lease.saturating_add(lease / TOLD_IN_A_LEASE);
    let overlooked = if fine { Duration::ZERO } else { COARSE };
    kept.saturating_add(overlooked).min(LONGEST)
}

/// How much may lie in the folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes: u64,
    pub(super) files: usize,
}

/// The copies, and what is being filled.
#[derive(Debug)]
pub(super) struct Index {
    bounds: Bounds,
    lease: Duration,
    kept: Duration,
    copies: HashMap<CopyName, Copy>,
    /// The copy of each key that is handed out.
    newest: HashMap<Id, CopyName>,
    /// The copies in the order of their last use.
    by_use: BTreeMap<u64, CopyName>,
    next_use: u64,
    doomed: HashSet<CopyName>,
    /// Those of the copies that go when their lease ends.
    one_time: HashSet<CopyName>,
    /// Bytes of the copies. Doomed ones do not count: they go before the room that they leave is
    /// used.
    bytes: u64,
    /// Bytes and number of the parts.
    reserved: u64,
    parts: usize,
}

/// A copy in the index.
#[derive(Debug)]
struct Copy {
    known: Known,
    /// The mark that the file has, unless another process handed it out since.
    mark: u32,
    /// Its place in the order of use.
    turn: u64,
    leased_until: Option<Instant>,
    /// When this process last told others that it uses the copy.
    told: Option<Instant>,
    source: Option<Source>,
}

impl Copy {
    fn lease(&mut self, until: Instant) {
        self.leased_until = self.leased_until.max(Some(until));
    }
}

/// A copy to hand out.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) name: CopyName,
    /// Which file it must be.
    pub(super) known: Known,
    pub(super) source: Option<Source>,
}

/// A copy that a proxy is told of.
#[derive(Debug, Clone, Copy)]
pub(super) struct HandedOver {
    /// The file is to be marked, so that other processes know; its time of modification stays this.
    pub(super) tell: Option<u64>,
}

/// A copy that must go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doomed {
    pub(super) name: CopyName,
    pub(super) inode: Inode,
    /// The mark that it must still have.
    pub(super) mark: u32,
}

/// There is no room, and nothing that may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Index {
    pub(super) fn new(bounds: Bounds, lease: Duration, fine: bool) -> Self {
        Self {
            bounds,
            lease,
            kept: kept(lease, fine),
            copies: HashMap::new(),
            newest: HashMap::new(),
            by_use: BTreeMap::new(),
            next_use: 0,
            doomed: HashSet::new(),
            one_time: HashSet::new(),
            bytes: 0,
            reserved: 0,
            parts: 0,
        }
    }

    /// Bytes of copies and parts, and the number of copies.
    pub(super) fn held(&self) -> (u64, usize) {
        (self.bytes + self.reserved, self.copies.len())
    }

    /// The copy of a key, without using it.
    pub(super) fn peek(&self, id: Id) -> Option<(CopyName, Option<Source>)> {
        let name = *self.newest.get(&id)?;
        let copy = self.copies.get(&name)?;
        Some((name, copy.source.clone()))
    }

    /// Gives the copy of a key to be looked at and then [handed over](Self::hand_over). It is leased
    /// from `now` on.
    pub(super) fn give(&mut self, id: Id, now: Instant) -> Option<Given> {
        self.give_if(id, now, |_| true)
    }

    /// As [`give`](Self::give), if the copy is good, judged by what its source said.
    pub(super) fn give_if(
        &mut self,
        id: Id,
        now: Instant,
        is_good: impl FnOnce(Option<&Source>) -> bool,
    ) -> Option<Given> {
        let name = *self.newest.get(&id)?;
        let copy = self.copies.get_mut(&name)?;
        if !is_good(copy.source.as_ref()) {
            return None;
        }
        self.by_use.remove(&copy.turn);
        copy.turn = self.next_use;
        self.next_use += 1;
        self.by_use.insert(copy.turn, name);
        copy.lease(now + self.kept);
        Some(Given {
            name,
            known: copy.known,
            source: copy.source.clone(),
        })
    }

    /// Leases a copy anew, because a proxy is told of it `now`: looking at it may have taken long.
    /// `None` if it had to go meanwhile.
    pub(super) fn hand_over(&mut self, name: CopyName, now: Instant) -> Option<HandedOver> {
        let tell_again = self.lease / TOLD_IN_A_LEASE;
        let copy = self.copies.get_mut(&name)?;
        copy.lease(now + self.kept);
        let is_due = copy.told.is_none_or(|told| now - told >= tell_again);
        Some(HandedOver {
            tell: is_due.then_some(copy.known.modified),
        })
    }

    /// The file of a copy was marked, so that other processes know of its use.
    pub(super) fn told(&mut self, name: CopyName, now: Instant, mark: u32) {
        if let Some(copy) = self.copies.get_mut(&name) {
            copy.told = Some(now);
            copy.mark = mark;
        }
    }

    /// Takes in a copy that lies in the folder; from now on it is the one of its key. It is leased,
    /// because another process may just have handed it out. A doomed one is not taken in.
    pub(super) fn insert(&mut self, found: Found, source: Option<Source>, now: Instant) -> bool {
        let name = found.name;
        if self.doomed.contains(&name) {
            return false;
        }
        self.forget(name);
        let turn = self.next_use;
        self.next_use += 1;
        self.by_use.insert(turn, name);
        self.copies.insert(
            name,
            Copy {
                known: found.known(),
                mark: found.mark,
                turn,
                leased_until: Some(now + self.kept),
                told: None,
                source,
            },
        );
        if name.id.one_time {
            self.one_time.insert(name);
        }
        self.bytes += name.size;
        self.newest.insert(name.id, name);
        true
    }

    /// Notes what the source says of a copy now.
    pub(super) fn refresh(&mut self, name: CopyName, source: Source) {
        if let Some(copy) = self.copies.get_mut(&name) {
            copy.source = Some(source);
        }
    }

    /// The source of a copy is not asked until then.
    pub(super) fn excuse(&mut self, name: CopyName, until: Instant) {
        let copy = self.copies.get_mut(&name);
        if let Some(source) = copy.and_then(|copy| copy.source.as_mut()) {
            source.excused = Some(until);
        }
    }

    /// Whether a copy of this name is known.
    pub(super) fn holds(&self, name: CopyName) -> bool {
        self.copies.contains_key(&name)
    }

    /// A copy is not in the folder any more, or another file is.
    pub(super) fn forget(&mut self, name: CopyName) {
        let Some(copy) = self.copies.remove(&name) else {
            return;
        };
        self.by_use.remove(&copy.turn);
        self.one_time.remove(&name);
        self.bytes -= name.size;
        if self.newest.get(&name.id) == Some(&name) {
            self.newest.remove(&name.id);
        }
    }

    /// The folder is another one: nothing is known of it. What is being filled goes on.
    pub(super) fn clear(&mut self) {
        self.copies.clear();
        self.newest.clear();
        self.by_use.clear();
        self.doomed.clear();
        self.one_time.clear();
        self.bytes = 0;
    }

    /// Begins a part.
    pub(super) fn begin(&mut self) {
        self.parts += 1;
    }

    /// Ends a part of which `bytes` were reserved.
    pub(super) fn end(&mut self, bytes: u64) {
        self.parts -= 1;
        self.reserved -= bytes;
    }

    /// Reserves `bytes` more for a part, and says which copies must go for them.
    ///
    /// # Errors
    ///
    /// If there is no room even without all copies whose lease is over. Nothing is changed then.
    pub(super) fn reserve(&mut self, bytes: u64, now: Instant) -> Result<Vec<Doomed>, Full> {
        let need = |bytes_held: u64| bytes_held.saturating_add(bytes) > self.bounds.bytes;
        let mut held = self.bytes + self.reserved;
        let mut files = self.copies.len() + self.parts;
        let mut doomed = Vec::new();
        let mut oldest = self.by_use.values();
        while need(held) || files > self.bounds.files {
            let Some(name) = oldest.next() else {
                return Err(Full);
            };
            let copy = self.copies.get(name).ok_or(Full)?;
            if copy.leased_until.is_some_and(|until| until > now) {
                return Err(Full);
            }
            held -= name.size;
            files -= 1;
            doomed.push(doom(*name, copy));
        }
        for it in &doomed {
            self.doom(it.name);
        }
        self.reserved += bytes;
        Ok(doomed)
    }

    /// Dooms copies whose lease is over until so many bytes are free, as far as that goes: for a
    /// disk that others fill.
    pub(super) fn make_room(&mut self, bytes: u64, now: Instant) -> Vec<Doomed> {
        let mut freed = 0;
        let mut doomed = Vec::new();
        for name in self.by_use.values() {
            let Some(copy) = self.copies.get(name).filter(|_| freed < bytes) else {
                break;
            };
            if copy.leased_until.is_some_and(|until| until > now) {
                break;
            }
            freed += name.size;
            doomed.push(doom(*name, copy));
        }
        for it in &doomed {
            self.doom(it.name);
        }
        doomed
    }

    /// The copies that go when their lease ends.
    pub(super) fn one_time(&self) -> Vec<CopyName> {
        self.one_time.iter().copied().collect()
    }

    /// Dooms one copy, if its lease is over and, unless it is a one-time copy, a newer one took its place.
    pub(super) fn retire(&mut self, name: CopyName, now: Instant) -> Retired {
        let Some(copy) = self.copies.get(&name) else {
            return Retired::Gone;
        };
        if !name.id.one_time && self.newest.get(&name.id) == Some(&name) {
            return Retired::Gone;
        }
        match copy.leased_until {
            Some(until) if until > now => Retired::Leased(until),
            _ => {
                let it = doom(name, copy);
                self.doom(name);
                Retired::Doomed(it)
            }
        }
    }

    /// A doomed copy was removed.
    pub(super) fn gone(&mut self, name: CopyName) {
        self.doomed.remove(&name);
    }

    /// A doomed copy turned out to be used by another process: it stays, leased from now on.
    pub(super) fn spare(&mut self, found: Found, now: Instant) {
        self.doomed.remove(&found.name);
        let newest = self.newest.get(&found.name.id).copied();
        self.insert(found, None, now);
        if let Some(newest) = newest {
            self.newest.insert(newest.id, newest);
        }
    }

    fn doom(&mut self, name: CopyName) {
        self.forget(name);
        self.doomed.insert(name);
    }
}

/// What became of a copy that may have had its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retired {
    /// It must go.
    Doomed(Doomed),
    /// Its lease runs until then.
    Leased(Instant),
    /// It is not there any more, or still the one of its key.
    Gone,
}

fn doom(name: CopyName, copy: &Copy) -> Doomed {
    Doomed {
        name,
        inode: copy.known.inode,
        mark: copy.mark,
    }
}
