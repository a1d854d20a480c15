//! One link: what it grants, for whom, and until when.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::form::{NEVER, SIGNATURE, VERSION, is_signed};
use super::issuer::Issuer;
use super::{Audience, seconds, target};
use crate::error::BuildError;
use crate::headers::{Disposition, media_type};

/// A link that is being made by [`Signer::link`](super::Signer::link). [`sign`](Self::sign) gives its text.
///
/// ```
/// use std::time::Duration;
/// use downloadview::signature::{Audience, Key, Keys, Signer};
///
/// let keys = Keys::new(Key::new("2026a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI")?);
/// let signer = Signer::new(keys);
/// let link = signer
///     .link("/media/a.txt")
///     .expires_in(Duration::from_secs(3600))
///     .audience(Audience::user("alice")?)
///     .sign()?;
/// // Whom it is for is not told by the link.
/// assert!(link.contains("&X-Download-Audience=user&") && !link.contains("alice"));
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "`sign` makes the link"]
pub struct Link {
    issuer: Issuer,
    target: String,
    date: Option<SystemTime>,
    expiry: Option<Expiry>,
    name: Option<String>,
    disposition: Option<Disposition>,
    content_type: Option<String>,
    audience: Option<Audience>,
}

#[derive(Debug, Clone, Copy)]
enum Expiry {
    In(Duration),
    At(SystemTime),
    Never,
}

impl Link {
    pub(super) fn new(issuer: Issuer, target: String) -> Self {
        Self {
            issuer,
            target,
            date: None,
            expiry: None,
            name: None,
            disposition: None,
            content_type: None,
            audience: None,
        }
    }

    /// It is good for this time from its date on, in whole seconds; at the last of them it is not
    /// good any more.
    pub fn expires_in(mut self, life: Duration) -> Self {
        self.expiry = Some(Expiry::In(life));
        self
    }

    /// It is good until the second in which this time lies.
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.expiry = Some(Expiry::At(time));
        self
    }

    /// It is good as long as its key is. Only where signer and verifier have no longest time.
    pub fn never_expires(mut self) -> Self {
        self.expiry = Some(Expiry::Never);
        self
    }

    /// From when on it is good. Default: now.
    pub fn dated(mut self, time: SystemTime) -> Self {
        self.date = Some(time);
        self
    }

    /// The name under which the client saves the file. Default: what the view states.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Whether the client saves or shows the file. Default: what the view states.
    pub fn disposition(mut self, disposition: Disposition) -> Self {
        self.disposition = Some(disposition);
        self
    }

    /// The media type. Default: that of the view or of the file.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Whom it is for. Default: whoever has it.
    pub fn audience(mut self, audience: Audience) -> Self {
        self.audience = Some(audience);
        self
    }

    /// The link: target and signature, to be put behind scheme and host.
    ///
    /// # Errors
    ///
    /// A proxy would respell the target; the expiry is missing, not later than the date, or later
    /// than is allowed; the name is empty or has control characters; the type is not a media type;
    /// the link has more than 4096 bytes.
    pub fn sign(self) -> Result<String, BuildError> {
        let refuse = |why: &str| Err(BuildError::new(format!("signature: the target: {why}")));
        if let Err(why) = target::check(&self.target) {
            return refuse(why);
        }
        if is_signed(&self.target) {
            return refuse("it has a parameter `X-Download-…`, as signed links have");
        }
        let (date, expires) = self.times()?;
        let mut link = self.target;
        link.push(if link.contains('?') { '&' } else { '?' });
        let key = self.issuer.keys.signing();
        // Writing to a text cannot fail.
        let _ = write!(link, "X-Download-Key={}&X-Download-Date={date}", key.id());
        let _ = write!(link, "&X-Download-Expires={expires}");
        if let Some(name) = &self.name {
            push(&mut link, "Name", &value("name", name)?);
        }
        if let Some(disposition) = self.disposition {
            let word = match disposition {
                Disposition::Attachment => "attachment",
                Disposition::Inline => "inline",
            };
            push(&mut link, "Disposition", word);
        }
        if let Some(content_type) = &self.content_type {
            media_type(content_type)
                .map_err(|why| BuildError::new(format!("signature: the type: {why}")))?;
            push(&mut link, "Type", &value("type", content_type)?);
        }
        let audience = self.audience.as_ref();
        if let Some(audience) = audience {
            push(&mut link, "Audience", audience.kind().as_str());
        }
        let value = audience.map_or("", Audience::value);
        let realm = &*self.issuer.realm;
        let signature = key.mac().sign(&[VERSION, realm, "\n", value, "\n", &link]);
        link.push_str(SIGNATURE);
        link.push_str(&signature);
        match link.len() <= target::LONGEST {
            true => Ok(link),
            false => Err(BuildError::new(format!(
                "signature: the link has {} bytes, and not every proxy takes more than {}",
                link.len(),
                target::LONGEST
            ))),
        }
    }

    /// Date and expiry as they stand in the link.
    fn times(&self) -> Result<(u64, String), BuildError> {
        let refuse = |why: &str| Err(BuildError::new(format!("signature: the expiry: {why}")));
        let date = seconds::of(self.date.unwrap_or_else(SystemTime::now));
        let longest = self.issuer.max_lifetime;
        let expires = match self.expiry {
            None => return refuse("it is missing; state expires_in"),
            Some(Expiry::Never) if longest.is_some() => {
                return refuse("a link that never expires needs a signer without a longest time");
            }
            Some(Expiry::Never) => return Ok((date, NEVER.to_owned())),
            Some(Expiry::In(life)) => date.saturating_add(life.as_secs()),
            Some(Expiry::At(time)) => seconds::of(time),
        };
        if expires <= date {
            return refuse("it is not later than the date");
        }
        if longest.is_some_and(|longest| expires - date > longest.as_secs()) {
            return refuse("it is later than the longest time that a link may be good");
        }
        if seconds::to_time(expires).is_none() {
            return refuse("it is later than the clock can tell");
        }
        Ok((date, expires.to_string()))
    }
}

fn push(link: &mut String, name: &str, value: &str) {
    let _ = write!(link, "&X-Download-{name}={value}");
}

/// A value in its one spelling.
fn value(what: &str, text: &str) -> Result<String, BuildError> {
    let encoded = target::encode(text);
    match text.is_empty() || target::decode(&encoded).is_none() {
        false => Ok(encoded),
        true => Err(BuildError::new(format!(
            "signature: the {what} is empty, or holds a control character"
        ))),
    }
}
