//! The time of modification that a copy gets.

use std::time::{Duration, SystemTime};

use crate::content::{ETag, Metadata, whole_seconds};
use crate::spool::name::CopyName;
use crate::spool::stock::Found;

/// The date of the source, if it tells as much as the validator: proxies make a tag of date and
/// size, and that tag is then as good as the source's, and the same after each fill.
pub(super) fn date_of_source(metadata: &Metadata) -> Option<SystemTime> {
    let modified = metadata.last_modified()?;
    let says_no_more = match metadata.etag() {
        None => true,
        // As nginx makes it: of the date and the size, and of nothing else.
        Some(tag) => ETag::of_file_in_seconds(modified, metadata.size()?) == Some(tag),
    };
    says_no_more.then_some(modified)
}

/// The time that a copy gets: that of its source, or now; never one that another copy of the same
/// key and length has, because proxies would give both the same tag.
pub(super) fn own_time(
    of_source: Option<SystemTime>,
    name: CopyName,
    others: &[Found],
) -> SystemTime {
    let mut time = of_source.unwrap_or_else(SystemTime::now);
    let taken = |time: SystemTime| {
        let twin = |other: &&Found| other.name != name && other.name.size == name.size;
        let mut twins = others.iter().filter(twin);
        twins.any(|other| other.modified == whole_seconds(time))
    };
    if of_source.is_some() && taken(time) {
        time = SystemTime::now();
    }
    while taken(time) {
        time += Duration::from_secs(1);
    }
    time
}
