//! `kind = "http"`: a view whose files another server has.

use std::ops::Range;

use super::route::Route;
use crate::config::reader::scalar::{Fault, listing, url_path};
use crate::config::reader::{At, Problem, Secret, Table};
use crate::config::remote::{
    OriginHeader, OriginSettings, RemoteOrigin, RemoteUrl, credential, hide_headers,
    read_allow_http, read_headers,
};

/// Which file of which server a request means.
///
/// ```toml
/// [[views]]
/// route = "/tiles/{set}/{*path}"
/// kind = "http"
/// url = "https://tiles.example/{set}/{path}"
/// request_headers_env = { Authorization = "TILES_TOKEN" }   # or request_headers = { … }
/// ```
///
/// The URL names each parameter of the route, and no other. `headers` of such a view are those of its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpViewConfig {
    /// `url`: where the file is. Required; parameters stand in the path only.
    pub url: UrlTemplate,
    /// `request_headers` and `request_headers_env`: what goes along with each request. Default: nothing.
    pub headers: Vec<OriginHeader>,
    /// `allow_http`: whether these headers may go to an `http://` server outside this machine and private networks,
    /// where others on the way can read them. Default: false.
    pub allow_http: bool,
    /// How the server is asked: the keys of [`OriginSettings`], in the view's own table.
    pub settings: OriginSettings,
}

/// A URL with parameters of the route in its path: `https://origin.example/{path}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    /// The server, which no parameter can change.
    pub origin: RemoteOrigin,
    /// The path in pieces; the first one begins with a slash.
    pub path: Vec<Piece>,
    /// What follows the `?`. Default: none. It may be a permission, so `Debug` does not show it.
    pub query: Option<Secret>,
}

/// A piece of a URL's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// This text.
    Text(String),
    /// The value of this parameter, percent-encoded.
    Parameter(String),
}

impl HttpViewConfig {
    /// The route is absent when it could not be read itself.
    pub(super) fn read(table: &mut Table<'_>, route: Option<&At<Route>>) -> Option<Self> {
        hide_headers(
            table,
            "request_headers",
            &["headers", "request_headers_env"],
        );
        let url = table.parsed_at("url", UrlTemplate::read);
        let url = table.require("url", "\"https://origin.example/{path}\"", url);
        let headers = read_headers(table, "request_headers", "request_headers_env");
        let at = url.as_ref().map(|at| (&at.value.origin, &at.span));
        let allow_http = read_allow_http(table, at, &headers);
        let settings = OriginSettings::read(table, at);
        let url = url?;
        check_parameters(table, &url.value, &url.span, &route?.value);
        Some(Self {
            url: url.value,
            headers,
            allow_http,
            settings,
        })
    }

    /// The URL below which all files lie.
    pub(in crate::config) fn prefix(&self) -> RemoteUrl {
        let start = match self.url.path.first() {
            Some(Piece::Text(text)) => text.as_str(),
            _ => "/",
        };
        let end = start.rfind('/').map_or(0, |slash| slash + 1);
        RemoteUrl {
            origin: self.url.origin.clone(),
            path: start[..end].to_owned(),
        }
    }
}

impl UrlTemplate {
    /// The names of the parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.path.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Parameter(name) => Some(name.as_str()),
        })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        let (origin, rest) = RemoteOrigin::split(text)?;
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let path = path_pieces(path)?;
        let query = query.map(read_query).transpose()?;
        Ok(Self {
            origin,
            path,
            query,
        })
    }
}

/// The path cut at its `{parameters}`. The whole is checked as a path with an `x` in place of each parameter, so that
/// what stands around one cannot become `.` or `..`.
fn path_pieces(path: &str) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = path;
    while let Some((text, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return Err(Fault::new(
                "a brace is not closed",
                "write a parameter of the route as `{path}`, and `%7B` for the brace itself",
            ));
        };
        plain.push_str(text);
        plain.push('x');
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        let name = name.trim_start_matches('*').to_owned();
        pieces.push(Piece::Parameter(name));
        rest = after;
    }
    plain.push_str(rest);
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    url_path(&plain)?;
    Ok(pieces)
}

/// The message never holds the text.
fn read_query(text: &str) -> Result<Secret, Fault> {
    if text.contains(['{', '}', '#']) {
        return Err(Fault::new(
            "a query with braces or `#`: parameters go into the path only",
            "write the query as it is, and `%7B` for a brace",
        ));
    }
    credential(text)
}

/// The route has exactly the parameters that the URL names.
fn check_parameters(table: &Table<'_>, url: &UrlTemplate, span: &Range<usize>, route: &Route) {
    let known: Vec<_> = route.parameters().iter().map(String::as_str).collect();
    let report = |message: String, help: String| {
        let problem = Problem::new(span.clone(), message);
        table.source.report(problem.with_help(help));
    };
    if let Some(unknown) = url.parameters().find(|name| !known.contains(name)) {
        report(
            format!("the route `{route}` has no parameter `{unknown}`"),
            match known.as_slice() {
                [] => "end the route in `{*path}`, or take the parameter out of the URL".to_owned(),
                known => format!("use {}", listing(known, "or")),
            },
        );
    }
    let used: Vec<_> = url.parameters().collect();
    if let Some(unused) = known.iter().find(|name| !used.contains(name)) {
        report(
            format!("the parameter `{unused}` of the route is not in the URL"),
            format!("write it into the path: \"{}/{{{unused}}}\"", url.origin),
        );
    }
}
