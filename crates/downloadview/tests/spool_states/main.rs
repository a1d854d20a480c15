//! The spool under any interleaving of what may happen to it: clients arrive, read, and leave; sources are slow, fail,
//! and change; copies make room, and are removed by others; time goes by; processes are killed and start anew; two of
//! them share one folder.
//!
//! The steps are drawn by `proptest` and run on the real `Spool` over a real folder. Nothing runs beside them: each
//! process is a runtime of one thread that goes on by so many tasks as a step says, its disk works when a step says so,
//! and its clock stands still in between. The same steps have the same end, and are made fewer when one is found that
//! breaks an invariant:
//!
//! - of a key one fill reads at a time, in however many processes;
//! - whoever is answered gets the right bytes, or a body that breaks off, and that only where a source failed or
//!   changed;
//! - a copy that was handed to a proxy stays whole for its lease;
//! - the bound is kept;
//! - nobody waits for ever, and nothing is left over.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // Helpers of tests.

mod client;
mod process;
mod source;
mod world;

use std::time::Duration;

use downloadview::spool::Fill;
use proptest::prelude::*;

use self::world::{Plan, World};

/// Keys that are asked for: the first half always mean the same bytes, the others name places.
pub(crate) const KEYS: usize = 4;
/// Room for two or three copies.
pub(crate) const BYTES: u64 = 80;
pub(crate) const LEASE: Duration = Duration::from_secs(90);
pub(crate) const MAX_AGE: Duration = Duration::from_secs(10);

/// What may happen.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A client of a process asks for a key, or for a part of it.
    Arrive {
        process: usize,
        key: usize,
        in_part: bool,
    },
    /// The client that arrived as this one takes up to so many frames.
    Read(usize, usize),
    /// It leaves.
    Leave(usize),
    /// The sources of a key have so many frames more.
    Flow(usize, usize),
    /// What is read of a key fails with its next frame.
    Fail(usize),
    /// The source of a key cannot be opened, or can again.
    Refuse(usize, bool),
    /// Other bytes are at the place of a key.
    Change(usize),
    /// A process goes on by so many tasks.
    Run(usize, usize),
    /// What a process has asked of the disk is done.
    Disk(usize),
    /// A moment goes by: longer than another process's fill is left alone.
    Moment,
    /// Half a lease goes by, or a whole one and more.
    Long(bool),
    /// Somebody removes the copies of a key.
    Lose(usize),
    /// A process is killed and starts anew.
    Kill(usize),
}

fn step(processes: usize) -> impl Strategy<Value = Step> {
    let (process, key, client) = (0..processes, 0..KEYS, 0..30_usize);
    prop_oneof![
        8 => (process.clone(), key.clone(), prop::bool::weighted(0.2))
            .prop_map(|(process, key, in_part)| Step::Arrive { process, key, in_part }),
        4 => (client.clone(), 1..4_usize).prop_map(|(client, frames)| Step::Read(client, frames)),
        3 => client.prop_map(Step::Leave),
        8 => (key.clone(), 1..5_usize).prop_map(|(key, frames)| Step::Flow(key, frames)),
        1 => key.clone().prop_map(Step::Fail),
        1 => (key.clone(), any::<bool>()).prop_map(|(key, refuse)| Step::Refuse(key, refuse)),
        2 => key.clone().prop_map(Step::Change),
        12 => (process.clone(), 1..12_usize).prop_map(|(process, tasks)| Step::Run(process, tasks)),
        12 => process.clone().prop_map(Step::Disk),
        3 => Just(Step::Moment),
        3 => any::<bool>().prop_map(Step::Long),
        1 => key.prop_map(Step::Lose),
        1 => process.prop_map(Step::Kill),
    ]
}

fn plan() -> impl Strategy<Value = (Plan, Vec<Step>)> {
    (1..3_usize, any::<bool>()).prop_flat_map(|(processes, follow)| {
        let fill = if follow { Fill::While } else { Fill::Before };
        let steps = prop::collection::vec(step(processes), 1..90);
        (Just(Plan { processes, fill }), steps)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_what_may_happen_keeps_every_promise((plan, steps) in plan()) {
        let mut world = World::new(plan);
        for (number, step) in steps.iter().enumerate() {
            world.take(step);
            if let Err(broken) = world.check() {
                prop_assert!(false, "after step {number}, {step:?}: {broken}");
            }
        }
        if let Err(broken) = world.end() {
            prop_assert!(false, "at the end: {broken}");
        }
    }
}
