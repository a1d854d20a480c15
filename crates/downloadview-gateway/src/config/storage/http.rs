//! `kind = "http"`: files of another server, below a URL.

use crate::config::reader::Table;
use crate::config::remote::{
    OriginHeader, OriginSettings, RemoteUrl, hide_headers, read_allow_http, read_headers,
};

/// Files of another server, below a URL.
///
/// ```toml
/// [storages.mirror]
/// kind = "http"
/// url = "https://origin.example/files/"
/// headers_env = { Authorization = "ORIGIN_AUTH" }   # the variable holds the whole value, `Bearer …`
/// idle_timeout = "30s"                              # and the other keys of OriginSettings
/// ```
///
/// With headers of its own, only the gateway can fetch the files: a rule for such a storage is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// `url`: below it lie the files. Required; ends in a slash, and holds neither user nor query.
    pub url: RemoteUrl,
    /// `headers` and `headers_env`: what goes along with each request. Default: nothing.
    pub headers: Vec<OriginHeader>,
    /// `allow_http`: whether these headers may go to an `http://` server outside this machine and private networks,
    /// where others on the way can read them. Default: false.
    pub allow_http: bool,
    /// How the server is asked.
    pub settings: OriginSettings,
}

impl HttpConfig {
    pub(super) fn read(table: &mut Table<'_>) -> Option<Self> {
        hide_headers(table, "headers", &["headers_env"]);
        let url = table.parsed_at("url", RemoteUrl::read);
        let url = table.require("url", "\"https://origin.example/files/\"", url);
        let headers = read_headers(table, "headers", "headers_env");
        let at = url.as_ref().map(|at| (&at.value.origin, &at.span));
        let allow_http = read_allow_http(table, at, &headers);
        let settings = OriginSettings::read(table, at);
        Some(Self {
            url: url?.value,
            headers,
            allow_http,
            settings,
        })
    }
}
