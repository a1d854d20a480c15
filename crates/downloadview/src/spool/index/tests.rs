//! Whatever happens in whatever order: the bound and the leases.

use proptest::prelude::*;

use super::*;
use crate::spool::name::State;

const BYTES: u64 = 100;
const FILES: usize = 8;
const LEASE: Duration = Duration::from_secs(10);

fn found(number: u64, size: u64, mark: u32) -> Found {
    Found {
        name: CopyName {
            id: Id::numbered(number),
            state: State::Only,
            size,
        },
        inode: Inode::numbered(number),
        owner: 0,
        modified: 1_600_000_000,
        mark,
    }
}

fn index() -> Index {
    let bounds = Bounds {
        bytes: BYTES,
        files: FILES,
    };
    Index::new(bounds, LEASE, true)
}

#[test]
fn another_process_is_told_four_times_a_lease() {
    let (mut index, start) = (index(), Instant::now());
    index.insert(found(1, 5, 0), None, start);
    let mut told = 0;
    for second in 0..20 {
        let now = start + Duration::from_secs(second);
        let name = index.give(Id::numbered(1), now).unwrap().name;
        if index.hand_over(name, now).unwrap().tell.is_some() {
            told += 1;
            index.told(name, now, second as u32 + 1);
        }
    }
    assert_eq!(told, 7, "in two leases");
}

#[test]
fn a_doomed_copy_is_not_taken_in_again_before_it_is_gone() {
    let (mut index, start) = (index(), Instant::now());
    index.insert(found(1, 60, 0), None, start);
    let later = start + 2 * LEASE;
    let doomed = index.reserve(60, later).unwrap();
    assert_eq!(doomed[0].name, found(1, 60, 0).name);
    assert!(!index.insert(found(1, 60, 0), None, later));
    assert!(index.give(Id::numbered(1), later).is_none());
    assert!(index.hand_over(doomed[0].name, later).is_none());
    index.gone(doomed[0].name);
    assert!(index.insert(found(1, 60, 0), None, later));
}

/// What may happen, in any order.
#[derive(Debug, Clone)]
enum Step {
    /// A part of this size is begun, and room is made for it.
    Begin(u64, u64),
    /// The oldest part becomes the copy.
    Commit,
    /// The oldest part is given up.
    GiveUp,
    /// The copy is handed to a proxy.
    HandOut(u64),
    /// What was doomed is removed from the disk.
    Remove,
    /// Another process handed out what is doomed.
    Spare,
    /// The disk is full by others.
    MakeRoom(u64),
    /// Somebody removed the file.
    Vanish(u64),
    /// Time goes by.
    Wait(u64),
    /// The process starts anew over what lies on the disk.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0_u64..6;
    prop_oneof![
        4 => (key.clone(), 1_u64..70).prop_map(|(key, size)| Step::Begin(key, size)),
        4 => Just(Step::Commit),
        1 => Just(Step::GiveUp),
        4 => key.clone().prop_map(Step::HandOut),
        4 => Just(Step::Remove),
        1 => Just(Step::Spare),
        1 => (1_u64..100).prop_map(Step::MakeRoom),
        1 => key.prop_map(Step::Vanish),
        4 => (1_u64..8).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// Whatever happens in whatever order: copies and parts keep the bound, and nothing goes
    /// while a proxy may still open it.
    #[test]
    fn the_bound_is_kept_and_a_lease_is_honoured(steps in prop::collection::vec(step(), 1..80)) {
        let mut index = index();
        let mut now = Instant::now();
        let mut parts: Vec<(u64, u64)> = Vec::new();
        let mut disk: HashMap<CopyName, Found> = HashMap::new();
        let mut doomed: Vec<Doomed> = Vec::new();
        let mut handed: HashMap<CopyName, Instant> = HashMap::new();
        let mut above = false;
        for step in steps {
            let mut goes: Vec<Doomed> = Vec::new();
            match step {
                Step::Begin(key, size) => {
                    let busy = parts.iter().any(|(it, _)| *it == key);
                    if !busy && index.peek(Id::numbered(key)).is_none() {
                        index.begin();
                        match index.reserve(size, now) {
                            Ok(some) => {
                                goes = some;
                                parts.push((key, size));
                            }
                            Err(Full) => index.end(0),
                        }
                    }
                }
                Step::Commit if !parts.is_empty() => {
                    let (key, size) = parts.remove(0);
                    let made = found(key, size, 0);
                    index.end(size);
                    index.insert(made, None, now);
                    disk.insert(made.name, made);
                }
                Step::GiveUp if !parts.is_empty() => index.end(parts.remove(0).1),
                Step::HandOut(key) => {
                    if let Some(given) = index.give(Id::numbered(key), now) {
                        prop_assert!(doomed.iter().all(|it| it.name != given.name));
                        handed.insert(given.name, now);
                    }
                }
                Step::Remove => {
                    for it in doomed.drain(..) {
                        disk.remove(&it.name);
                        index.gone(it.name);
                    }
                }
                Step::Spare => {
                    if let Some(it) = doomed.pop() {
                        let Some(found) = disk.get(&it.name) else { continue };
                        index.spare(*found, now);
                        above = true;
                    }
                }
                Step::MakeRoom(bytes) => goes = index.make_room(bytes, now),
                Step::Vanish(key) => {
                    if let Some((name, _)) = index.peek(Id::numbered(key)) {
                        disk.remove(&name);
                        handed.remove(&name);
                        index.forget(name);
                    }
                }
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
                Step::Restart => {
                    parts.clear();
                    doomed.clear();
                    index = self::index();
                    for copy in disk.values() {
                        index.insert(*copy, None, now);
                    }
                    above = true;
                }
                Step::Commit | Step::GiveUp => {}
            }
            for it in goes {
                let running = handed.get(&it.name).is_some_and(|at| *at + LEASE > now);
                prop_assert!(!running, "{it:?} was handed out a moment ago");
                doomed.push(it);
            }
            let reserved: u64 = parts.iter().map(|(_, size)| size).sum();
            let held: u64 = index.copies.keys().map(|name| name.size).sum();
            prop_assert_eq!(index.held().0, held + reserved);
            prop_assert_eq!(index.by_use.len(), index.copies.len());
            prop_assert!(index.newest.len() <= index.copies.len());
            // Only what others took back, or left, may lie above it.
            prop_assert!(above || held + reserved <= BYTES, "{held} + {reserved}");
        }
    }
}
