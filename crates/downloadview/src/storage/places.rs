//! Where a proxy finds a file: the path and the URL that rules are compared with.
//!
//! A place is known in whole, or as a prefix and the file's name below it. The two are joined only
//! when somebody asks for the text: a rule with the same prefix needs no more than the name.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::base_url::url_below;
use super::{StorageName, without_query};

/// Where a proxy may find a file: its path on this machine's disk, the URL by which rules know it,
/// both of them or neither.
///
/// A [`File`](crate::File) or a [`Storage`](super::Storage) states them, and a
/// [`Rule`](crate::Rule) compares them with its prefix. Nothing is checked here. A file that has
/// only a URL is never looked at before it is delegated: whoever fetches it finds out whether it
/// exists.
///
/// [`Debug`](fmt::Debug) shows the URL without its query, which may hold a permission.
///
/// ```
/// use downloadview::file::Places;
/// let places = Places::new().with_path("/srv/media/a.txt").with_url("/media/a.txt");
/// assert_eq!(places.url(), Some("/media/a.txt"));
/// assert!(Places::new().is_empty());
/// ```
#[derive(Clone, Default)]
pub struct Places {
    path: Option<Place<Path, PathBuf>>,
    url: Option<Place<str, Cow<'static, str>>>,
}

/// One place of a file.
enum Place<Prefix: ?Sized, Whole> {
    Whole(Whole),
    Below {
        prefix: Arc<Prefix>,
        name: StorageName,
        /// Both together, once somebody has asked for that.
        joined: OnceLock<Whole>,
    },
}

impl<Prefix: ?Sized, Whole: Clone> Clone for Place<Prefix, Whole> {
    fn clone(&self) -> Self {
        match self {
            Self::Whole(whole) => Self::Whole(whole.clone()),
            Self::Below {
                prefix,
                name,
                joined,
            } => Self::Below {
                prefix: Arc::clone(prefix),
                name: name.clone(),
                joined: joined.clone(),
            },
        }
    }
}

impl<Prefix: ?Sized + PartialEq, Whole> Place<Prefix, Whole> {
    fn below(prefix: &Arc<Prefix>, name: &StorageName) -> Self {
        Self::Below {
            prefix: Arc::clone(prefix),
            name: name.clone(),
            joined: OnceLock::new(),
        }
    }

    fn whole(&self, join: impl FnOnce(&Prefix, &StorageName) -> Whole) -> &Whole {
        match self {
            Self::Whole(whole) => whole,
            Self::Below {
                prefix,
                name,
                joined,
            } => joined.get_or_init(|| join(prefix, name)),
        }
    }

    /// The name, if it is known to be that below `folder`.
    fn name_below(&self, folder: &Prefix) -> Option<&StorageName> {
        match self {
            Self::Below { prefix, name, .. } if **prefix == *folder => Some(name),
            _ => None,
        }
    }
}

impl Places {
    /// Nowhere: the file exists only in the program. It is streamed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// States the absolute path on this machine's disk. Rules made by
    /// [`Rule::dir`](crate::Rule::dir) go by it.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(Place::Whole(path.into()));
        self
    }

    /// States the URL, percent-encoded: a path of the site (`/media/a.txt`), or with scheme and
    /// host. Rules made by [`Rule::url`](crate::Rule::url) go by it.
    #[must_use]
    pub fn with_url(mut self, url: impl Into<Cow<'static, str>>) -> Self {
        self.url = Some(Place::Whole(url.into()));
        self
    }

    /// States a path and a URL, as far as there are any, as those of a name: below an absolute
    /// folder, and below a base that does not end with a slash. In one piece, since places are large
    /// and made for each request.
    pub(crate) fn below(
        folder: Option<&Arc<Path>>,
        base: Option<&Arc<str>>,
        name: &StorageName,
    ) -> Self {
        Self {
            path: folder.map(|folder| Place::below(folder, name)),
            url: base.map(|base| Place::below(base, name)),
        }
    }

    /// The path on this machine's disk, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        let place = self.path.as_ref()?;
        Some(place.whole(|folder, name| folder.join(name.to_path())))
    }

    /// The URL, if there is one. Its query may hold a permission: log
    /// [`shown_url`](Self::shown_url) instead.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        let place = self.url.as_ref()?;
        Some(place.whole(|base, name| url_below(base, name).into()))
    }

    /// The URL in a form that may be shown: `?…` in place of its query.
    ///
    /// ```
    /// use downloadview::file::Places;
    /// let places = Places::new().with_url("https://files.example/a.txt?signature=secret");
    /// assert_eq!(places.shown_url().as_deref(), Some("https://files.example/a.txt?…"));
    /// ```
    #[must_use]
    pub fn shown_url(&self) -> Option<String> {
        self.url().map(without_query)
    }

    /// Whether no proxy can find the file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.path.is_none() && self.url.is_none()
    }

    /// Whether it has a path on this machine's disk.
    pub(crate) fn has_path(&self) -> bool {
        self.path.is_some()
    }

    /// The name below a folder, if it is known without a look at the text of the path. `None` may
    /// be a name below that folder all the same.
    pub(crate) fn name_below_folder(&self, folder: &Path) -> Option<&StorageName> {
        self.path.as_ref()?.name_below(folder)
    }

    /// As [`name_below_folder`](Self::name_below_folder), below a URL without a slash at its end.
    pub(crate) fn name_below_url(&self, base: &str) -> Option<&StorageName> {
        self.url.as_ref()?.name_below(base)
    }
}

impl PartialEq for Places {
    fn eq(&self, other: &Self) -> bool {
        self.path() == other.path() && self.url() == other.url()
    }
}

impl Eq for Places {}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places")
            .field("path", &self.path())
            .field("url", &self.shown_url())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that is read from the text of the place is the one that was put there.
    #[test]
    fn a_place_in_two_parts_is_that_in_whole() {
        let (base, folder) = (Arc::from("/media"), Arc::from(Path::new("/srv/media")));
        for text in ["a.txt", "a b/é%20?#.txt", "...", "a\\b", "x/..y"] {
            let name = StorageName::parse(text).unwrap();
            let parts = Places::below(Some(&folder), Some(&base), &name);
            let whole = Places::new()
                .with_path(format!("/srv/media/{text}"))
                .with_url(format!("/media/{}", name.to_url_path()));
            assert_eq!(parts, whole);
            for places in [&parts, &whole, &parts.clone()] {
                for rule in [
                    crate::Rule::url("/media/").to_uri("/there/"),
                    crate::Rule::url("/media").to_uri("/there/"),
                    crate::Rule::dir("/srv/media").to_uri("/there/"),
                    crate::Rule::dir("/srv/media/").to_uri("/there/"),
                ] {
                    let target = rule.resolve(places, None).unwrap();
                    assert_eq!(
                        target.to_uri().unwrap(),
                        format!("/there/{text}").as_bytes()
                    );
                }
                for elsewhere in [
                    crate::Rule::url("/med").to_uri("/there/"),
                    crate::Rule::dir("/srv/medi").to_uri("/there/"),
                ] {
                    assert!(elsewhere.resolve(places, None).is_err());
                }
            }
        }
    }
}
