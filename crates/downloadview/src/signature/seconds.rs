//! Whole seconds since 1970, as they stand in links.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The second in which a time lies; 0 for times before 1970.
pub(super) fn of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The beginning of a second; `None` behind the end of the clock.
pub(super) fn to_time(seconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// A number as the format writes it: decimal digits, without sign and without a leading zero.
pub(super) fn parse(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let plain = digits && (text.len() == 1 || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(parse("0"), Some(0));
        assert_eq!(parse("1800000000"), Some(1_800_000_000));
        assert_eq!(parse("18446744073709551615"), Some(u64::MAX));
        for text in [
            "",
            "-1",
            "+1",
            "01",
            "00",
            "1.0",
            "1e9",
            "0x10",
            " 1",
            "1 ",
            "١",
            "18446744073709551616",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
