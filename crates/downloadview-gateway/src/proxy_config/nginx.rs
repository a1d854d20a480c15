//! Writes nginx's language: an upstream, the location of the gateway, and one internal location for each folder.
//!
//! nginx has no way to write a `$` in a path that may hold variables (`alias`, `disable_symlinks`), so such paths
//! are refused; everything else can be quoted. Needs nginx 1.15.3 or later (`keepalive_requests` in an upstream).

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::locations::{Location, locations};
use super::{Form, Options, ProxyConfigError};
use crate::config::{BackendKind, Config, Listen};

/// Headers of the gateway's answer that are always carried over to the file's: name, and whether error pages
/// have it too. nginx itself keeps only Content-Type, Content-Disposition, Set-Cookie, Cache-Control and Expires.
const ALWAYS_KEPT: [(&str, bool); 7] = [
    ("Content-Security-Policy", true),
    ("X-Content-Type-Options", true),
    ("X-Frame-Options", true),
    ("Vary", false),
    ("Link", false),
    ("Content-Language", false),
    ("Content-Encoding", false),
];

/// Request headers that mean something between a proxy and an application; a client must not send them.
const HAND_OFF_REQUEST_HEADERS: [&str; 8] = [
    "X-Downloadview-Proxy",
    "X-Accel-Mapping",
    "X-Accel-Redirect",
    "X-Sendfile",
    "X-Sendfile-Type",
    "X-Sendfile2",
    "X-LIGHTTPD-send-file",
    "X-Reproxy-URL",
];

/// Hand-off headers of other proxies, which nginx would pass on to the client.
const HAND_OFF_RESPONSE_HEADERS: [&str; 4] = [
    "X-Sendfile",
    "X-Sendfile2",
    "X-LIGHTTPD-send-file",
    "X-Reproxy-URL",
];

pub(super) fn print(config: &Config, options: &Options) -> Result<String, ProxyConfigError> {
    let writer = Writer { config };
    let locations = locations(config, BackendKind::Nginx)?;
    let upstream = writer.upstream(options.app.as_ref().unwrap_or(&config.listen))?;
    let mut server = writer.app_location();
    for location in &locations {
        server.push('\n');
        server.push_str(&writer.internal_location(location)?);
    }
    match &options.form {
        Form::Snippet => Ok(snippet(&upstream, &server)),
        Form::Standalone(listen) => Ok(standalone(&upstream, &server, &writer.listen(listen)?)),
    }
}

fn snippet(upstream: &str, server: &str) -> String {
    format!(
        "# nginx in front of downloadview, printed by `downloadview proxy-config nginx`.\n\
         \n\
         # 1. Into http {{ }}: the gateway.\n\
         \n\
         {upstream}\n\
         # 2. Into the server {{ }} that clients reach: its locations. If the server has other things too, narrow\n\
         #    `location /` to the routes of the gateway.\n\
         \n\
         {server}"
    )
}

fn standalone(upstream: &str, server: &str, listen: &str) -> String {
    let (upstream, server) = (indented(upstream, 1), indented(server, 2));
    format!(
        "\
# nginx in front of downloadview, printed by `downloadview proxy-config nginx --standalone`.
# Start it unprivileged, with an empty folder of its own for the pid and temporary files:
#     nginx -e stderr -p FOLDER -c THIS_FILE
# (THIS_FILE with its full path: nginx looks for a relative one in FOLDER.)

daemon off;
worker_processes auto;
error_log stderr notice;
pid nginx.pid;

events {{
    worker_connections 1024;
}}

http {{
    access_log off;
    server_tokens off;
    default_type application/octet-stream;

    # Relative to FOLDER; nginx makes these folders itself.
    client_body_temp_path client_body_temp;
    proxy_temp_path       proxy_temp;
    fastcgi_temp_path     fastcgi_temp;
    uwsgi_temp_path       uwsgi_temp;
    scgi_temp_path        scgi_temp;

{upstream}
    server {{
        listen {listen};
        server_name _;
        keepalive_requests 100000;

{server}    }}
}}
"
    )
}

struct Writer<'a> {
    config: &'a Config,
}

impl Writer<'_> {
    fn upstream(&self, app: &Listen) -> Result<String, ProxyConfigError> {
        let address = match app {
            Listen::Tcp(address) if address.port() == 0 => {
                return Err(ProxyConfigError::NoPort {
                    file: self.config.file.clone(),
                    listen: app.clone(),
                });
            }
            Listen::Tcp(address) => reachable(*address).to_string(),
            Listen::Unix(path) => self.quoted("unix:", path, "")?,
        };
        Ok(format!(
            "\
upstream downloadview {{
    server {address};
    # Connections to the gateway stay open; it closes them after 75 s without a request, nginx after 60.
    keepalive 32;
    keepalive_requests 100000;
    keepalive_timeout 60s;
}}
"
        ))
    }

    fn app_location(&self) -> String {
        let mut text = String::from(
            "\
# The gateway. It answers itself, or names a file of a location below.
location / {
    proxy_pass http://downloadview;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection \"\";

    # What proxies and applications say to each other is not for clients to say.
",
        );
        for name in HAND_OFF_REQUEST_HEADERS {
            let _ = writeln!(text, "    proxy_set_header {name} \"\";");
        }
        for name in HAND_OFF_RESPONSE_HEADERS {
            let _ = writeln!(text, "    proxy_hide_header {name};");
        }
        text.push_str(
            "
    # Room for long file names: headers larger than this together are a 502.
    proxy_buffer_size 16k;
    proxy_buffers 8 16k;
    # Answers that the gateway streams wait in these buffers, never on disk, where one is cut at 1 GiB.
    proxy_buffering on;
    proxy_max_temp_file_size 0;
}
",
        );
        text
    }

    fn internal_location(&self, location: &Location) -> Result<String, ProxyConfigError> {
        let Location { path, line, .. } = location;
        let location_path = self.quoted("", Path::new(path), "/")?;
        let bare_path = self.quoted("", Path::new(path), "")?;
        let alias = self.quoted("", &location.folder, "/")?;
        let from = self.quoted("from=", &location.confined_to, "")?;
        let mut text = format!(
            "\
# Files of the rule in line {line}: reached by X-Accel-Redirect only, 404 for clients. Both paths end in a
# slash, or \"..\" right after the prefix would climb out of the folder.
location {location_path} {{
    internal;
    alias {alias};
    # A directory would be answered with a redirect that shows this location's name.
    if (-d $request_filename) {{ return 404; }}
    # The gateway hands out names without symbolic links; one that appears since is refused.
    disable_symlinks on {from};
    # Ranges and resumed downloads need the file as it is, and as it is now.
    gzip off;
    open_file_cache off;
    if_modified_since before;
    sendfile on;
    tcp_nopush on;
"
        );
        if let Some(charset) = &location.charset {
            let _ = writeln!(
                text,
                "    # nginx obeys X-Accel-Charset only for charsets that its configuration names.\n    \
                 charset {charset};"
            );
        }
        text.push_str(
            "    # Headers of the gateway's answer, carried over to the file; an empty one is not sent.\n",
        );
        for line in self.kept_headers() {
            let _ = writeln!(text, "    {line}");
        }
        let _ = writeln!(
            text,
            "}}\nlocation = {bare_path} {{ internal; return 404; }}"
        );
        Ok(text)
    }

    fn kept_headers(&self) -> Vec<String> {
        let mut lines: Vec<_> = ALWAYS_KEPT
            .iter()
            .map(|(name, always)| kept_header(name, if *always { " always" } else { "" }))
            .collect();
        for name in &self.config.optimize.keep_headers {
            let line = kept_header(name, "");
            let named = ALWAYS_KEPT
                .iter()
                .any(|(kept, _)| kept.eq_ignore_ascii_case(name));
            if !named && !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    fn listen(&self, listen: &Listen) -> Result<String, ProxyConfigError> {
        match listen {
            Listen::Tcp(address) => Ok(address.to_string()),
            Listen::Unix(path) => self.quoted("unix:", path, ""),
        }
    }

    /// A path as one word of nginx's language, without slashes at its end, between `before` and `after`.
    fn quoted(&self, before: &str, path: &Path, after: &str) -> Result<String, ProxyConfigError> {
        let refuse = |reason| ProxyConfigError::Unwritable {
            file: self.config.file.clone(),
            path: path.to_owned(),
            language: "nginx's language",
            reason,
        };
        let Some(text) = path.to_str() else {
            return Err(refuse("it is no UTF-8"));
        };
        if text.contains('$') {
            return Err(refuse("`$` begins a variable and has no escape"));
        }
        if text.contains(char::is_control) {
            return Err(refuse("it holds a control character"));
        }
        let word = format!("{before}{}{after}", text.trim_end_matches('/'));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:=+,@%".contains(&byte);
        if word.bytes().all(plain) {
            return Ok(word);
        }
        Ok(format!(
            "\"{}\"",
            word.replace('\\', "\\\\").replace('"', "\\\"")
        ))
    }
}

fn kept_header(name: &str, always: &str) -> String {
    let variable = name.to_ascii_lowercase().replace('-', "_");
    format!("add_header {name} $upstream_http_{variable}{always};")
}

/// An address that a proxy on this machine can connect to, for a gateway that listens on every one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Indents each line that holds something by `levels`.
fn indented(text: &str, levels: usize) -> String {
    let margin = "    ".repeat(levels);
    let lines = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("{margin}{line}\n"),
    });
    lines.collect()
}
