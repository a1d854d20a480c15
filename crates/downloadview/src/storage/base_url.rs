//! The URL below which rules and proxies know the files of a storage, and the check of prefixes
//! that rules share.
//!
//! A prefix must be plain and unambiguous. If it held a query, a `..` segment or an empty segment,
//! a name that is appended to it would not mean what it says, and the proxy would find another
//! file. What is wrong comes back as text for a `BuildError`, with `side` naming the setting.

use std::sync::Arc;

use http::uri::Authority;

use super::{StorageName, strict};
use crate::error::BuildError;

/// A path of the site, or scheme, host and path. Nothing in it changes its meaning when a name is
/// appended.
#[derive(Debug, Clone)]
pub(super) struct BaseUrl(Arc<str>);

impl BaseUrl {
    /// The base URL; slashes at its end do not matter.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as for [`check_url_prefix`].
    pub(super) fn parse(url: &str) -> Result<Self, BuildError> {
        check_url_prefix("base URL", url)
            .map_err(|what| BuildError::new(format!("storage: {what}")))?;
        Ok(Self(url.trim_end_matches('/').into()))
    }

    /// The base, without a slash at its end.
    pub(super) fn text(&self) -> &Arc<str> {
        &self.0
    }
}

/// The URL of a file: the base, which does not end with a slash, one slash, and the encoded name.
pub(super) fn url_below(base: &str, name: &StorageName) -> String {
    [base, &*strict(name.as_bytes())].join("/")
}

/// As [`check_prefix`], for a prefix that may also begin with scheme and host of a server.
pub(crate) fn check_url_prefix(side: &str, url: &str) -> Result<(), String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return check_prefix(side, url);
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !matches!(scheme, "http" | "https") {
        return Err(format!("the {side} `{url}` is not one of http or https"));
    }
    if host.contains('@') || Authority::try_from(host).is_err() {
        return Err(format!("the {side} `{url}` does not name a host"));
    }
    match path {
        "" => Ok(()),
        path => check_prefix(side, path),
    }
}

/// Checks that a prefix is an absolute path, plain and unambiguous: nothing in it may change its
/// meaning when something is appended.
pub(crate) fn check_prefix(side: &str, prefix: &str) -> Result<(), String> {
    if !prefix.starts_with('/') {
        return Err(format!("the {side} `{prefix}` does not start with `/`"));
    }
    let segments: Vec<_> = prefix.split('/').collect();
    if segments
        .iter()
        .any(|segment| matches!(*segment, "." | ".."))
    {
        return Err(format!("the {side} `{prefix}` has a `.` or `..` segment"));
    }
    if prefix.contains("//") {
        return Err(format!("the {side} `{prefix}` has an empty segment"));
    }
    if prefix.contains(['?', '#', '\\']) || prefix.chars().any(char::is_control) {
        return Err(format!(
            "the {side} `{prefix}` holds a character that is not part of a path"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_that_could_change_its_meaning_is_refused() {
        for url in [
            "",
            "media/",
            "/a/../b",
            "/a//b",
            "/a?b=",
            "/a#b",
            "/a\nb",
            "/a\\b",
            "https://",
            "https://?a",
            "https://user:secret@a.example/",
            "https://a b/",
            "https://a.example/b?c=",
            "ftp://a.example/",
            "://a",
        ] {
            let refused = BaseUrl::parse(url);
            assert!(refused.is_err(), "{url:?}: {refused:?}");
        }
    }

    #[test]
    fn one_slash_stands_between_base_url_and_name() {
        let name = StorageName::parse("a b").unwrap();
        for (base, url) in [
            ("/", "/a%20b"),
            ("/media", "/media/a%20b"),
            ("/media/", "/media/a%20b"),
            ("https://a.example", "https://a.example/a%20b"),
            ("http://a.example:80/b/", "http://a.example:80/b/a%20b"),
        ] {
            assert_eq!(url_below(BaseUrl::parse(base).unwrap().text(), &name), url);
        }
    }
}
