//! `[signing]`: the keys of signed links, and what links may say.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use downloadview::signature::{Key, Keys, MIN_SECRET_LEN, Verifier};

use super::reader::scalar::{Fault, duration, of_variable, or_off, positive_duration, secret};
use super::reader::{Secret, Table, Value, paths};

/// The keys of signed links, and what links may say. Views ask for links by `signature`.
///
/// ```toml
/// [signing]
/// realm = "files.example"
/// max_lifetime = "7d"
/// user_cookie = "sessionid"
///
/// [[signing.keys]]                      # the first one signs, all verify
/// id = "2026b"
/// secret_env = "LINK_KEY"               # or secret_file = "/etc/downloadview/2026b.key"
/// ```
///
/// A change counts from the next request after SIGHUP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningConfig {
    /// `realm`: keeps links of one site from being good on another with the same keys. Default: empty.
    pub realm: String,
    /// `max_lifetime`: for how long a link may be good, from its date on; `"off"` for any time. Default: 7 days.
    pub max_lifetime: Option<Duration>,
    /// `resume_grace`: for how long after its expiry a link still resumes a download of the same state. Default: no time.
    pub resume_grace: Duration,
    /// `ignore_after`: names of parameters that may follow the signature, as mailers append them; `*` at the end of one
    /// stands for anything. Default: none.
    pub ignore_after: Vec<String>,
    /// `prefix`: what a proxy in front takes off the path, and was signed. Default: nothing.
    pub prefix: Option<String>,
    /// `user_cookie`: the cookie whose value is the audience of links for a user. Default: none, so that such links are
    /// refused.
    pub user_cookie: Option<String>,
    /// `keys`: the first one signs, all verify; at least one, each with its own `id`.
    pub keys: Vec<LinkKey>,
}

/// A key of signed links.
/// ```toml
/// [[signing.keys]]
/// id = "2026b"                          # letters, digits, `-` and `_`; stands in each link
/// secret_file = "2026b.key"             # or secret_env, or secret; at least 32 bytes
/// valid_from = "2026-11-26"             # or "2026-11-26T08:00:00Z"
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkKey {
    /// `id`: stands in each link. Required.
    pub id: String,
    /// `secret`, `secret_env` with the name of a variable, or `secret_file` with that of a file: at least 32 bytes. Exactly one is
    /// required.
    /// `downloadview sign --new-key` makes one.
    pub secret: Secret,
    /// `valid_from`: links that were made earlier are refused; a day or a second of UTC. Default: none are.
    pub valid_from: Option<SystemTime>,
}

/// Whether a view asks for a signed link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// `"required"`: nothing without a good link.
    Required,
    /// `"optional"`: a request without a link passes; one with a bad link does not.
    Optional,
}

/// The name of the table in messages.
const NAME: &str = "[signing]";
/// The name of the list of keys in messages.
const KEYS: &str = "[[signing.keys]]";
/// Default of `max_lifetime`.
const WEEK: Duration = Duration::from_secs(7 * 86_400);

impl SigningConfig {
    /// Reads the table; `None` if there is none, or it holds mistakes.
    pub(super) fn read(file: &mut Table<'_>) -> Option<Self> {
        let mut table = file.get("signing")?.table(NAME)?;
        let max_lifetime = table.parsed("max_lifetime", or_off(positive_duration));
        let ignored = table.get("ignore_after").and_then(|value| value.items());
        let ignored = ignored.unwrap_or_default();
        let mut config = Self {
            realm: table.parsed("realm", realm).unwrap_or_default(),
            max_lifetime: max_lifetime.unwrap_or(Some(WEEK)),
            resume_grace: table.parsed("resume_grace", duration).unwrap_or_default(),
            ignore_after: ignored
                .iter()
                .filter_map(|item| item.parsed(ignored_name))
                .collect(),
            prefix: table.parsed("prefix", prefix),
            user_cookie: table.parsed("user_cookie", cookie_name),
            keys: Vec::new(),
        };
        let keys = table.get("keys");
        if keys.is_none() {
            table.report(
                "[signing] has no key",
                "add [[signing.keys]] with id and secret_env; `downloadview sign --new-key` makes a secret",
            );
        }
        for key in keys.iter().flat_map(|value| value.tables(KEYS)) {
            let (span, source) = (key.span.clone(), key.source);
            let Some(key) = LinkKey::read(key) else {
                continue;
            };
            if config.keys.iter().any(|known| known.id == key.id) {
                let message = format!("two keys have the id `{}`", key.id);
                let problem = super::Problem::new(span, message);
                source.report(problem.with_help("give each key its own id"));
                continue;
            }
            config.keys.push(key);
        }
        table.finish();
        (!config.keys.is_empty()).then_some(config)
    }

    /// The keys, as the library takes them.
    ///
    /// # Errors
    ///
    /// None that reading the file would not have told.
    pub fn keys(&self) -> Result<Keys, downloadview::BuildError> {
        let made = self.keys.iter().map(|key| {
            let made = Key::new(&key.id, key.secret.expose())?;
            Ok(match key.valid_from {
                Some(time) => made.valid_from(time),
                None => made,
            })
        });
        let mut made = made
            .collect::<Result<Vec<_>, downloadview::BuildError>>()?
            .into_iter();
        let signing = made.next();
        let signing =
            signing.ok_or_else(|| downloadview::BuildError::new("[signing] has no key"))?;
        made.try_fold(Keys::new(signing), Keys::and)
    }

    /// The verifier that the table describes.
    ///
    /// # Errors
    ///
    /// As [`keys`](Self::keys).
    pub fn verifier(&self) -> Result<Verifier, downloadview::BuildError> {
        let mut verifier = Verifier::new(self.keys()?)
            .realm(&*self.realm)?
            .resume_grace(self.resume_grace)
            .ignore_after(&self.ignore_after)?;
        if let Some(prefix) = &self.prefix {
            verifier = verifier.prefix(prefix)?;
        }
        Ok(match self.max_lifetime {
            Some(longest) => verifier.max_lifetime(longest),
            None => verifier.without_max_lifetime(),
        })
    }
}

impl LinkKey {
    /// Reads one key; `None` if it holds mistakes, which are reported without the secret.
    fn read(mut table: Table<'_>) -> Option<Self> {
        table.hide_all_but(&HARMLESS);
        let folder = table.source.folder;
        let id = table.parsed("id", id);
        let id = table.require("id", "\"2026b\"", id);
        let secrets = [
            table.parsed("secret", link_secret),
            table.parsed("secret_env", |name| of_variable(name, link_secret)),
            table.parsed("secret_file", |text| secret_of_file(text, folder)),
        ];
        let named = ["secret", "secret_env", "secret_file"];
        let named = named.into_iter().filter(|key| table.has(key)).count();
        let valid_from = table.parsed("valid_from", moment);
        if named != 1 {
            table.report(
                "a key has one of `secret`, `secret_env` and `secret_file`",
                "write secret_env = \"LINK_KEY\", the name of an environment variable",
            );
        }
        table.finish();
        Some(Self {
            id: id?,
            secret: secrets.into_iter().flatten().next()?,
            valid_from,
        })
    }
}

/// At least 32 bytes. The message never holds the text.
fn link_secret(text: &str) -> Result<Secret, Fault> {
    let secret = secret(text, MIN_SECRET_LEN, "downloadview sign --new-key")?;
    Ok(Secret::new(secret))
}

/// The first line of a file; an editor may have ended it.
fn secret_of_file(text: &str, folder: &Path) -> Result<Secret, Fault> {
    let path: PathBuf = paths::absolute(text, folder)?;
    let shown = path.display();
    let held = fs::read_to_string(&path).map_err(|error| {
        Fault::new(
            format!("cannot read {shown}: {error}"),
            "let the user who runs the gateway read this file, and nobody else",
        )
    })?;
    link_secret(held.trim_end_matches(['\n', '\r']))
}

impl Signature {
    /// Reads `signature` of a view. `signs`: whether the file has keys.
    pub(super) fn read(view: &mut Table<'_>, signs: bool) -> Option<Self> {
        let value = view.get("signature")?;
        let read: Option<Self> = value.parsed(|text| match text {
            "required" => Ok(Self::Required),
            "optional" => Ok(Self::Optional),
            _ => Err(Fault::new(
                format!("`{text}` does not say whether a link must be signed"),
                "use \"required\" or \"optional\"",
            )),
        });
        if !signs {
            without_keys(&value);
        }
        read
    }
}

/// Refuses a view that asks for signatures in a file without `[signing]`.
fn without_keys(value: &Value<'_>) {
    value.refuse(Fault::new(
        "the file has no keys, so every link would be refused",
        "add [signing] and [[signing.keys]] with id and secret_env",
    ));
}

/// The keys whose values a report may show.
const HARMLESS: [&str; 4] = ["id", "secret_env", "secret_file", "valid_from"];

/// The id of a key, as links state it. Checked by the library, so that both take the same ones.
fn id(text: &str) -> Result<String, Fault> {
    // Only the id can be wrong with a secret of this length.
    match Key::new(text, [b'x'; MIN_SECRET_LEN]) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Fault::new(
            format!("{text:?} is not the id of a key"),
            "use 1 to 32 letters, digits, `-` and `_`: \"2026b\"",
        )),
    }
}

/// What tells the links of one site from those of another that has the same keys: text without control characters.
fn realm(text: &str) -> Result<String, Fault> {
    match text.chars().any(char::is_control) {
        false => Ok(text.to_owned()),
        true => Err(Fault::new(
            "the realm holds a line break or another control character",
            "write the name of the site: \"files.example\"",
        )),
    }
}

/// What a proxy takes off the path before it arrives here: `/files`. Checked by the library.
fn prefix(text: &str) -> Result<String, Fault> {
    let key = Key::new("a", [b'x'; MIN_SECRET_LEN]).map(Keys::new);
    match key.and_then(|keys| Verifier::new(keys).prefix(text)) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Fault::new(
            format!("{text:?} is not what a proxy takes off a path"),
            "begin with a slash and end without one, percent-encoded: \"/files\"",
        )),
    }
}

/// The name of a parameter that others append to links, or the beginning of such names with `*`. Checked by the library.
fn ignored_name(text: &str) -> Result<String, Fault> {
    let key = Key::new("a", [b'x'; MIN_SECRET_LEN]).map(Keys::new);
    match key.and_then(|keys| Verifier::new(keys).ignore_after([text])) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Fault::new(
            format!("{text:?} is not the name of a parameter"),
            "write \"fbclid\", or \"utm_*\" for all that begin so",
        )),
    }
}

/// RFC 6265, 4.1.1: a token.
fn cookie_name(text: &str) -> Result<String, Fault> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    match !text.is_empty() && text.bytes().all(token) {
        true => Ok(text.to_owned()),
        false => Err(Fault::new(
            format!("{text:?} is not the name of a cookie"),
            "write the name of the session's cookie: \"sessionid\"",
        )),
    }
}

/// A day, or a second, of UTC (RFC 3339).
fn moment(text: &str) -> Result<SystemTime, Fault> {
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, time.strip_suffix('Z')),
        None => (text, Some("00:00:00")),
    };
    let day = numbers(day, '-', [4, 2, 2]).and_then(days);
    let time = time.and_then(|time| numbers(time, ':', [2, 2, 2]));
    let time = time.filter(|[h, m, s]| *h < 24 && *m < 60 && *s < 60);
    let seconds = day
        .zip(time)
        .map(|(day, [h, m, s])| day * 86_400 + h * 3600 + m * 60 + s);
    let found = seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    found.ok_or_else(|| {
        Fault::new(
            format!("{text:?} is not a day or a second of UTC"),
            "write \"2026-11-26\" or \"2026-11-26T08:00:00Z\"",
        )
    })
}

/// Three numbers with `between` between them, each of exactly so many digits: no sign, no space, no shorter form.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let parts: Vec<_> = text.split(between).collect();
    let parts: [&str; 3] = parts.try_into().ok()?;
    let long = parts
        .iter()
        .zip(digits)
        .all(|(part, digits)| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()));
    let [first, second, third] = parts.map(|part| part.parse().unwrap_or_default());
    long.then_some([first, second, third])
}

/// Days from 1970 to a date of the Gregorian calendar.
fn days([year, month, day]: [u64; 3]) -> Option<u64> {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let february = if leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = usize::try_from(month).ok()?.checked_sub(1)?;
    let is_date = year >= 1970 && (1..=*months.get(month)?).contains(&day);
    let years: u64 = (1970..year)
        .map(|year| if leap(year) { 366 } else { 365 })
        .sum();
    is_date.then(|| years + months[..month].iter().sum::<u64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_a_second_are_understood() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2026-11-26", 1_795_651_200),
            ("2027-01-15T08:00:00Z", 1_800_000_000),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(moment(text), Ok(time), "{text}");
        }
        for text in [
            "",
            "2026",
            "1969-12-31",
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-1-01",
            "2026-11-31",
            "2026-11-26T08:00:00",
            "2026-11-26T24:00:00Z",
            "2026-11-26 08:00:00Z",
            "2026-11-26T08:00:00+01:00",
            "+026-11-26",
        ] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
