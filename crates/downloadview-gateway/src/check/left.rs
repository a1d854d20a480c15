//! What a check left that was killed outright (SIGKILL): the next one takes it away.
//!
//! Only what nobody else can have made: under the names that a check gives, of this user, and older than a check lasts. No
//! link is followed, and a folder into which somebody else wrote stays.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Dir, FileType, OFlags, Stat};

use super::placed::open;
use super::setup::LIFE;

/// Twice as long as the links of a check are good.
const OLD: Duration = Duration::from_secs(2 * LIFE.as_secs());

/// Removes below `root` what was placed there: `number` finds in the name of an entry which check made it, and `names` says
/// what such a check makes. What cannot be removed stays.
pub(super) fn remove(
    root: &Path,
    number: impl Fn(&str) -> Option<&str>,
    names: impl Fn(&str) -> Vec<String>,
) {
    let before = SystemTime::now() - OLD;
    let before = before.duration_since(SystemTime::UNIX_EPOCH);
    let before = before.map_or(0, |since| since.as_secs());
    let Ok(folder) = open(CWD, root, OFlags::empty()) else {
        return;
    };
    let Ok(entries) = Dir::read_from(&folder) else {
        return;
    };
    let mut numbers: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| number(entry.file_name().to_str().ok()?).map(str::to_owned))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    for name in numbers.iter().flat_map(|number| names(number)) {
        let parts: Vec<&OsStr> = name
            .split('/')
            .map(|it| OsStr::from_bytes(it.as_bytes()))
            .collect();
        remove_below(&folder, &parts, before);
    }
}

/// Removes what the last part names, and then the folders that are empty without it.
fn remove_below(above: &OwnedFd, parts: &[&OsStr], before: u64) {
    let [part, below @ ..] = parts else {
        return;
    };
    let look = || rustix::fs::statat(above, *part, AtFlags::SYMLINK_NOFOLLOW);
    let Ok(found) = look() else {
        return;
    };
    let is_folder = !below.is_empty();
    let kind = match is_folder {
        true => FileType::Directory,
        false => FileType::RegularFile,
    };
    if FileType::from_raw_mode(found.st_mode) != kind || !is_left(&found, before) {
        return;
    }
    let flags = match is_folder {
        true => {
            let Ok(folder) = open(above.as_fd(), Path::new(part), OFlags::NOFOLLOW) else {
                return;
            };
            let is_same = rustix::fs::fstat(&folder)
                .is_ok_and(|it| (it.st_dev, it.st_ino) == (found.st_dev, found.st_ino));
            if !is_same {
                return;
            }
            remove_below(&folder, below, before);
            AtFlags::REMOVEDIR
        }
        false => AtFlags::empty(),
    };
    // Somebody else may have been faster.
    let _ = rustix::fs::unlinkat(above, *part, flags);
}

/// Whether it is of this user, and old.
fn is_left(found: &Stat, before: u64) -> bool {
    let is_old = u64::try_from(found.st_mtime).is_ok_and(|changed| changed < before);
    found.st_uid == rustix::process::geteuid().as_raw() && is_old
}
