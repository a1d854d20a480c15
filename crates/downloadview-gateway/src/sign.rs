//! `downloadview sign`: makes signed links and keys for them, and says what a link says.
//!
//! A link is explained by the verifier of the configuration, so it cannot be of another opinion than the gateway.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use downloadview::error::SignatureFault;
use downloadview::headers::Disposition;
use downloadview::signature::{Audience, Key, Signer};

use crate::app::Routes;
use crate::cli::{Life, SignArgs, target_of};
use crate::config::{Config, Front, Listen, SigningConfig};
use crate::numbers::span;

/// The first second of a year with five digits.
const YEAR_10000: u64 = 253_402_300_800;

/// A secret for a new key, and what to do with it.
///
/// # Errors
///
/// The operating system has no random bytes.
pub fn new_key() -> anyhow::Result<String> {
    Ok(format!("{}\n", Key::new_secret()?))
}

/// The link that the arguments describe, signed by the first key of the configuration.
///
/// # Errors
///
/// The configuration has no keys, no view asks for links to this path, nothing tells the gateway whether it is the one that
/// the link is for who asks, or the link cannot be made.
pub fn link(config: &Config, args: &SignArgs) -> anyhow::Result<String> {
    let signing = signing(config)?;
    let target = args.target.as_deref().unwrap_or_default();
    asks_for_links(config, signing, target)?;
    is_told(config, signing, args)?;
    let mut link = signer(signing)?.link(target);
    let life = args.expires.context("--expires says no time")?;
    is_allowed(config, signing, life)?;
    link = match life {
        Life::For(life) => link.expires_in(life),
        Life::Never => link.never_expires(),
    };
    if let Some(name) = &args.name {
        link = link.name(name);
    }
    if args.inline {
        link = link.disposition(Disposition::Inline);
    }
    if args.attachment {
        link = link.disposition(Disposition::Attachment);
    }
    if let Some(content_type) = &args.content_type {
        link = link.content_type(content_type);
    }
    if let Some(audience) = asker(args.audience.as_deref(), args.client)? {
        link = link.audience(audience);
    }
    Ok(format!("{}\n", link.sign()?))
}

/// Who signs the links of a configuration, with its first key.
///
/// # Errors
///
/// A key or the realm is not valid.
pub(crate) fn signer(signing: &SigningConfig) -> anyhow::Result<Signer> {
    let signer = Signer::new(signing.keys()?).realm(&*signing.realm)?;
    Ok(match signing.max_lifetime {
        Some(longest) => signer.max_lifetime(longest),
        None => signer.without_max_lifetime(),
    })
}

/// Whom a link is for, or who asks.
///
/// # Errors
///
/// The user's value is empty, or holds a control character.
pub fn asker(user: Option<&str>, client: Option<IpAddr>) -> anyhow::Result<Option<Audience>> {
    Ok(match (user, client) {
        (Some(user), _) => Some(Audience::user(user)?),
        (None, client) => client.map(Audience::of_client),
    })
}

/// Whether a link may be good for so long.
fn is_allowed(config: &Config, signing: &SigningConfig, life: Life) -> anyhow::Result<()> {
    let Some(longest) = signing.max_lifetime else {
        return Ok(());
    };
    let allowed = match life {
        Life::For(life) => life.as_secs() <= longest.as_secs(),
        Life::Never => false,
    };
    ensure!(
        allowed,
        "{}: no link is good for longer than max_lifetime of [signing], which is {}: choose a shorter --expires, or \
         raise max_lifetime; max_lifetime = \"off\" allows any time, and never",
        config.file.display(),
        span(longest.as_secs()),
    );
    Ok(())
}

/// What whoever makes a link for a network should know: it goes to stderr, because the link is good where no proxy is in
/// front.
#[must_use]
pub fn warning(config: &Config, args: &SignArgs) -> Option<String> {
    let is_announced = matches!(config.optimize.front, Front::Announced(_));
    let file = config.file.display();
    (args.client.is_some() && config.trusted_proxies.is_empty() && !is_announced).then(|| {
        format!(
            "{file}: behind a proxy this link is refused to everybody, because the gateway sees the proxy's address in place \
             of the client's; add trusted_proxies = [\"127.0.0.1\"] with the address of the proxy, unless there is none"
        )
    })
}

/// Whether the gateway is told who asks, where a link is for somebody: any other would refuse it to everybody.
fn is_told(config: &Config, signing: &SigningConfig, args: &SignArgs) -> anyhow::Result<()> {
    let file = config.file.display();
    if args.audience.is_some() && signing.user_cookie.is_none() {
        bail!(
            "{file}: a link for a user is refused to everybody while nothing says who asks; add user_cookie = \"sessionid\" \
             to [signing], with the name of the cookie whose value --audience has, or leave --audience out"
        );
    }
    let is_socket = matches!(config.listen, Listen::Unix(_));
    let nobody_says =
        config.trusted_proxies.is_empty() && !matches!(config.optimize.front, Front::Announced(_));
    if args.client.is_some() && is_socket && nobody_says {
        bail!(
            "{file}: a link for a network is refused to everybody while nothing says where a client of the Unix socket \
             comes from; add trusted_proxies = [\"unix\"], or leave --client out"
        );
    }
    Ok(())
}

/// What is to be told of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What it says, line by line.
    pub text: String,
    /// Whether whoever asks gets the file by it.
    pub is_good: bool,
}

/// What a link says, and whether it is good now for whoever asks. Scheme and host do not matter.
///
/// # Errors
///
/// The configuration has no keys.
pub fn explain(config: &Config, link: &str, asker: Option<&Audience>) -> anyhow::Result<Explained> {
    let signing = signing(config)?;
    let target = target_of(link);
    let target = &*target;
    let arrived = match &signing.prefix {
        Some(prefix) => target.strip_prefix(&**prefix).unwrap_or(target),
        None => target,
    };
    let value = |kind| {
        let asker = asker.filter(|asker| asker.kind() == kind);
        asker.map(|asker| asker.value().to_owned())
    };
    let mut text = String::new();
    let verdict = signing.verifier()?.verify(arrived, value);
    let route = asks_for_links(config, signing, target);
    let is_good = verdict.is_ok() && route.is_ok();
    // Writing to a text cannot fail.
    match verdict {
        Ok(verified) => {
            let _ = writeln!(text, "good      by key {}", verified.key());
            let _ = writeln!(text, "since     {}", moment(verified.date()));
            let until = verified.expires().map_or("never".to_owned(), moment);
            let _ = writeln!(text, "expires   {until}");
        }
        Err(fault) => {
            let help = match fault {
                SignatureFault::NoAudience => ": give --audience USER (or --client IP)",
                _ => "",
            };
            let _ = writeln!(text, "refused   {fault}{help}");
        }
    }
    for parameter in parameters(target) {
        let _ = writeln!(text, "says      {parameter}");
    }
    match route {
        Ok(route) => {
            let _ = writeln!(text, "route     {route}");
        }
        Err(why) => {
            let _ = writeln!(text, "route     {why}");
        }
    }
    Ok(Explained { text, is_good })
}

fn signing(config: &Config) -> anyhow::Result<&SigningConfig> {
    let file = config.file.display();
    let signing = config.signing.as_ref();
    signing.with_context(|| {
        format!("{file}: there are no keys for links; add [signing] and [[signing.keys]]")
    })
}

/// The route of the view that looks at links to this target.
fn asks_for_links(
    config: &Config,
    signing: &SigningConfig,
    target: &str,
) -> anyhow::Result<String> {
    let path = target.split('?').next().unwrap_or_default();
    let path = match &signing.prefix {
        None => path,
        Some(prefix) => match path.strip_prefix(&**prefix) {
            Some(path) => path,
            None => bail!("the path does not begin with the prefix {prefix} of [signing]"),
        },
    };
    match Routes::of(config)?.find(path) {
        None => bail!("no view has this path"),
        Some(view) if view.signature.is_none() => bail!(
            "the view {} does not look at signatures; write signature = \"required\" into it",
            view.route
        ),
        Some(view) => Ok(view.route.to_string()),
    }
}

/// What stands in a link, but the signature.
fn parameters(target: &str) -> impl Iterator<Item = &str> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let parameters = query.split('&').filter(|it| !it.is_empty());
    parameters.filter(|it| !it.starts_with("X-Download-Signature"))
}

/// A second of UTC, and how far it is from now.
fn moment(second: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    let far = match second.checked_sub(now) {
        Some(0) => "now".to_owned(),
        Some(ahead) => format!("in {}", span(ahead)),
        None => format!("{} ago", span(now - second)),
    };
    match UNIX_EPOCH.checked_add(Duration::from_secs(second)) {
        // What `httpdate` writes; it knows no later year.
        Some(time) if second < YEAR_10000 => format!("{}, {far}", httpdate::fmt_http_date(time)),
        _ => format!("{second}, {far}"),
    }
}
