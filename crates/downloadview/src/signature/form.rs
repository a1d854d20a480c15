//! The form of a signed link: the names of its parameters, their order, and how a link is split.
//!
//! Splitting is by text alone. What it finds means nothing before the signature was found good:
//! the key's id and the kind of audience choose what the signature is compared with, no more.

use std::borrow::Cow;

use super::audience::AudienceKind;
use super::{mac, seconds, target};
use crate::error::SignatureFault;
use crate::headers::Disposition;
use crate::permission::Grant;

/// The first line of what is signed: the version of the format.
pub(super) const VERSION: &str = "downloadview-link-1\n";
/// What begins the name of each parameter.
const PREFIX: &str = "X-Download-";
/// What stands between what is signed and the signature.
pub(super) const SIGNATURE: &str = "&X-Download-Signature=";
const AUDIENCE: &str = "X-Download-Audience=";

/// What an expiry says of a link that never expires.
pub(super) const NEVER: &str = "never";

/// Whether the query of a target has a parameter of a signed link, in whatever case: then the link
/// must be good, and does not count as one that nobody signed.
///
/// ```
/// use downloadview::signature::is_signed;
/// assert!(is_signed("/a.txt?x-download-key=1"));
/// assert!(!is_signed("/a.txt?download=1"));
/// ```
#[must_use]
pub fn is_signed(target: &str) -> bool {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(is_ours)
}

/// Whether a parameter is one of a signed link, in whatever case and however escaped.
fn is_ours(parameter: &str) -> bool {
    let name = parameter.split('=').next().unwrap_or_default();
    let name: Cow<'_, [u8]> = percent_encoding::percent_decode_str(name).into();
    name.get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX.as_bytes()))
}

/// A target, split into what is signed and its signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split<'a> {
    /// Everything before `&X-Download-Signature=`.
    pub(super) signed: &'a str,
    pub(super) signature: &'a str,
    /// The id of the key.
    pub(super) key: &'a str,
    pub(super) audience: Option<AudienceKind>,
    /// Parameters of the signed part, from the key's on.
    ours: &'a str,
    /// The path, and the link's own query.
    own: &'a str,
}

impl<'a> Split<'a> {
    /// Splits a target. Parameters behind the signature are cut off if `ignored` says so of each.
    pub(super) fn of(
        target: &'a str,
        ignored: impl Fn(&str) -> bool,
    ) -> Result<Self, SignatureFault> {
        let malformed = |why| Err(SignatureFault::Malformed(why));
        let Some((signed, rest)) = at_the_end(target).or_else(|| target.rsplit_once(SIGNATURE))
        else {
            return Err(match is_signed(target) {
                false => SignatureFault::Missing,
                true => SignatureFault::Malformed("the signature is missing, or misspelt"),
            });
        };
        let (signature, behind) = match rest.split_once('&') {
            Some((signature, behind)) => (signature, Some(behind)),
            None => (rest, None),
        };
        if let Some(behind) = behind
            && !behind
                .split('&')
                .all(|parameter| ignored(name_of(parameter)))
        {
            return malformed("something follows the signature");
        }
        if signature.len() != mac::LEN {
            return malformed("the signature has the wrong length");
        }
        let Some((path, query)) = signed.split_once('?') else {
            return malformed("there is no question mark before the signature");
        };
        // The first one; a second one is found when all of them are read.
        let start = match query.starts_with(KEY) {
            true => Some(0),
            false => query.find(AND_KEY).map(|at| at + 1),
        };
        let Some(start) = start else {
            return malformed("it names no key");
        };
        let ours = &query[start..];
        let key = ours[KEY.len()..].split('&').next().unwrap_or_default();
        let last = ours.rsplit('&').next().unwrap_or_default();
        let audience = match last.strip_prefix(AUDIENCE) {
            None => None,
            Some(kind) => match AudienceKind::parse(kind) {
                Some(kind) => Some(kind),
                None => return malformed("its audience is of no known kind"),
            },
        };
        let own = &signed[..path.len() + 1 + start];
        Ok(Self {
            signed,
            signature,
            key,
            audience,
            ours,
            own,
        })
    }
}

/// What stands around the name of the signature, in a target that ends with one, as nearly all do:
/// what searching for the last such name finds.
fn at_the_end(target: &str) -> Option<(&str, &str)> {
    let (before, signature) = target.split_at_checked(target.len().checked_sub(mac::LEN)?)?;
    let signed = before.strip_suffix(SIGNATURE)?;
    // Else another name may begin in it.
    (!signature.contains('&')).then_some((signed, signature))
}

const KEY: &str = "X-Download-Key=";
const AND_KEY: &str = "&X-Download-Key=";

/// The name of a parameter, as it stands there.
fn name_of(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or_default()
}

/// What a link says, read after its signature was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) date: u64,
    /// `None`: never.
    pub(super) expires: Option<u64>,
    pub(super) grant: Grant,
}

impl Statement {
    /// Reads the parameters: in this order, once each, and no others of their kind.
    pub(super) fn read(split: &Split<'_>) -> Result<Self, SignatureFault> {
        let malformed = SignatureFault::Malformed;
        let own = split.own.split_once('?').map_or("", |(_, query)| query);
        if own.split('&').any(is_ours) {
            return Err(malformed(
                "a parameter of the signature stands before the key",
            ));
        }
        let mut rest = split.ours.split('&').peekable();
        let mut next = |name: &str| {
            let value = rest.peek()?.strip_prefix(PREFIX)?.strip_prefix(name)?;
            let value = value.strip_prefix('=')?;
            rest.next();
            Some(value)
        };
        let key = next("Key");
        let date = next("Date").and_then(seconds::parse);
        let expires = next("Expires");
        let (Some(_), Some(date), Some(expires)) = (key, date, expires) else {
            return Err(malformed(
                "key, date and expiry do not stand there in this order",
            ));
        };
        let expires = match expires {
            NEVER => None,
            seconds => {
                let seconds = seconds::parse(seconds);
                Some(seconds.ok_or(malformed("its expiry is not a number"))?)
            }
        };
        let mut grant = Grant::new();
        if let Some(name) = next("Name") {
            let name = target::decode(name).filter(|name| !name.is_empty());
            grant = grant.basename(name.ok_or(malformed("its name is not well spelt"))?);
        }
        if let Some(disposition) = next("Disposition") {
            grant = grant.disposition(match disposition {
                "inline" => Disposition::Inline,
                "attachment" => Disposition::Attachment,
                _ => {
                    return Err(malformed(
                        "its disposition is neither inline nor attachment",
                    ));
                }
            });
        }
        if let Some(content_type) = next("Type") {
            let wrong = malformed("its type is not a media type");
            let text = target::decode(content_type).ok_or(wrong)?;
            grant = grant.content_type(&text).map_err(|_| wrong)?;
        }
        next("Audience");
        if rest.next().is_some() {
            return Err(malformed(
                "a parameter is unknown, stands twice, or out of order",
            ));
        }
        Ok(Self {
            date,
            expires,
            grant,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_end_of_a_target_is_what_a_search_finds(
            pieces in proptest::collection::vec("&X-Download-Signature=|[a-zé&=]{0,22}", 0..8)
        ) {
            let target = pieces.concat();
            if let Some(found) = at_the_end(&target) {
                prop_assert_eq!(Some(found), target.rsplit_once(SIGNATURE));
            }
        }
    }

    #[test]
    fn a_target_that_ends_with_a_signature_is_split_there() {
        let signature = "s".repeat(mac::LEN);
        let target = format!("/a?b{SIGNATURE}{signature}");
        assert_eq!(at_the_end(&target), Some(("/a?b", &*signature)));
        assert_eq!(at_the_end(&format!("{target}&utm_source=a")), None);
    }
}
