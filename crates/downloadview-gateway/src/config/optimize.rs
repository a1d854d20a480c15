//! `[optimize]`: the proxy in front and what is left to it.

use super::file::{Table, Value};
use super::rule::RuleConfig;
use super::scalar::{Fault, one_of};
use super::storage::Storages;

/// How downloads are handed to the proxy in front.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OptimizeConfig {
    /// The proxy in front, for rules that name none. Default: none, everything is streamed.
    pub backend: BackendKind,
    /// What happens to a file that no rule takes. Default: streamed, with a warning in the log.
    pub unmatched: Unmatched,
    /// The rules, in order; the first that matches a file decides.
    pub rules: Vec<RuleConfig>,
    /// Response headers that generated proxy configuration carries over, beside those it always names.
    /// In the spelling of the file; letters, digits, `-` and `_` only. Default: none.
    pub keep_headers: Vec<String>,
}

/// A proxy that delivers files for the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BackendKind {
    /// `"none"`: no proxy; the gateway streams every file.
    #[default]
    None,
    /// `"nginx"`: hand-off by `X-Accel-Redirect`.
    Nginx,
}

/// What happens to a file that no rule takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unmatched {
    /// `"stream"`: streamed, without a word.
    Stream,
    /// `"warn"`: streamed, and logged as a warning.
    #[default]
    Warn,
    /// `"refuse"`: not delivered.
    Refuse,
}

impl OptimizeConfig {
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
        let backend = table
            .parsed("backend", BackendKind::read)
            .unwrap_or_default();
        let unmatched = table.parsed("unmatched", |text| one_of(text, &UNMATCHED, &[]));
        let rules = RuleConfig::read_all(&mut table, "[[optimize.rules]]", storages, backend);
        let keep_headers = table.get("keep_headers").map(|value| read_headers(&value));
        for later in ["proxies", "spool"] {
            if let Some(value) = table.get(later) {
                let fault = Fault::new("not available in this version", "take it out");
                value.refuse(fault);
            }
        }
        table.finish();
        Self {
            backend,
            unmatched: unmatched.unwrap_or_default(),
            rules,
            keep_headers: keep_headers.unwrap_or_default(),
        }
    }
}

impl BackendKind {
    /// The word that names the backend in the file and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Nginx => "nginx",
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        const KNOWN: [(&str, BackendKind); 2] =
            [("none", BackendKind::None), ("nginx", BackendKind::Nginx)];
        const LATER: [&str; 4] = ["apache", "lighttpd", "caddy", "announced"];
        one_of(text, &KNOWN, &LATER)
    }
}

fn read_headers(value: &Value<'_>) -> Vec<String> {
    let items = value.items().unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item.parsed(header_name))
        .collect()
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
    /// Carried over by nginx itself; naming them would send them twice.
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
            format!("{text:?} is no header name that a proxy can carry over"),
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
    if lower.starts_with("x-accel-") || lower.starts_with("x-sendfile") {
        return fault(format!(
            "{text} is between the gateway and the proxy, no client may see it"
        ));
    }
    Ok(text.to_owned())
}
