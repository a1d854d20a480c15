//! Passes that are good for a moment longer, so that a page with fifty pictures asks once.
//!
//! The key is everything that the authorizer was told. It is compared as a whole and not by a
//! digest, so no two requests share an entry unless they are the same to the authorizer.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::AccessRequest;
use crate::permission::Grant;

/// How many passes are kept.
const MOST: usize = 4096;
/// How long a key may be. With a longer one nothing is kept: cookies of 8 KiB are rare.
const LONGEST_KEY: usize = 8 * 1024;

/// Passes that were given lately. `Debug` shows none: the keys hold cookies.
pub(super) struct Cache {
    life: Duration,
    passes: Mutex<Passes>,
}

/// Until when each pass is good, and what it states.
type Passes = HashMap<Box<[u8]>, (Instant, Grant)>;

/// What the authorizer was told, byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key(Box<[u8]>);

impl Key {
    /// `None` if the request shows nothing that tells one person from another, or too much.
    ///
    /// The URL of the authorizer is not in it, because each authorizer has a cache of its own.
    pub(super) fn of(asked: &AccessRequest<'_>, forwarded: &[HeaderName]) -> Option<Self> {
        let theirs = asked.client_headers();
        if !forwarded
            .iter()
            .any(|name| is_credential(name) && theirs.contains_key(name))
        {
            return None;
        }
        let mut key = Vec::with_capacity(512);
        for (name, text) in asked.said() {
            push(&mut key, name.as_bytes());
            push(&mut key, text.as_bytes());
        }
        for name in forwarded {
            for value in theirs.get_all(name) {
                push(&mut key, name.as_str().as_bytes());
                push(&mut key, value.as_bytes());
            }
        }
        (key.len() <= LONGEST_KEY).then(|| Self(key.into()))
    }
}

/// A text and its length before it, so that no two lists of texts make one key.
fn push(key: &mut Vec<u8>, text: &[u8]) {
    key.extend_from_slice(&text.len().to_be_bytes());
    key.extend_from_slice(text);
}

/// Whether a header may tell one person from another.
fn is_credential(name: &HeaderName) -> bool {
    let x_requested_with = HeaderName::from_static("x-requested-with");
    ![
        header::ACCEPT,
        header::ACCEPT_LANGUAGE,
        header::USER_AGENT,
        x_requested_with,
    ]
    .contains(name)
}

impl Cache {
    pub(super) fn new(life: Duration) -> Self {
        Self {
            life,
            passes: Mutex::default(),
        }
    }

    /// The pass that was given for the very same request, if it is still good.
    pub(super) fn find(&self, key: &Key) -> Option<Grant> {
        let passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, pass) = passes.get(&key.0)?;
        (Instant::now() < *until).then(|| pass.clone())
    }

    /// Keeps a pass, as far as its answer allows.
    pub(super) fn keep(&self, key: Key, answer: &HeaderMap, pass: &Grant) {
        let Some(life) = life(answer, self.life) else {
            return;
        };
        let now = Instant::now();
        let mut passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        if passes.len() >= MOST {
            passes.retain(|_, (until, _)| now < *until);
        }
        if passes.len() < MOST {
            passes.insert(key.0, (now + life, pass.clone()));
        }
    }
}

/// How long a pass with this answer may be kept, at most `most`. One that sets cookies is for one
/// request.
fn life(answer: &HeaderMap, most: Duration) -> Option<Duration> {
    if answer.contains_key(header::SET_COOKIE) {
        return None;
    }
    let values = answer.get_all(header::CACHE_CONTROL).iter();
    let texts = values.map(HeaderValue::to_str);
    let mut life = most;
    for text in texts {
        for directive in text.ok()?.split(',') {
            let directive = directive.trim().to_ascii_lowercase();
            match directive.split_once('=') {
                None if matches!(&*directive, "no-store" | "no-cache") => return None,
                Some(("no-cache", _)) => return None,
                Some(("max-age" | "s-maxage", seconds)) => {
                    let seconds = seconds.trim_matches('"').parse().ok()?;
                    life = life.min(Duration::from_secs(seconds));
                }
                _ => {}
            }
        }
    }
    (!life.is_zero()).then_some(life)
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::permission::Caller;

    const MINUTE: Duration = Duration::from_secs(60);

    fn key(target: &str, headers: &[(&str, &str)], caller: Caller) -> Option<Key> {
        let mut request = Request::get(target).extension(caller);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let forwarded = [header::COOKIE, header::AUTHORIZATION, header::ACCEPT];
        Key::of(&AccessRequest::of(&parts).unwrap(), &forwarded)
    }

    /// What served one person's pass to another elsewhere: the same token under two methods, a
    /// header that was left out of the key, values that ran into each other.
    #[test]
    fn whatever_the_authorizer_was_told_makes_another_key() {
        let alice = ("cookie", "s=alice");
        let nobody = Caller::new;
        let keys = [
            key("/a", &[alice], nobody()),
            key("/b", &[alice], nobody()),
            key("/a?b", &[alice], nobody()),
            key("/a", &[("cookie", "s=bob")], nobody()),
            key("/a", &[("authorization", "s=alice")], nobody()),
            key("/a", &[alice, ("cookie", "")], nobody()),
            key("/a", &[alice, ("authorization", "")], nobody()),
            key("/a", &[alice, ("accept", "text/html")], nobody()),
            key("/a", &[alice, ("host", "h.example")], nobody()),
            key("/a", &[alice], nobody().https()),
            key("/a", &[alice], nobody().address([192, 0, 2, 1].into())),
            key("/a", &[("cookie", "s=al"), ("cookie", "ice")], nobody()),
        ];
        for (at, one) in keys.iter().enumerate() {
            assert!(one.is_some());
            for (other, two) in keys.iter().enumerate() {
                assert_eq!(one == two, at == other, "{at} {other}");
            }
        }
        assert!(
            key("/a", &[("accept", "*/*")], nobody()).is_none(),
            "nobody's"
        );
        let long = "x".repeat(LONGEST_KEY);
        assert!(key("/a", &[("cookie", &long)], nobody()).is_none());
    }

    #[test]
    fn an_answer_says_how_long_it_is_good() {
        for (headers, expected) in [
            (&[][..], Some(MINUTE)),
            (&[("cache-control", "private")], Some(MINUTE)),
            (
                &[("cache-control", "private, max-age=5")],
                Some(Duration::from_secs(5)),
            ),
            (&[("cache-control", "max-age=600")], Some(MINUTE)),
            (&[("cache-control", "max-age=0")], None),
            (&[("cache-control", "max-age=x")], None),
            (&[("cache-control", "No-Store")], None),
            (
                &[("cache-control", "private"), ("cache-control", "no-cache")],
                None,
            ),
            (&[("set-cookie", "a=1")], None),
        ] {
            let mut answer = HeaderMap::new();
            for (name, value) in headers {
                answer.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(life(&answer, MINUTE), expected, "{headers:?}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let cache = Cache::new(MINUTE);
        for n in 0..MOST + 10 {
            let key = key(&format!("/{n}"), &[("cookie", "a=1")], Caller::new()).unwrap();
            cache.keep(key, &HeaderMap::new(), &Grant::new());
        }
        assert_eq!(cache.passes.lock().unwrap().len(), MOST);
    }
}
