//! What Linux tells of a process: its children, the CPU time of its threads, its memory; and how busy a core is.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result};

/// CPU time of threads, in nanoseconds, by thread.
///
/// Threads are kept apart because a pool ends the idle ones: the sum over a process would shrink between two readings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Usage(HashMap<u32, u64>);

impl Usage {
    /// Adds the threads of a process as they stand now; none if it has ended, as a child may since its parent was
    /// asked for it.
    pub(crate) fn add(&mut self, process: u32) -> Result<()> {
        let folder = format!("/proc/{process}/task");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.with_context(|| format!("cannot read {folder}"))?,
        };
        for entry in entries {
            let path = entry?.path().join("schedstat");
            // A thread that ended since the folder was listed.
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let thread = path
                .parent()
                .and_then(|folder| folder.file_name()?.to_str()?.parse().ok())
                .with_context(|| format!("{}: no thread number", path.display()))?;
            let nanos = first_number(&text)
                .with_context(|| format!("{}: no number in {text:?}", path.display()))?;
            self.0.insert(thread, nanos);
        }
        Ok(())
    }

    /// Nanoseconds used from `earlier` to now. A thread that ended in between had been idle, and counts nothing.
    pub(crate) fn since(&self, earlier: &Self) -> u64 {
        self.0
            .iter()
            .map(|(thread, nanos)| {
                nanos.saturating_sub(earlier.0.get(thread).copied().unwrap_or_default())
            })
            .sum()
    }
}

/// The process and its children; servers here have no grandchildren.
pub(crate) fn family(process: u32) -> Result<Vec<u32>> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let children = text.split_whitespace().filter_map(|word| word.parse().ok());
    Ok(std::iter::once(process).chain(children).collect())
}

/// Nanoseconds that a core was busy since the machine started, with whatever it was.
///
/// The kernel samples this a few hundred times a second: good for a share of a second, not for a request.
pub(crate) fn busy(core: usize) -> Result<u64> {
    let text = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    let ticks =
        busy_ticks(&text, core).with_context(|| format!("/proc/stat: no line for core {core}"))?;
    Ok(ticks * tick())
}

/// Nanoseconds by which [`busy`] advances.
pub(crate) fn tick() -> u64 {
    1_000_000_000 / rustix::param::clock_ticks_per_second()
}

/// The columns are user, nice, system, idle, iowait, irq, softirq; what follows is counted elsewhere.
fn busy_ticks(stat: &str, core: usize) -> Option<u64> {
    let name = format!("cpu{core}");
    let mut words = stat
        .lines()
        .map(str::split_whitespace)
        .find_map(|mut words| (words.next()? == name).then_some(words))?;
    let mut next = || words.next()?.parse::<u64>().ok();
    let running = next()? + next()? + next()?;
    let (_idle, _iowait) = (next()?, next()?);
    Some(running + next()? + next()?)
}

/// Bytes of memory that are resident now.
pub(crate) fn resident(process: u32) -> Result<u64> {
    // `VmRSS` of `status` is a sum of per-core counters that lag behind; this one walks the pages.
    field(&format!("/proc/{process}/smaps_rollup"), "Rss:")
}

/// The most bytes of memory that were ever resident at once.
pub(crate) fn peak(process: u32) -> Result<u64> {
    field(&format!("/proc/{process}/status"), "VmHWM:")
}

/// Bytes that the kernel holds for all TCP connections of the machine, of both sides.
pub(crate) fn held_by_tcp() -> Result<u64> {
    let path = "/proc/net/sockstat";
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let pages = text
        .lines()
        .find_map(|line| line.strip_prefix("TCP:")?.split_once(" mem "))
        .and_then(|(_, pages)| first_number(pages))
        .with_context(|| format!("{path}: no memory of TCP"))?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// A line of the form `Name:   1234 kB`.
fn field(path: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(first_number)
        .map(|kib| kib * 1024)
        .with_context(|| format!("{path}: no line {name}"))
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(threads: &[(u32, u64)]) -> Usage {
        Usage(threads.iter().copied().collect())
    }

    #[test]
    fn a_thread_that_ended_takes_nothing_back() {
        let before = usage(&[(1, 100), (2, 5_000)]);
        let after = usage(&[(1, 130)]);
        assert_eq!(after.since(&before), 30);
    }

    #[test]
    fn a_thread_that_began_counts_whole() {
        let after = usage(&[(1, 100), (2, 50)]);
        assert_eq!(after.since(&usage(&[(1, 100)])), 50);
    }

    #[test]
    fn a_process_that_ended_adds_nothing() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let mut usage = Usage::default();
        usage.add(child.id()).unwrap();
        assert_eq!(usage, Usage::default());
    }

    #[test]
    fn waiting_is_not_being_busy() {
        let stat = "cpu  9 9 9 9 9 9 9 9\ncpu1 9 9 9 9 9 9 9 9\ncpu10 1 2 4 800 900 8 16 32 0 0\n";
        assert_eq!(busy_ticks(stat, 10), Some(31));
        assert_eq!(busy_ticks(stat, 2), None);
    }

    #[test]
    fn the_kernel_tells_what_tcp_holds() {
        held_by_tcp().unwrap();
    }

    #[test]
    fn this_process_has_memory_and_threads() {
        let process = std::process::id();
        assert!(resident(process).unwrap() > 0);
        assert!(peak(process).unwrap() > 0);
        let mut usage = Usage::default();
        usage.add(process).unwrap();
        assert!(usage.0.contains_key(&process));
    }
}
