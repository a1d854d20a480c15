//! The request of nginx to another server, and what is left of the answer.

use std::fmt::Write as _;

use super::super::ProxyConfigError;
use super::super::headers::of_remotes;
use super::super::remotes::{Remote, written};
use super::super::words::lines;
use super::Writer;

/// Statuses of a server that have an answer of their own; 499 may not be named.
const ANSWERED: [u16; 8] = [304, 401, 403, 404, 410, 412, 416, 504];

/// Where the system keeps the certificates that it trusts.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

impl Writer<'_> {
    /// The request to the server, and what is left of its answer.
    pub(super) fn fetch(&self, remote: &Remote) -> Result<String, ProxyConfigError> {
        let Remote { number, server, .. } = remote;
        let (scheme, authority) = (server.origin.scheme.name(), server.authority());
        let tls = match server.is_https() {
            true => self.tls(remote)?,
            false => String::new(),
        };
        let charset = server.charset.as_deref().unwrap_or("off");
        let connect = written(server.connect);
        // One for both: the time between two reads.
        let read = written(server.first_byte.max(server.idle));
        let forbidden = match server.forbidden {
            403 => "forbidden",
            _ => "missing",
        };
        let hidden: Vec<_> = self.carried().into_iter().map(|(name, _)| name).collect();
        let (hidden, passing) = self.hidden(of_remotes(&hidden));
        let hidden = hidden
            .iter()
            .map(|name| format!("proxy_hide_header {name};"));
        let hidden = rows(hidden, "    ");
        let carried = lines(
            "    ",
            "",
            self.carried_headers().iter().map(String::as_str),
            "",
        );
        let failed = failures();
        Ok(format!(
            "\x20   proxy_pass {scheme}://downloadview_remote_{number}$downloadview_target;
    proxy_http_version 1.1;
    # Signatures are for GET, and a client that asks with HEAD gets no body.
    proxy_method GET;
    proxy_pass_request_headers off;
    proxy_pass_request_body off;
    proxy_set_header Content-Length \"\";
    proxy_set_header Connection \"\";
    proxy_set_header Host {authority};
    proxy_set_header Accept-Encoding identity;
    proxy_set_header If-None-Match $http_if_none_match;
    proxy_set_header If-Modified-Since $http_if_modified_since;
{tls}    proxy_connect_timeout {connect};
    proxy_read_timeout {read};

    # Nothing waits on disk, and nothing is as the site says elsewhere.
    proxy_buffering on;
    proxy_max_temp_file_size 0;
    proxy_buffer_size 16k;
    proxy_buffers 8 16k;
    proxy_cache off;
    proxy_store off;
    proxy_redirect off;
    expires off;
    ssi off;
    gzip off;
    charset {charset};

{passing}    proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
    proxy_headers_hash_max_size 2048;
    proxy_headers_hash_bucket_size 128;
{hidden}    # Headers of the gateway's answer, carried over to the file; the first of them only where nginx lost its own.
    add_header Content-Type $downloadview_type_again;
    add_header Content-Disposition $downloadview_disposition_again;
    add_header Cache-Control $downloadview_cache_control_again;
    add_header Expires $downloadview_expires_again;
{carried}
    # Not a word of the server's own error pages.
    proxy_intercept_errors on;
    error_page 404 410 = @downloadview_missing;
    error_page 401 403 = @downloadview_{forbidden};
    error_page 416 = @downloadview_unsatisfiable;
    error_page 504 = @downloadview_late;
    error_page
{failed}        = @downloadview_failed;
"
        ))
    }

    fn tls(&self, remote: &Remote) -> Result<String, ProxyConfigError> {
        let host = &remote.server.origin.host;
        let certificates = match self.front.ca_file {
            Some(file) => self.quoted("", file, "")?,
            None => CERTIFICATES.to_owned(),
        };
        let where_else = match self.front.ca_file {
            Some(_) => "",
            None => "    # As on Debian; /etc/pki/tls/certs/ca-bundle.crt on Fedora.\n",
        };
        Ok(format!(
            "\x20   # nginx verifies no certificate, and does not name the server that it wants, unless it is told to.
    proxy_ssl_server_name on;
    proxy_ssl_name {host};
    proxy_ssl_verify on;
    proxy_ssl_verify_depth 5;
    proxy_ssl_protocols TLSv1.2 TLSv1.3;
{where_else}    proxy_ssl_trusted_certificate {certificates};
"
        ))
    }

    /// The headers that a fetched file keeps of the gateway's answer, and whether error pages have them too.
    fn carried_headers(&self) -> Vec<String> {
        self.carried()
            .into_iter()
            .map(|(name, on_errors)| {
                let variable = match name {
                    "Content-Encoding" => "encoding".to_owned(),
                    name => variable(name),
                };
                let always = if on_errors { " always" } else { "" };
                format!("add_header {name} $downloadview_{variable}{always};")
            })
            .chain(self.added_headers())
            .collect()
    }
}

/// The end of the name of a header's variable.
pub(super) fn variable(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

/// Every status that is a failure of the server's, as nginx must be told one by one.
fn failures() -> String {
    let statuses = (300..=599_u16).filter(|status| *status != 499 && !ANSWERED.contains(status));
    rows(statuses.map(|status| status.to_string()), "        ")
}

/// Words side by side, in lines of some hundred characters.
fn rows(words: impl Iterator<Item = String>, margin: &str) -> String {
    const WIDTH: usize = 115;
    let mut text = String::new();
    let mut width = WIDTH;
    for word in words {
        if width + 1 + word.len() > WIDTH {
            let end = if text.is_empty() { "" } else { "\n" };
            let _ = write!(text, "{end}{margin}{word}");
            width = margin.len() + word.len();
        } else {
            let _ = write!(text, " {word}");
            width += 1 + word.len();
        }
    }
    text.push('\n');
    text
}
