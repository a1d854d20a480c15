//! `kind = "http"`: files of another server, below a URL.

use crate::config::reader::Table;
use crate::config::remote::{OriginHeader, OriginSettings, RemoteUrl, hide_headers, read_headers};

/// Files of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// `url`: below it lie the files.
    pub url: RemoteUrl,
    /// `headers` and `headers_env`: what goes along with each request. Default: nothing.
    pub headers: Vec<OriginHeader>,
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
        let settings = OriginSettings::read(table, at);
        Some(Self {
            url: url?.value,
            headers,
            settings,
        })
    }
}
