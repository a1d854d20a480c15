//! Which files a proxy may send, and what it calls them: from a prefix here to a prefix there.
//!
//! Prefixes are compared literally and by whole segments: `/media` takes `/media/a` and never
//! `/mediator/a`. There are no patterns.

mod source;
mod target;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use self::source::Mismatch;
use self::source::Source;
pub use self::target::{Target, TargetKind};
use crate::content::Metadata;
use crate::error::BuildError;
use crate::file::Places;

/// One mapping; [`Optimizer`](crate::optimize::Optimizer) holds them in order.
///
/// ```
/// use downloadview::Rule;
/// let by_url = Rule::url("/media/").to_uri("/_internal/media/");
/// let by_folder = Rule::dir("/srv/media").to_path("/mnt/media").named("media");
/// ```
#[derive(Debug, Clone)]
pub struct Rule {
    name: Arc<str>,
    source: Source,
    destination: Destination,
    look: bool,
}

/// Prefix of a target, before the backend knows how to write it.
#[derive(Debug, Clone)]
enum Destination {
    Uri(Arc<str>),
    Path(Arc<Path>),
}

/// A rule that still lacks its destination.
#[derive(Debug, Clone)]
#[must_use = "a rule needs a destination: `.to_uri(…)` or `.to_path(…)`"]
pub struct RuleFrom(Source);

impl Rule {
    /// Files whose [URL](Places::url) lies below `prefix`, such as `/media/`.
    #[doc(alias = "source_url")]
    pub fn url(prefix: impl AsRef<str>) -> RuleFrom {
        RuleFrom(Source::Url(prefix.as_ref().into()))
    }

    /// Files whose [path](Places::path) lies below `folder`.
    #[doc(alias = "source_dir")]
    pub fn dir(folder: impl AsRef<Path>) -> RuleFrom {
        RuleFrom(Source::Dir(folder.as_ref().into()))
    }

    /// The name in logs and outcomes. Default: the source prefix.
    #[must_use]
    pub fn named(mut self, name: impl AsRef<str>) -> Self {
        self.name = name.as_ref().into();
        self
    }

    /// Delegates without looking at the file: for files that only the proxy can see. Default: a
    /// local file is looked at once, and must be a regular one.
    #[must_use]
    pub fn without_stat(mut self) -> Self {
        self.look = false;
        self
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn looks(&self) -> bool {
        self.look
    }

    /// Where the proxy finds a file that has these places, if this rule takes it. `metadata` is what a
    /// look told.
    ///
    /// # Errors
    ///
    /// Why the rule does not take it.
    #[doc(alias = "get_redirect_url")]
    pub fn resolve(
        &self,
        places: &Places,
        metadata: Option<&Metadata>,
    ) -> Result<Target, Mismatch> {
        let location = metadata.and_then(Metadata::location);
        let name = self.source.name_of(places, location)?;
        Ok(match &self.destination {
            Destination::Uri(prefix) => Target::Uri {
                prefix: Arc::clone(prefix),
                name,
            },
            Destination::Path(folder) => Target::Path {
                folder: Arc::clone(folder),
                name,
            },
        })
    }

    /// Fails if the rule cannot work with a `proxy` that takes targets of a kind, in words that name rule
    /// and remedy.
    pub(crate) fn check(&self, proxy: &str, accepts: TargetKind) -> Result<(), BuildError> {
        let name = &self.name;
        self.source
            .check()
            .map_err(|what| BuildError::new(format!("rule `{name}`: {what}")))?;
        let (kind, wants) = match &self.destination {
            Destination::Uri(_) => (TargetKind::Uri, "a file path: use `to_path`"),
            Destination::Path(_) => (TargetKind::Path, "a URI: use `to_uri`"),
        };
        if accepts != kind {
            return Err(BuildError::new(format!(
                "rule `{name}`: {proxy} takes {wants}"
            )));
        }
        self.check_destination()
            .map_err(|what| BuildError::new(format!("rule `{name}`: {what}")))
    }

    fn check_destination(&self) -> Result<(), String> {
        match &self.destination {
            Destination::Uri(prefix) => source::check_prefix("destination", prefix),
            Destination::Path(folder) if folder.is_absolute() => Ok(()),
            Destination::Path(folder) => Err(format!(
                "the destination {} is not absolute, and a proxy has no folder to start from",
                folder.display()
            )),
        }
    }
}

impl RuleFrom {
    /// Known to the proxy as a URI below `prefix`: nginx, Caddy. The prefix is plain text; what
    /// needs encoding is encoded.
    #[doc(alias = "destination_url")]
    pub fn to_uri(self, prefix: impl AsRef<str>) -> Rule {
        self.to(Destination::Uri(prefix.as_ref().into()))
    }

    /// Known to the proxy as a file below `folder`: Apache, lighttpd.
    #[doc(alias = "destination_dir")]
    pub fn to_path(self, folder: impl AsRef<Path>) -> Rule {
        self.to(Destination::Path(folder.as_ref().into()))
    }

    fn to(self, destination: Destination) -> Rule {
        Rule {
            name: self.0.to_string().into(),
            source: self.0,
            destination,
            look: true,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
