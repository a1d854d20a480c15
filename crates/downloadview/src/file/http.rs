//! A file of another server, as a download. The work is done by `fetch`.

use percent_encoding::percent_decode_str;

use super::{File, Places};
use crate::content::{BoxFuture, CacheKey, Content, Metadata, Want};
use crate::error::Result;
use crate::fetch::{Flavour, Origin, RequestTarget, always};

/// The file that another server ([`Origin`]) has under a target, fetched when it is asked for.
///
/// Its name is the last segment of the path, percent-decoded, or `download`. A proxy that can fetch
/// by itself may do it in our place, if a rule says so
/// ([`fetched_at`](crate::rule::RuleFrom::fetched_at)), unless the origin needs headers that only
/// we know.
///
/// ```
/// use downloadview::{File as _, fetch::{Client, RequestTarget}, file::HttpFile};
/// let origin = Client::new().unwrap().origin("https://files.example").build().unwrap();
/// let file = HttpFile::new(origin, RequestTarget::parse("/reports/2026%20final.pdf").unwrap());
/// assert_eq!(file.name(), "2026 final.pdf");
/// ```
#[derive(Debug, Clone)]
#[doc(alias = "HTTPFile")]
pub struct HttpFile {
    origin: Origin,
    target: RequestTarget,
    name: String,
}

impl HttpFile {
    /// The file at `target` of `origin`. Nothing is asked of the server yet.
    #[must_use]
    pub fn new(origin: Origin, target: RequestTarget) -> Self {
        let name = name_in(target.path());
        Self {
            origin,
            target,
            name,
        }
    }

    /// The path and query under which the server has it.
    #[must_use]
    pub fn target(&self) -> &RequestTarget {
        &self.target
    }
}

/// The last segment of a path that is not empty, as text for people.
fn name_in(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let mut segments = decoded.rsplit('/');
    let named = segments.find(|segment| !segment.is_empty());
    named.unwrap_or("download").to_owned()
}

impl File for HttpFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn places(&self) -> Places {
        match self.origin.public_url(self.target.as_str()) {
            Some(url) => Places::new().with_url(url),
            None => Places::new(),
        }
    }

    fn cache_key(&self) -> Option<CacheKey> {
        self.origin.cache_key(self.target.as_str())
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        let target = always(self.target.clone());
        Box::pin(self.origin.look(target, Flavour::Http))
    }

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        let target = always(self.target.clone());
        Box::pin(self.origin.open(target, Flavour::Http, want))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_last_segment_decoded() {
        for (path, expected) in [
            ("/a/b.txt", "b.txt"),
            ("/a/%C3%A9%20b.txt", "é b.txt"),
            ("/a/", "a"),
            ("/", "download"),
            ("/x%2Fy", "y"),
            ("/%2F", "download"),
        ] {
            assert_eq!(name_in(path), expected, "{path}");
        }
    }
}
