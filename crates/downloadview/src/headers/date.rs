//! HTTP dates, read as tolerantly as RFC 9110, 5.6.7 asks recipients to read them: in all three
//! forms, with any weekday, with a leap second, and also before 1970.
//!
//! A date that is not understood makes its precondition disappear (RFC 9110, 13.1.3 and 13.1.4),
//! and with it the protection that the client wanted. So only a text that is not a date at all
//! gives `None`. `headers::preconditions` and `response::options` read dates with it.

use std::time::{SystemTime, UNIX_EPOCH};

use httpdate::parse_http_date;

/// The time of an HTTP date. Every time before 1970 becomes 1970. `None` if the text is not a date.
pub(crate) fn http_date(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    if let Ok(date) = parse_http_date(text) {
        return Some(date);
    }
    // `httpdate` knows no leap second.
    let text = text.replacen(":60 ", ":59 ", 1);
    any_weekday(&text).or_else(|| {
        // The calendar repeats itself every 400 years, weekdays included.
        let year = year_of(&text).filter(|year| *year < 1970)?;
        let later = text.replacen(
            &format!(" {year:04}"),
            &format!(" {:04}", year + 400 * 5),
            1,
        );
        any_weekday(&later).map(|_| UNIX_EPOCH)
    })
}

/// The date with the right weekday in place of the stated one: the day alone tells the date.
fn any_weekday(text: &str) -> Option<SystemTime> {
    const SHORT: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const LONG: [&str; 7] = [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ];
    let end = text.find([',', ' '])?;
    let (weekday, rest) = text.split_at(end);
    let weekdays = [SHORT, LONG]
        .into_iter()
        .find(|days| days.contains(&weekday))?;
    weekdays
        .into_iter()
        .find_map(|day| parse_http_date(&format!("{day}{rest}")).ok())
}

/// The year, if the text has one of four digits.
fn year_of(text: &str) -> Option<u32> {
    let mut words = text.split(' ');
    let year = words.find(|word| word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit()))?;
    year.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_date_is_read_whatever_weekday_it_claims() {
        let expected = UNIX_EPOCH + Duration::from_secs(1_572_307_200);
        for text in [
            "Tue, 29 Oct 2019 00:00:00 GMT",
            "Mon, 29 Oct 2019 00:00:00 GMT",
            " Sun, 29 Oct 2019 00:00:00 GMT ",
            "Monday, 29-Oct-19 00:00:00 GMT",
            "Mon Oct 29 00:00:00 2019",
        ] {
            assert_eq!(http_date(text), Some(expected), "{text}");
        }
        let leap = http_date("Sat, 31 Dec 2016 23:59:60 GMT");
        assert_eq!(leap, http_date("Sat, 31 Dec 2016 23:59:59 GMT"));
        assert!(leap.is_some());
    }

    #[test]
    fn a_date_before_1970_is_read_as_1970() {
        for text in [
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Mon, 31 Dec 1969 23:59:59 GMT",
            "Fri, 29 Feb 1600 00:00:00 GMT",
            "Mon, 01 Jan 0001 00:00:00 GMT",
            "Wed Dec 31 23:59:59 1969",
        ] {
            assert_eq!(http_date(text), Some(UNIX_EPOCH), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "-1",
            "yesterday",
            "29 Oct 2019",
            "Tue, 32 Oct 2019 00:00:00 GMT",
            "Tue, 29 Oct 2019 25:00:00 GMT",
            "Tue, 29 Foo 2019 00:00:00 GMT",
            "Tue, 29 Feb 1900 00:00:00 GMT",
            "Xyz, 29 Oct 2019 00:00:00 GMT",
            "2019-10-29T00:00:00Z",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }
}
