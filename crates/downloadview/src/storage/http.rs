//! Files below a path of another server, as a storage. The work is done by `fetch`: a name becomes
//! a target below the prefix, and the origin is asked for it.

use std::fmt;
use std::sync::Arc;

use super::{Places, Storage, StorageName, check_prefix, strict};
use crate::content::{BoxFuture, CacheKey, Content, Metadata, Want};
use crate::error::{BuildError, Result};
use crate::fetch::{Flavour, Origin, RequestTarget, always};

/// The files below a path of another server ([`Origin`]), fetched when they are asked for.
///
/// Each download is one request to that server, with the client's range and conditions. Nothing is
/// kept here. A proxy that can fetch by itself may do it in our place, if a rule says so
/// ([`fetched_at`](crate::rule::RuleFrom::fetched_at)), unless the origin needs headers that only
/// we know.
///
/// For a target with a query, or one that does not follow from a name, use
/// [`HttpFile`](crate::file::HttpFile).
///
/// ```
/// use downloadview::{fetch::Client, storage::HttpStorage};
/// let origin = Client::new()?.origin("https://files.example").build()?;
/// let storage = HttpStorage::new(origin, "/media/")?;
/// # let _ = storage;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone)]
pub struct HttpStorage {
    origin: Origin,
    prefix: String,
    /// Below which URL a proxy finds the files, without a slash at its end.
    public: Option<Arc<str>>,
}

impl HttpStorage {
    /// The files below `prefix`, a path of the server such as `/media/`, percent-encoded.
    ///
    /// # Errors
    ///
    /// If `prefix` is not a plain path that begins with exactly one slash.
    pub fn new(origin: Origin, prefix: &str) -> Result<Self, BuildError> {
        check_prefix("path", prefix)
            .map_err(|what| BuildError::new(format!("HTTP storage: {what}")))?;
        RequestTarget::parse(prefix)
            .map_err(|what| BuildError::new(format!("HTTP storage: the path: {what}")))?;
        let prefix = prefix.trim_end_matches('/');
        Ok(Self {
            public: origin.public_url(prefix).map(Into::into),
            origin,
            prefix: format!("{prefix}/"),
        })
    }

    /// What to ask the server for.
    fn target(&self, name: &StorageName) -> Result<RequestTarget> {
        Ok(RequestTarget::parse(&self.path(name))?)
    }

    /// The path of a file on the server, percent-encoded.
    fn path(&self, name: &StorageName) -> String {
        [&*self.prefix, &*strict(name.as_bytes())].concat()
    }
}

impl Storage for HttpStorage {
    fn look<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        Box::pin(async move {
            let target = always(self.target(name)?);
            self.origin.look(target, Flavour::Http).await
        })
    }

    fn open<'a>(&'a self, name: &'a StorageName, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async move {
            let target = always(self.target(name)?);
            self.origin.open(target, Flavour::Http, want).await
        })
    }

    fn places(&self, name: &StorageName) -> Places {
        Places::below(None, self.public.as_ref(), name)
    }

    fn cache_key(&self, name: &StorageName) -> Option<CacheKey> {
        self.origin.cache_key(&self.path(name))
    }
}

impl fmt::Debug for HttpStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpStorage")
            .field("origin", &self.origin)
            .field("prefix", &self.prefix)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Client;

    #[test]
    fn a_prefix_is_a_plain_path() {
        let origin = Client::new().unwrap().origin("http://files.example");
        let origin = origin.build().unwrap();
        for prefix in [
            "",
            "media/",
            "//evil.example/",
            "/a?b",
            "/a#b",
            "/a/../b",
            "/%2e%2e/",
            "/a b",
        ] {
            assert!(
                HttpStorage::new(origin.clone(), prefix).is_err(),
                "{prefix}"
            );
        }
        let name = StorageName::parse("b c").unwrap();
        for prefix in ["/a", "/a/"] {
            let storage = HttpStorage::new(origin.clone(), prefix).unwrap();
            let places = storage.places(&name);
            assert_eq!(places.url(), Some("http://files.example/a/b%20c"));
        }
    }

    /// A proxy could not send the headers that the origin wants.
    #[test]
    fn an_origin_with_headers_has_no_place_for_proxies() {
        let origin = Client::new().unwrap().origin("http://files.example");
        let origin = origin.header("authorization", "s3cr3t").build().unwrap();
        let storage = HttpStorage::new(origin, "/a/").unwrap();
        assert!(storage.places(&StorageName::parse("b").unwrap()).is_empty());
    }
}
