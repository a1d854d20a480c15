//! Who may keep a copy of what one person may have for a while (RFC 9111, 5.2.2).

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

const NO_CACHE: &str = "private, no-cache";

/// Limits `Cache-Control` to one person and to `rest`, and leaves what is stricter.
pub(super) fn bound(headers: &mut HeaderMap, rest: Duration) {
    // `Expires` counts where `Cache-Control` states no time, and it may lie behind the rest.
    headers.remove(header::EXPIRES);
    let mut stated = headers.get_all(header::CACHE_CONTROL).iter();
    // What views state by default is as strict as it can be.
    if stated.next().is_some_and(|value| value == NO_CACHE) && stated.next().is_none() {
        return;
    }
    let bounded = bounded(headers, rest.as_secs());
    headers.insert(header::CACHE_CONTROL, bounded);
}

fn bounded(headers: &HeaderMap, rest: u64) -> HeaderValue {
    let stated = headers.get_all(header::CACHE_CONTROL).iter();
    let stated = stated.filter_map(|value| value.to_str().ok());
    let stated = stated.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    let words = || stated.split(',').map(str::trim);
    let says = |name: &str| words().any(|word| word.split('=').next() == Some(name));
    if says("no-store") {
        return HeaderValue::from_static("private, no-store");
    }
    if says("no-cache") {
        return HeaderValue::from_static(NO_CACHE);
    }
    let ages = words().filter_map(|word| word.strip_prefix("max-age="));
    // One that is not a number, or said twice, is the shortest.
    let ages = ages.map(|age| age.trim_matches('"').parse().unwrap_or(0));
    let age = ages.min().unwrap_or(rest).min(rest);
    let kept = ["must-revalidate", "no-transform"];
    let kept = kept.into_iter().filter(|name| says(name));
    let kept: String = kept.map(|name| format!(", {name}")).collect();
    HeaderValue::try_from(format!("private, max-age={age}{kept}"))
        .unwrap_or(HeaderValue::from_static("private, no-store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stated_is_kept_to_one_person_and_to_the_rest() {
        for (stated, expected) in [
            (&["private, no-cache"][..], "private, no-cache"),
            (&["no-cache=\"set-cookie\""], "private, no-cache"),
            (&["public, no-store"], "private, no-store"),
            (&[], "private, max-age=60"),
            (&["public"], "private, max-age=60"),
            (&["public, max-age=3600, immutable"], "private, max-age=60"),
            (&["Max-Age=30"], "private, max-age=30"),
            (&["max-age=30", "max-age=20"], "private, max-age=20"),
            (&["max-age=1e9"], "private, max-age=0"),
            (
                &["s-maxage=9, max-age=99999999999999999999999"],
                "private, max-age=0",
            ),
            (
                &["max-age=600, stale-while-revalidate=9, must-revalidate"],
                "private, max-age=60, must-revalidate",
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::EXPIRES, HeaderValue::from_static("later"));
            for value in stated {
                headers.append(header::CACHE_CONTROL, HeaderValue::from_static(value));
            }
            bound(&mut headers, Duration::from_millis(60_900));
            let all: Vec<_> = headers.get_all(header::CACHE_CONTROL).iter().collect();
            assert_eq!(all, [expected], "{stated:?}");
            assert!(!headers.contains_key(header::EXPIRES));
        }
    }
}
