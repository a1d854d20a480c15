//! What goes along with each request to another server: `headers` and `headers_env` of a storage, `request_headers` and
//! `request_headers_env` of a view, whose `headers` are those of its answers.

use std::ops::Range;

use http::{HeaderName, HeaderValue};

use super::origin::{RemoteOrigin, Scheme};

use crate::config::reader::scalar::{Fault, header_value, nearest, of_variable};
use crate::config::reader::{Problem, Table, Value};

/// A header that goes along with each request to a server. Its value is a secret, which `Debug` does not show.
/// ```toml
/// [storages.mirror.headers_env]         # name = the variable that holds the value
/// Authorization = "ORIGIN_TOKEN"
///
/// [storages.mirror.headers]             # name = the value
/// X-Client = "downloadview"
/// ```
///
/// Refused: a header that each request has of its own (`Host`, `Range`, `If-…`), and one that is there twice. Files of
/// such a server are always streamed: a proxy or a client would ask without the header. Over `http://`, where others can
/// read it, it takes `allow_http = true`, unless the URL itself spells a private address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its value, marked as sensitive.
    pub value: HeaderValue,
}

/// Headers of which each request has its own.
const OF_THE_REQUEST: [&str; 11] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// No report may show a header's value, nor one whose table is misspelt: every table is hidden but those `shown`, and
/// what else stands where the table `written` should. Call it before anything can be wrong.
pub(in crate::config) fn hide(table: &Table<'_>, written: &str, shown: &[&str]) {
    let is_secret = |key: &str, value: &Value<'_>| {
        let is_meant = value.is_table() || nearest(key, &[written]).is_some();
        is_meant && !shown.contains(&key)
    };
    for (_, value) in table.values().filter(|(key, value)| is_secret(key, value)) {
        value.hide();
        if value.is_table()
            && let Some(inside) = value.table("")
        {
            inside.values().for_each(|(_, value)| value.hide());
        }
    }
}

/// Reads the tables `written` and `of_variables`.
pub(in crate::config) fn read_all(
    table: &mut Table<'_>,
    written: &'static str,
    of_variables: &'static str,
) -> Vec<OriginHeader> {
    let mut read = Vec::new();
    read_table(table, written, secret, &mut read);
    let of_variable = |name: &str| of_variable(name, secret);
    read_table(table, of_variables, of_variable, &mut read);
    read
}

/// Reads `allow_http`, and reports headers that anybody on the way to a server could read: `origin` and its place are
/// absent if they could not be read. An address of this machine or of a private network is not such a server; a name
/// may lead anywhere.
pub(in crate::config) fn read_allow_http(
    table: &mut Table<'_>,
    origin: Option<(&RemoteOrigin, &Range<usize>)>,
    headers: &[OriginHeader],
) -> bool {
    let allowed = table.boolean("allow_http");
    let judged = allowed.is_some() || !table.has("allow_http");
    let allowed = allowed.unwrap_or_default();
    if judged
        && !allowed
        && !headers.is_empty()
        && let Some((origin, span)) = origin
        && origin.scheme == Scheme::Http
        && !origin.is_private()
    {
        let message = "headers go along with each request in the clear: who listens on the way can use them too";
        let problem = Problem::new(span.clone(), message);
        let help = "write \"https://…\", or allow_http = true beside it";
        table.source.report(problem.with_help(help));
    }
    allowed
}

/// Adds the headers of one table to `read`; a mistake in one leaves the others.
fn read_table(
    table: &mut Table<'_>,
    key: &'static str,
    parse: impl Fn(&str) -> Result<HeaderValue, Fault>,
    read: &mut Vec<OriginHeader>,
) {
    let headers = table.get(key);
    let headers = headers.and_then(|value| value.table(format!("`{key}`")));
    for (spelling, value) in headers.iter().flat_map(Table::values) {
        let Some(name) = value.understood(header_name(spelling)) else {
            continue;
        };
        if read.iter().any(|known| known.name == name) {
            value.refuse(Fault::new(
                "this header is there twice",
                "keep one of the two",
            ));
            continue;
        }
        let value = value.parsed(&parse);
        read.extend(value.map(|value| OriginHeader { name, value }));
    }
}

/// The message never holds the text.
fn secret(text: &str) -> Result<HeaderValue, Fault> {
    let mut value = header_value(text).map_err(|_| {
        Fault::new(
            "this is not a header value",
            "use one or more visible ASCII characters, without spaces at the ends",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn header_name(text: &str) -> Result<HeaderName, Fault> {
    let name = HeaderName::try_from(text).map_err(|_| {
        Fault::new(
            format!("{text:?} is not a header name"),
            "use letters, digits and `-`: Authorization = \"…\"",
        )
    })?;
    let own = OF_THE_REQUEST.contains(&name.as_str()) || name.as_str().starts_with("if-");
    match own {
        true => Err(Fault::new(
            format!("each request has its own {text}"),
            "take it out",
        )),
        false => Ok(name),
    }
}
