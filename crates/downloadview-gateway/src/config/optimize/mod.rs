//! `[optimize]`: the proxy in front and what is left to it.

mod announced;
mod charset;
mod ends;
mod front;
mod proxy;
mod rule;
mod rule_check;
mod rule_owner;
mod spooled;

use downloadview::headers::hand_off::is_hand_off;
use http::HeaderName;

pub use self::announced::AnnouncedProxy;
pub use self::charset::Charset;
pub use self::ends::{Destination, Source};
pub use self::front::Front;
pub use self::proxy::Proxy;
use self::proxy::Word;
pub use self::rule::{LimitRate, NginxRule, RuleConfig};
use crate::config::reader::scalar::{Fault, header_value, one_of};
use crate::config::reader::{Table, Value};
use crate::config::storage::Storages;

/// How downloads are handed to the proxy in front.
/// ```toml
/// [optimize]
/// backend = "nginx"
/// unmatched = "warn"
/// keep_headers = ["X-Request-Id"]
///
/// [optimize.add_headers]
/// Strict-Transport-Security = "max-age=31536000"
///
/// [[optimize.rules]]
/// source_url = "/media/"
/// destination_url = "/_internal/media/"
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OptimizeConfig {
    /// `backend`, with `proxies` if it is `"announced"`: what stands in front. One proxy carries out the rules that
    /// name no `backend` of their own. Default: `"none"`, so the gateway streams every file that no rule redirects.
    pub front: Front,
    /// `unmatched`: what happens to a file that no rule takes. Default: `"warn"`.
    pub unmatched: Unmatched,
    /// `rules`: the rules, in order; the first that matches a file decides. With announced proxies each names its
    /// backend, and comes after the proxy's own.
    pub rules: Vec<RuleConfig>,
    /// `keep_headers`: response headers that generated proxy configuration carries over, beside those it always names.
    /// In the spelling of the file; letters, digits, `-` and `_` only. Refused: headers that the proxy states itself,
    /// or keeps anyway, and hand-off headers. Default: none.
    pub keep_headers: Vec<String>,
    /// `add_headers`: response headers with a fixed value that nginx's generated configuration adds to delegated files,
    /// where the site's own `add_header` lines do not reach. Names as in `keep_headers`; a `$` in a value is refused.
    /// Default: none.
    pub add_headers: Vec<(String, String)>,
}

/// What happens to a file that no rule takes.
/// In a configuration without any rule, every file is streamed and nothing is logged; `"refuse"` is a mistake there, unless
/// its views have `optimize = false`. Where all rules redirect, `"warn"` is the same as `"stream"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unmatched {
    /// `"stream"`: streamed, and nothing is logged.
    Stream,
    /// `"warn"`: streamed, and logged as a warning.
    #[default]
    Warn,
    /// `"refuse"`: it is answered with 503. What lies nowhere is streamed all the same.
    Refuse,
}

impl OptimizeConfig {
    /// Reads `[optimize]`, which may be absent: everything is streamed then. Mistakes are reported at their place.
    pub(super) fn read(file: &mut Table<'_>, storages: &Storages) -> Self {
        const UNMATCHED: [(&str, Unmatched); 3] = [
            ("stream", Unmatched::Stream),
            ("warn", Unmatched::Warn),
            ("refuse", Unmatched::Refuse),
        ];

        let Some(mut table) = file
            .get("optimize")
            .and_then(|value| value.table("[optimize]"))
        else {
            return Self::default();
        };
        let front = read_front(&mut table, storages);
        let unmatched = table.parsed("unmatched", |text| one_of(text, &UNMATCHED, &[]));
        let owner = front.owner();
        let rules = RuleConfig::read_all(&mut table, "[[optimize.rules]]", storages, &owner);
        let keep_headers = table.get("keep_headers").map(|value| read_headers(&value));
        let add_headers = table.get("add_headers").and_then(|value| {
            let headers = value.table("[optimize.add_headers]")?;
            Some(read_added(&headers))
        });
        table.finish();
        Self {
            front,
            unmatched: unmatched.unwrap_or_default(),
            rules,
            keep_headers: keep_headers.unwrap_or_default(),
            add_headers: add_headers.unwrap_or_default(),
        }
    }
}

/// `backend`, and the proxies that may announce themselves.
fn read_front(table: &mut Table<'_>, storages: &Storages) -> Front {
    let word = table.parsed("backend", Word::read);
    let understood = word.is_some() || !table.has("backend");
    let word = word.unwrap_or_default();
    let proxies = announced::read_all(table, storages);
    if understood {
        announced::check_backend(table, word);
    }
    match word {
        Word::None => Front::None,
        Word::One(proxy) => Front::One(proxy),
        Word::Announced => Front::Announced(proxies),
    }
}

/// `add_headers`: its keys are names that the user chose, so none is unknown.
fn read_added(headers: &Table<'_>) -> Vec<(String, String)> {
    let added = headers.values().filter_map(|(name, value)| {
        let name = value.understood(header_name(name))?;
        Some((name, value.parsed(fixed_value)?))
    });
    added.collect()
}

/// A value that nginx sends as it is.
fn fixed_value(text: &str) -> Result<String, Fault> {
    header_value(text)?;
    match text.contains('$') {
        true => Err(Fault::new(
            "`$` begins a variable in nginx's language and has no escape",
            "write the header into the site itself",
        )),
        false => Ok(text.to_owned()),
    }
}

/// `keep_headers`; each bad name has a report of its own.
fn read_headers(value: &Value<'_>) -> Vec<String> {
    let items = value.items().unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item.parsed(header_name))
        .collect()
}

/// Whether a proxy's configuration has to carry a header over, and may.
pub(crate) fn can_be_kept(name: &str) -> bool {
    header_name(name).is_ok()
}

/// A header that a proxy's configuration may carry over.
fn header_name(text: &str) -> Result<String, Fault> {
    /// Said by the proxy of the file that it sends; a second value would contradict it.
    const OF_THE_PROXY: [&str; 9] = [
        "accept-ranges",
        "connection",
        "content-length",
        "content-range",
        "date",
        "etag",
        "last-modified",
        "server",
        "transfer-encoding",
    ];
    /// Carried over by every proxy or its generated configuration; naming them would send them twice.
    const KEPT_ANYWAY: [&str; 5] = [
        "cache-control",
        "content-disposition",
        "content-type",
        "expires",
        "set-cookie",
    ];

    let lower = text.to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || !text.bytes().all(plain) {
        return Err(Fault::new(
            format!("{text:?} is not a header name that a proxy can carry over"),
            "use letters, digits, `-` and `_`: \"X-Robots-Tag\"",
        ));
    }
    let fault = |message: String| Err(Fault::new(message, "take it out of the list"));
    if KEPT_ANYWAY.contains(&lower.as_str()) {
        return fault(format!("the proxy keeps {text} by itself"));
    }
    if OF_THE_PROXY.contains(&lower.as_str()) {
        return fault(format!(
            "the proxy says {text} itself, of the file it sends"
        ));
    }
    if HeaderName::try_from(text).is_ok_and(|name| is_hand_off(&name)) {
        return fault(format!(
            "{text} is between the gateway and the proxy, no client may see it"
        ));
    }
    Ok(text.to_owned())
}
