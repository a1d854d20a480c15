//! Which files a proxy may send, and what it calls them: from a prefix here to a prefix there.
//!
//! Prefixes are compared literally and by whole segments: `/media` takes `/media/a` and never
//! `/mediator/a`. There are no patterns.
//!
//! A file that another server has is known by an absolute URL. The proxy fetches it
//! ([`RuleFrom::fetched_at`]), or the client does ([`RuleFrom::redirect`]).

mod remote;
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
use crate::file::{Places, SignedUrl};
use crate::storage::strict;

/// One mapping; [`Optimizer`](crate::optimize::Optimizer) holds them in order.
///
/// ```
/// use downloadview::Rule;
/// let by_url = Rule::url("/media/").to_uri("/_internal/media/");
/// let by_folder = Rule::dir("/srv/media").to_path("/mnt/media").named("media");
/// let elsewhere = Rule::url("https://files.example/media/").fetched_at("/_internal/files/");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    name: Arc<str>,
    source: Source,
    destination: Destination,
    look: bool,
}

/// Prefix of a target, before the backend knows how to write it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Destination {
    Uri(Arc<str>),
    Path(Arc<Path>),
    /// A location of the proxy that fetches.
    Fetched(Arc<str>),
    Redirect,
}

/// A rule that still lacks its destination.
#[derive(Debug, Clone)]
#[must_use = "a rule needs a destination: `.to_uri(…)`, `.to_path(…)`, `.fetched_at(…)` or `.redirect()`"]
pub struct RuleFrom(Source);

impl Rule {
    /// Files whose [URL](Places::url) lies below `prefix`, such as `/media/` or, of another server,
    /// `https://files.example/media/`.
    #[doc(alias = "source_url")]
    pub fn url(prefix: impl AsRef<str>) -> RuleFrom {
        RuleFrom(Source::url(prefix.as_ref()))
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
    /// local file is looked at once, and must be a regular one. A file that has only a URL is never
    /// looked at, whatever is said here.
    #[must_use]
    pub fn without_stat(mut self) -> Self {
        self.look = false;
        self
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether the file must be looked at before it is delegated, if it lies on this machine.
    pub(crate) fn looks(&self) -> bool {
        self.look && !self.is_remote()
    }

    /// Whether the client is sent elsewhere.
    pub(crate) fn redirects(&self) -> bool {
        self.destination == Destination::Redirect
    }

    /// Whether another server has the files.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(
            self.destination,
            Destination::Fetched(_) | Destination::Redirect
        )
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
        let name = || self.source.name_of(places, location);
        Ok(match &self.destination {
            Destination::Uri(prefix) => Target::Uri {
                prefix: Arc::clone(prefix),
                name: name()?,
            },
            Destination::Path(folder) => Target::Path {
                folder: Arc::clone(folder),
                name: name()?,
            },
            Destination::Fetched(location) => Target::Remote {
                location: Arc::clone(location),
                url: self.source.url_of(places)?,
            },
            Destination::Redirect => Target::Redirect {
                url: self.source.url_of(places)?,
            },
        })
    }

    /// The target for a file that has this URL too, if it lies below the rule's source.
    pub(crate) fn remote_target(&self, url: SignedUrl) -> Option<Target> {
        match &self.destination {
            Destination::Fetched(location) if self.source.takes(&url) => Some(Target::Remote {
                location: Arc::clone(location),
                url,
            }),
            _ => None,
        }
    }

    /// Fails if the rule cannot work with a `proxy` that takes targets of a kind, in words that name rule
    /// and remedy.
    pub(crate) fn check(&self, proxy: Option<Proxy<'_>>) -> Result<(), BuildError> {
        let checked = match self.is_remote() {
            true => self.source.check_remote(),
            false => self.source.check(),
        };
        let checked = checked.and_then(|()| self.check_proxy(proxy));
        checked
            .and_then(|()| self.check_destination())
            .map_err(|what| BuildError::new(format!("rule `{}`: {what}", self.name)))
    }

    fn check_proxy(&self, proxy: Option<Proxy<'_>>) -> Result<(), String> {
        let kind = match &self.destination {
            Destination::Redirect => return Ok(()),
            Destination::Uri(_) => TargetKind::Uri,
            Destination::Path(_) => TargetKind::Path,
            Destination::Fetched(_) => TargetKind::Remote,
        };
        let Some(proxy) = proxy else {
            return Err("without a proxy nobody can carry it out: use `redirect`".to_owned());
        };
        let instead = match (kind, proxy.accepts) {
            (TargetKind::Remote, accepted) if proxy.fetches || accepted == kind => return Ok(()),
            (kind, accepted) if kind == accepted => return Ok(()),
            (TargetKind::Remote, _) => {
                "cannot fetch a file from another server: use `redirect`, which sends the client there, \
                 or leave the rule out and have the application stream it"
            }
            (_, TargetKind::Path) => "takes a file path: use `to_path`",
            (_, TargetKind::Uri) => "takes a URI: use `to_uri`",
            (_, TargetKind::Remote) => "fetches from other servers: use `fetched_at`",
        };
        Err(format!("{} {instead}", proxy.name))
    }

    fn check_destination(&self) -> Result<(), String> {
        match &self.destination {
            Destination::Uri(prefix) => source::check_prefix("destination", prefix),
            Destination::Path(folder) if folder.is_absolute() => Ok(()),
            Destination::Path(folder) => Err(format!(
                "the destination {} is not absolute, and a proxy has no folder to start from",
                folder.display()
            )),
            Destination::Fetched(location) => check_location(location),
            Destination::Redirect => Ok(()),
        }
    }
}

/// What a rule must know of the proxy that is to carry it out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proxy<'a> {
    pub(crate) name: &'a str,
    pub(crate) accepts: TargetKind,
    /// Whether it can fetch a file from another server.
    pub(crate) fetches: bool,
}

/// A location is compared with the configuration of the proxy, byte for byte: no spelling of it may
/// need escaping.
fn check_location(location: &str) -> Result<(), String> {
    source::check_prefix("destination", location)?;
    match strict(location.as_bytes()) == location {
        true => Ok(()),
        false => Err(format!(
            "the destination `{location}` holds more than letters, digits and `- . _ ~ /`"
        )),
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

    /// Fetched by the proxy from the server that has it: nginx, Caddy. `location` is that of the
    /// proxy's configuration which does it, made of `A-Z a-z 0-9 - . _ ~ /`; the printed configuration
    /// of the gateway has one for each rule.
    ///
    /// The source must be a URL with scheme and host, and the proxy is only ever told of files below it.
    /// What the proxy asks for is the file's [link](crate::File::link), else its URL, with its query.
    /// Name, type and caching are stated by the application; range and conditions are answered by the
    /// server that has the file. Nothing is looked at before: a missing file is the proxy's 404.
    ///
    /// ```
    /// use downloadview::{Optimizer, Rule, backend::Nginx};
    /// let rule = Rule::url("https://files.example/media/").fetched_at("/_internal/files/");
    /// let optimizer = Optimizer::builder(Nginx::new()).rule(rule).build()?;
    /// # Ok::<(), downloadview::BuildError>(())
    /// ```
    #[doc(alias = "proxy_pass")]
    pub fn fetched_at(self, location: impl AsRef<str>) -> Rule {
        self.to(Destination::Fetched(location.as_ref().into()))
    }

    /// Fetched by the client itself: a GET or HEAD is answered with 302 and the file's
    /// [link](crate::File::link), with any proxy in front and with none.
    ///
    /// The source must be a URL with scheme and host. The link is asked to state name and type of the
    /// answer there; what else the application says of the file (caching, `Content-Security-Policy`,
    /// `nosniff`) does not reach the client. Where a file has no link of its own, the client goes to its
    /// plain URL and sees the headers of that server alone, its name for the file included: right only
    /// where those are good as they are.
    ///
    /// ```
    /// use downloadview::{Optimizer, Rule};
    /// let rule = Rule::url("https://bucket.s3.example/").redirect();
    /// let optimizer = Optimizer::without_proxy().rule(rule).build()?;
    /// # Ok::<(), downloadview::BuildError>(())
    /// ```
    pub fn redirect(self) -> Rule {
        self.to(Destination::Redirect)
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
