//! `[headers]` and `[views.headers]`: further headers of every download, or of one view's.

use downloadview::headers::hand_off::is_hand_off;
use http::{HeaderName, HeaderValue};

use crate::config::reader::scalar::{Fault, header_value};
use crate::config::reader::{Table, Value};

/// A header that the file sets, or leaves out.
///
/// ```toml
/// [headers]                                   # or [views.headers]
/// X-Robots-Tag = "noindex"                    # one value
/// Link = ["</a>; rel=prev", "</b>; rel=next"] # several
/// X-Content-Type-Options = false              # none, though there is a default
/// ```
///
/// Refused: a name twice in different spellings; headers that follow from the file and the request (`ETag`,
/// `Content-Length`); those with a key of their own (`Content-Type`); hand-off headers (`X-Accel-Redirect`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderConfig {
    /// Its name.
    pub name: HeaderName,
    /// Its name in the spelling of the file.
    pub spelling: String,
    /// Its values, in order; none leaves the header out, a default too.
    pub values: Vec<HeaderValue>,
}

/// What the answer says of itself, whatever anybody states.
const OF_THE_ANSWER: [&str; 13] = [
    "accept-ranges",
    "connection",
    "content-length",
    "content-range",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that a view has keys for.
const WITH_KEYS: [(&str, &str); 4] = [
    ("cache-control", "cache_control"),
    ("content-disposition", "disposition` and `basename"),
    ("content-encoding", "content_encoding"),
    ("content-type", "content_type"),
];

impl HeaderConfig {
    /// Reads the table `headers`, which messages call `name`.
    pub(crate) fn read_all(table: &mut Table<'_>, name: &str) -> Vec<Self> {
        let headers = table.get("headers").and_then(|value| value.table(name));
        let Some(headers) = headers else {
            return Vec::new();
        };
        let mut read: Vec<Self> = Vec::new();
        for (spelling, value) in headers.values() {
            let Some(name) = value.understood(header_name(spelling)) else {
                continue;
            };
            if read.iter().any(|known| known.name == name) {
                let message = "the table has this header in another spelling too";
                value.refuse(Fault::new(
                    message,
                    "keep one of the two; several values stand in a list",
                ));
                continue;
            }
            let spelling = spelling.to_owned();
            read.extend(values(&value).map(|values| Self {
                name,
                spelling,
                values,
            }));
        }
        read
    }
}

/// One value, several in a list, or `false` for none.
fn values(value: &Value<'_>) -> Option<Vec<HeaderValue>> {
    if value.is_list() {
        let items = value.items()?;
        let values = items.iter().map(|item| item.parsed(header_value));
        return values.collect();
    }
    if value.is_boolean() {
        let help = "write the header's value, or false to leave the header out";
        return match value.boolean()? {
            false => Some(Vec::new()),
            true => value.understood(Err(Fault::new("`true` is not a header value", help))),
        };
    }
    Some(vec![value.parsed(header_value)?])
}

/// Plain, because the name stands in the configuration of proxies too.
fn header_name(text: &str) -> Result<HeaderName, Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let name = HeaderName::try_from(text).ok();
    let name = name.filter(|_| text.bytes().all(plain)).ok_or_else(|| {
        Fault::new(
            format!("{text:?} is not a header name"),
            "use letters, digits, `-` and `_`: X-Robots-Tag = \"noindex\"",
        )
    })?;
    if is_hand_off(&name) {
        return Err(Fault::new(
            format!("{text} is between the gateway and the proxy, no client may see it"),
            "take it out; a rule says which file the proxy sends",
        ));
    }
    if OF_THE_ANSWER.contains(&name.as_str()) {
        return Err(Fault::new(
            format!("{text} follows from the file and the request"),
            "take it out",
        ));
    }
    let key = WITH_KEYS
        .iter()
        .find(|(header, _)| *header == name.as_str());
    match key {
        Some((_, key)) => Err(Fault::new(
            format!("{text} has a key of its own"),
            format!("use the view's `{key}`"),
        )),
        None => Ok(name),
    }
}
