//! Which files a proxy may send, and what it calls them: from a prefix here to a prefix there.
//!
//! Prefixes are compared literally and by whole segments: `/media` takes `/media/a` and never
//! `/mediator/a`. There are no patterns.
//!
//! | rule | for which proxy |
//! |---|---|
//! | [`Rule::url`] or [`Rule::dir`], then [`to_uri`](RuleFrom::to_uri) | nginx, Caddy |
//! | [`Rule::url`] or [`Rule::dir`], then [`to_path`](RuleFrom::to_path) | Apache, lighttpd |
//! | [`Rule::url`] of another server, then [`fetched_at`](RuleFrom::fetched_at) | nginx, Caddy |
//! | [`Rule::url`] of another server, then [`redirect`](RuleFrom::redirect) | any, or none |
//!
//! A [`Target`] is what a rule makes of one file; a [backend](crate::backend) writes it into its
//! header.

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

/// One mapping from a prefix of files to a prefix of the proxy. An
/// [`Optimizer`](crate::optimize::Optimizer) holds rules in order, and the first that takes a file
/// counts.
///
/// ```
/// use downloadview::Rule;
/// use downloadview::file::Places;
///
/// let by_url = Rule::url("/media/").to_uri("/_internal/media/");
/// let by_folder = Rule::dir("/srv/media").to_path("/mnt/media").named("media");
/// let elsewhere = Rule::url("https://files.example/media/").fetched_at("/_internal/files/");
///
/// let places = Places::new().with_path("/srv/media/a b.txt").with_url("/media/a%20b.txt");
/// let target = by_url.resolve(&places, None)?;
/// assert_eq!(target.to_uri().unwrap(), b"/_internal/media/a b.txt"); // a backend encodes it
/// # Ok::<(), downloadview::rule::Mismatch>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    name: Arc<str>,
    source: Source,
    destination: Destination,
    look: bool,
}

/// The right side of a rule: the prefix of a target, before the backend knows how to write it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Destination {
    Uri(Arc<str>),
    Path(Arc<Path>),
    /// A location of the proxy that fetches.
    Fetched(Arc<str>),
    Redirect,
}

/// A rule that still lacks its destination. Made by [`Rule::url`] and [`Rule::dir`].
///
/// ```
/// use downloadview::Rule;
/// let below = Rule::url("/media/"); // not a rule yet
/// let rule = below.to_uri("/_internal/media/").named("media");
/// assert_eq!(rule.to_string(), "media");
/// ```
#[derive(Debug, Clone)]
#[must_use = "a rule needs a destination: `.to_uri(…)`, `.to_path(…)`, `.fetched_at(…)` or `.redirect()`"]
pub struct RuleFrom(Source);

impl Rule {
    /// Files whose [URL](Places::url) lies below `prefix`: `/media/`, or on another server
    /// `https://files.example/media/`. The prefix is percent-encoded as the URLs are.
    #[doc(alias = "source_url")]
    pub fn url(prefix: impl AsRef<str>) -> RuleFrom {
        RuleFrom(Source::url(prefix.as_ref()))
    }

    /// Files whose [path](Places::path) lies below `folder`, an absolute path of this machine.
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

    /// Delegates without looking at the file: for files that only the proxy can see.
    ///
    /// Default: a local file is looked at once, so that a missing one is our 404 and never the
    /// proxy's page. A file that has only a URL is never looked at, with or without this.
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

    /// Where the proxy finds a file that has these places, if this rule takes it. `metadata` is
    /// what a look at the file told, if there was one: it says where a symbolic link led.
    ///
    /// # Errors
    ///
    /// Why the rule does not take the file.
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

    /// The target for a file that has this URL too, if the URL lies below the rule's source.
    pub(crate) fn remote_target(&self, url: SignedUrl) -> Option<Target> {
        match &self.destination {
            Destination::Fetched(location) if self.source.takes(&url) => Some(Target::Remote {
                location: Arc::clone(location),
                url,
            }),
            _ => None,
        }
    }

    /// Checks that the rule can work with `proxy`.
    ///
    /// # Errors
    ///
    /// What is wrong, with the name of the rule and how to correct it.
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

    /// Whether the proxy takes targets of this kind.
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

    /// Whether the destination is plain and absolute.
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

/// What a rule must know about the proxy that is to carry it out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proxy<'a> {
    pub(crate) name: &'a str,
    /// What its header takes.
    pub(crate) accepts: TargetKind,
    /// Whether it can fetch a file from another server.
    pub(crate) fetches: bool,
}

/// A location is compared with the proxy's configuration byte for byte, so no spelling of it may
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
    /// The proxy knows the files as URIs below `prefix`: nginx, Caddy. The prefix is plain text;
    /// what needs encoding is encoded by the backend.
    ///
    /// Give it a location that clients cannot reach (`internal` in nginx), or they can ask for the
    /// files directly.
    #[doc(alias = "destination_url")]
    pub fn to_uri(self, prefix: impl AsRef<str>) -> Rule {
        self.to(Destination::Uri(prefix.as_ref().into()))
    }

    /// The proxy knows the files as paths below `folder`: Apache, lighttpd. `folder` is an absolute
    /// path as the proxy sees it, for instance of a mount in its container.
    #[doc(alias = "destination_dir")]
    pub fn to_path(self, folder: impl AsRef<Path>) -> Rule {
        self.to(Destination::Path(folder.as_ref().into()))
    }

    /// The proxy fetches the file from the server that has it: nginx, Caddy. `location` is the
    /// location in the proxy's configuration that does it, made of `A-Z a-z 0-9 - . _ ~ /`. The
    /// configuration that the gateway prints has one for each rule.
    ///
    /// - The source must be a URL with scheme and host, and the proxy is only told of files below
    ///   it.
    /// - The proxy asks for the file's [link](crate::File::link), or else its URL, with the query.
    /// - The application states name, type and caching; the server that has the file answers range
    ///   and conditions.
    /// - Nothing is looked at before: a missing file is the proxy's 404.
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

    /// The client fetches the file itself: a GET or HEAD is answered with 302 and the file's
    /// [link](crate::File::link), with any proxy in front or none.
    ///
    /// - The source must be a URL with scheme and host.
    /// - The link is asked to state name and type of the file in the answer there. What else the
    ///   application states (caching, `Content-Security-Policy`, `nosniff`) does not reach the
    ///   client.
    /// - If a file has no link of its own, the client goes to its plain URL and sees only the
    ///   headers of that server, its name for the file included. Use it only if these are good as
    ///   they are.
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
