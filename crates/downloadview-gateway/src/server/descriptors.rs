//! Open files that the process may have: as many as the system allows, and no more connections than they suffice
//! for.
//!
//! A process without a free descriptor can neither accept a connection nor open a file. So the limit is raised
//! once, at start.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::ServerSettings;

/// Kept for everything but connections and the files that they are sent: the log, databases, storages, events.
const RESERVE: u64 = 64;

/// A connection and the file that it is sent.
const OF_A_CONNECTION: u64 = 2;

/// Raises the limit of open files to what the system allows at most, and lowers `max_connections` to what that suffices
/// for, with a warning.
pub fn provide(settings: &mut ServerSettings) {
    let limit = raised();
    let possible = limit.map_or(usize::MAX, connections_within);
    if settings.max_connections > possible {
        tracing::warn!(
            max_connections = settings.max_connections,
            lowered_to = possible,
            open_files = limit,
            "too few open files are allowed for `max_connections`: raise the hard limit (`ulimit -Hn`, `LimitNOFILE=`)"
        );
        settings.max_connections = possible;
    }
}

/// The limit after it was raised; `None` for no limit.
fn raised() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raise = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raise) {
        Ok(()) => maximum,
        // Where the system knows another limit still (macOS), what was there stays.
        Err(_) => current,
    }
}

/// How many connections fit into a limit of descriptors: each may have a file open beside its socket. At least one.
fn connections_within(limit: u64) -> usize {
    let possible = limit.saturating_sub(RESERVE) / OF_A_CONNECTION;
    usize::try_from(possible).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_their_files_and_for_all_else() {
        for (limit, connections) in [(1024, 480), (256, 96), (64, 1), (0, 1)] {
            assert_eq!(connections_within(limit), connections);
        }
    }
}
