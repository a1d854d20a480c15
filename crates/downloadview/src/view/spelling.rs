//! One spelling of a path, so that a router and a view cannot take it for two different ones.
//!
//! A view decodes the name of a file, and steps over segments `.`; most routers compare the path as
//! text. So `/files/%70rivate/a` misses the route `/files/private/{*path}`, which asks who may, and
//! is found by the open view at `/files/{*path}`. It ends in two places:
//!
//! 1. [`DownloadService`](super::DownloadService) refuses a path that escapes a slash or what needs no
//!    escape, or has a segment `.` before its last one: 400.
//! 2. [`NormalizeEscapes`] around the whole router writes such paths in their one spelling before a
//!    route is chosen, as nginx does before it chooses a location.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{Request, Uri};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::Error;
use crate::permission::AskedUri;

/// Whether a byte may stand in a path as it is (RFC 3986, 3.3: `pchar`, and the slash).
const BARE: [bool; 256] = set(b"-._~!$&'()*+,;=:@/");
/// Whether a byte means the same escaped or not (RFC 3986, 2.3: unreserved).
const UNRESERVED: [bool; 256] = set(b"-._~");

/// Letters, digits and these.
const fn set(also: &[u8]) -> [bool; 256] {
    let mut set = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        set[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < also.len() {
        set[also[at] as usize] = true;
        at += 1;
    }
    set
}

/// Whether a path is in its one spelling, as most are: nothing in it needs to be escaped, and no segment
/// is empty or `.`, unless it is the last one. One pass costs less than three.
fn is_normal(path: &str) -> bool {
    let (mut before, mut last) = (0, 0);
    path.bytes().all(|byte| {
        let ends_idle = byte == b'/' && (last == b'/' || (last == b'.' && before == b'/'));
        (before, last) = (last, byte);
        BARE[usize::from(byte)] && !ends_idle
    })
}

/// A path in its one spelling (RFC 3986, 6.2.2): what may stand in a path bare is not escaped, all
/// else is, with capital digits; segments `.` and empty ones before the last are left out, as nginx
/// leaves them out (`merge_slashes`). `%2F` and `%25`
/// stay, since they are not a slash and not a percent sign; a `%` without two digits is written `%25`.
///
/// `..` stays too: no view of this crate follows it.
///
/// ```
/// use downloadview::view::normalized;
/// assert_eq!(normalized("/files/%70rivate/./a%2bb"), "/files/private/a+b");
/// assert_eq!(normalized("/a%2fb/%c3%a9"), "/a%2Fb/%C3%A9");
/// ```
#[must_use]
pub fn normalized(path: &str) -> Cow<'_, str> {
    if is_normal(path) {
        return Cow::Borrowed(path);
    }
    let mut text = String::with_capacity(path.len());
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let start = text.len();
        push(&mut text, segment);
        if segments.peek().is_some() {
            match &text[start..] {
                "." => text.truncate(start),
                "" if start > 0 => {}
                _ => text.push('/'),
            }
        }
    }
    Cow::Owned(text)
}

/// Adds a segment in its one spelling.
fn push(text: &mut String, segment: &str) {
    let bytes = segment.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let escaped = escape(&bytes[at..]);
        match escaped.unwrap_or(bytes[at]) {
            byte if BARE[usize::from(byte)] && byte != b'/' => text.push(char::from(byte)),
            // Writing to a text cannot fail.
            byte => drop(write!(text, "%{byte:02X}")),
        }
        at += if escaped.is_some() { 3 } else { 1 };
    }
}

/// The byte that an escape at the start of a text stands for.
fn escape(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else {
        return None;
    };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// Refuses a path that a router may have taken for another one.
pub(super) fn check(path: &str) -> Result<(), Error> {
    let bytes = path.as_bytes();
    // A parameter of a route is decoded, and a slash in it then looks like one that the router saw.
    let means_more = |byte: u8| UNRESERVED[usize::from(byte)] || byte == b'/';
    let escapes = path.match_indices('%');
    let mut escaped = escapes.filter_map(|(at, _)| escape(&bytes[at..]));
    match path.contains("/./") || escaped.any(means_more) {
        false => Ok(()),
        true => Err(Error::BadRequest {
            reason: "the path escapes a slash, a letter, a digit or one of -._~, or has a segment `.`",
        }),
    }
}

/// A tower layer that gives each request the one spelling of its path ([`normalized`]), for the
/// routers inside. Put it around the whole router, where some routes ask who may and others do not.
///
/// Without it the views of this crate answer 400 to paths with escapes of letters, digits and
/// `-._~`, and to segments `.`, since the router may have led them past a view that asks. (An escaped
/// slash stays 400 under this layer too: it is not a slash, and decoded it would look like one.) That
/// does not help a handler of your own that takes a name from the path, and not a route whose fixed
/// part has other characters: `/a+b/{*path}` is another text than `/a%2Bb/…`.
///
/// The layer writes `+` there, so write the fixed parts of routes in their one spelling too. The
/// URI that the client asked stays in the extensions of the request, as [`AskedUri`]:
/// `RequireSignature` takes the link from there.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use downloadview::permission::AskedUri;
/// use downloadview::view::NormalizeEscapes;
/// use http::{Request, Response};
/// use tower::{Layer as _, ServiceExt as _, service_fn};
///
/// // In axum: NormalizeEscapes::new().layer(router), and that is served; `Router::layer` would
/// // come too late, after the route was chosen.
/// let router = service_fn(|request: Request<()>| async move {
///     assert_eq!(AskedUri::of(request.extensions()).unwrap(), "/files/%70rivate/a");
///     Ok::<_, std::convert::Infallible>(Response::new(request.uri().path().to_owned()))
/// });
/// let request = Request::get("/files/%70rivate/a").body(()).unwrap();
/// let answer = NormalizeEscapes::new().layer(router).oneshot(request).await.unwrap();
/// assert_eq!(answer.into_body(), "/files/private/a");
/// # });
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[doc(alias = "NormalizePath")]
#[non_exhaustive]
pub struct NormalizeEscapes;

/// The service of [`NormalizeEscapes`], which makes it.
#[derive(Debug, Clone)]
pub struct NormalizeEscapesService<S> {
    inner: S,
}

impl NormalizeEscapes {
    /// The layer; it has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for NormalizeEscapes {
    type Service = NormalizeEscapesService<S>;

    fn layer(&self, inner: S) -> NormalizeEscapesService<S> {
        NormalizeEscapesService { inner }
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for NormalizeEscapesService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Cow::Owned(path) = normalized(request.uri().path()) {
            let (uri, is_whole) = with_path(request.uri(), path);
            let asked = std::mem::replace(request.uri_mut(), uri);
            if is_whole {
                // Of two layers the outer one saw what the client sent.
                request.extensions_mut().get_or_insert(AskedUri::new(asked));
            } else {
                // No link that permits the long path may open what lies at `/`.
                let asked = AskedUri::new(request.uri().clone());
                request.extensions_mut().insert(asked);
            }
        }
        self.inner.call(request)
    }
}

/// The URI with another path, and whether it is that: one that became too long for a URI leads to `/`, since it must not
/// lead where its old spelling does.
fn with_path(uri: &Uri, mut path: String) -> (Uri, bool) {
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    let path = PathAndQuery::try_from(path);
    let is_whole = path.is_ok();
    parts.path_and_query = Some(path.unwrap_or(PathAndQuery::from_static("/")));
    match Uri::from_parts(parts) {
        Ok(uri) => (uri, is_whole),
        Err(_) => (Uri::default(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::StorageName;
    use proptest::prelude::*;

    #[test]
    fn what_may_name_one_file_is_spelt_alike() {
        for (path, expected) in [
            ("/a/b", "/a/b"),
            ("/%61/%62", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/./%2e/a/%2E/b", "/a/b"),
            ("/a%2fb/%2525%20", "/a%2Fb/%2525%20"),
            ("/%c3%a9", "/%C3%A9"),
            ("/é", "/%C3%A9"),
            ("/%7b%7D{}%zz%", "/%7B%7D%7B%7D%25zz%25"),
            ("/%é/%4é", "/%25%C3%A9/%254%C3%A9"),
            ("/%%36%31", "/%2561"),
            ("/a%2Bb+c", "/a+b+c"),
            ("/a/.", "/a/."),
            ("/..//...", "/../..."),
            ("//a/.//%2e//b//", "/a/b/"),
            ("*", "*"),
            ("//", "/"),
            ("./a", "./a"),
            ("/a./b", "/a./b"),
        ] {
            assert_eq!(normalized(path), expected, "{path}");
        }
    }

    #[test]
    fn a_view_refuses_what_a_router_may_have_taken_for_another_path() {
        for path in [
            "/a%20b", "/a+b", "/a%2Bb", "/%c3%a9", "/%zz%4", "/..", "/a/.",
        ] {
            assert!(check(path).is_ok(), "{path}");
        }
        for path in [
            "/%61", "/a%2fb", "/a%2E", "/%7E", "/a/./b", "/%2e/a", "/%zz/%2d", "/é%5f",
        ] {
            assert_eq!(check(path).expect_err(path).status(), 400, "{path}");
        }
    }

    #[test]
    fn the_rest_of_a_uri_stays() {
        for (uri, expected) in [
            (
                "https://a.example:8443/%61?b=%61",
                "https://a.example:8443/a?b=%61",
            ),
            ("/%61?", "/a?"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let path = normalized(uri.path()).into_owned();
            let (uri, is_whole) = with_path(&uri, path);
            assert_eq!(uri, expected);
            assert!(is_whole);
        }
        let long: Uri = format!("/{}", "\u{e9}".repeat(20_000)).parse().unwrap();
        let path = normalized(long.path()).into_owned();
        let (uri, is_whole) = with_path(&long, path);
        assert_eq!(uri, "/");
        assert!(!is_whole);
    }

    /// Tells the URI that it got, and the one that the client is said to have asked.
    #[derive(Clone)]
    struct Told;

    impl Service<Request<()>> for Told {
        type Response = (Uri, Option<Uri>);
        type Error = std::convert::Infallible;
        type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<()>) -> Self::Future {
            let asked = AskedUri::of(request.extensions()).cloned();
            std::future::ready(Ok((request.uri().clone(), asked)))
        }
    }

    #[test]
    fn a_link_for_a_path_that_is_too_long_opens_nothing_else() {
        let mut service = NormalizeEscapes::new().layer(Told);
        let long = format!("/{}", "\u{e9}".repeat(20_000));
        let request = Request::get(long).body(()).unwrap();
        let (uri, asked) = service.call(request).into_inner().unwrap();
        assert_eq!(uri, "/");
        assert_eq!(asked.unwrap(), "/");
    }

    proptest! {
        #[test]
        fn a_spelling_is_its_own_and_names_the_same_file(path in "/([a-c./%é+&]|%2[0-9bBeEfF]|%6[1-3])*") {
            let once = normalized(&path).into_owned();
            prop_assert_eq!(normalized(&once), &*once);
            prop_assert_eq!(check(&once).is_err(), once.contains("%2F"));
            if let Ok(before) = StorageName::from_url_path(&path) {
                prop_assert_eq!(before, StorageName::from_url_path(&once).unwrap());
            }
        }
    }
}
