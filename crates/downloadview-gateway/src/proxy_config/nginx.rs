//! Writes nginx's language: an upstream, the location of the gateway, and one internal location for each folder.
//!
//! nginx has no way to write a `$` in a path that may hold variables (`alias`, `disable_symlinks`), so such paths
//! are refused; everything else can be quoted. Needs nginx 1.15.3 or later (`keepalive_requests` in an upstream); what an
//! nginx that was looked at is built without is left out.

mod fetch;
mod remote;
mod script;

use std::fmt::Write as _;
use std::path::Path;

use super::front::{Front, Upstream};
use super::headers::{
    ALWAYS_KEPT, ANNOUNCEMENT, ELSEWHERE, HAND_OFF_REQUEST, REMOTE, SENDFILE, WHO_IT_IS, also_kept,
    forwarded_away,
};
use super::locations::{Location, locations};
use super::modules::left_out;
use super::remotes::remotes;
use super::words::{escaped, indented, lines};
use super::{Form, ProxyConfigError};
use crate::config::Listen;

pub use self::script::SCRIPT;

/// What an error calls the language in which a path or secret cannot be written.
const LANGUAGE: &str = "nginx's language";

/// The folders of a whole server.
const TEMPORARY: &str = "    client_body_temp_path client_body_temp;
    proxy_temp_path       proxy_temp;
    fastcgi_temp_path     fastcgi_temp;
    uwsgi_temp_path       uwsgi_temp;
    scgi_temp_path        scgi_temp;
";

/// The configuration of nginx for these rules.
///
/// # Errors
///
/// If a rule needs what nginx cannot do, or a path or the secret cannot be written in its language.
pub(super) fn print(front: &Front<'_>) -> Result<String, ProxyConfigError> {
    let writer = Writer { front };
    let locations = locations(front)?;
    let remotes = remotes(front, &locations)?;
    let upstream = writer.upstream()? + &writer.remote_upstreams(&remotes)?;
    let upstream = writer.known(&upstream);
    let mut server = writer.app_location()?;
    for location in &locations {
        server.push('\n');
        server.push_str(&writer.internal_location(location)?);
    }
    server.push_str(&writer.remote_locations(&remotes)?);
    let server = writer.known(&server);
    let Form::Standalone(listen) = front.form else {
        return Ok(writer.snippet(&upstream, &server));
    };
    let module = match remotes.is_empty() {
        true => String::new(),
        false => writer.load_module()?,
    };
    let listen = writer.listen(listen)?;
    Ok(writer.standalone(&module, &upstream, &server, &listen))
}

/// Writes nginx's language.
struct Writer<'a> {
    front: &'a Front<'a>,
}

impl Writer<'_> {
    /// The text without what this nginx does not know.
    fn known(&self, text: &str) -> String {
        left_out(text, &self.front.installed.missing_modules)
    }

    /// The two parts for an nginx that has a configuration already, each with where it belongs.
    fn snippet(&self, upstream: &str, server: &str) -> String {
        let title = self.front.comment(&[
            "nginx in front of downloadview, printed by `downloadview proxy-config nginx`.",
        ]);
        format!(
            "{title}\n\
             # 1. Into http {{ }}: the gateway.\n\
             \n\
             {upstream}\n\
             # 2. Into the server {{ }} that clients reach: its locations. If the server has other things too, narrow\n\
             #    `location /` to the routes of the gateway.\n\
             \n\
             {server}"
        )
    }

    /// A whole nginx that needs no root and touches nothing outside of the folder that it is started in.
    fn standalone(&self, module: &str, upstream: &str, server: &str, listen: &str) -> String {
        let (upstream, server) = (indented(upstream, "    "), indented(server, "        "));
        let title = self.front.comment(&[
            "nginx in front of downloadview, printed by `downloadview proxy-config nginx --standalone`.",
            "Start it unprivileged, with an empty folder of its own for the pid and temporary files:",
            "    mkdir -p FOLDER && nginx -e stderr -p FOLDER -c THIS_FILE",
            "(THIS_FILE with its full path: nginx looks for a relative one in FOLDER.)",
        ]);
        let temporary = self.known(TEMPORARY);
        format!(
            "\
{title}
{module}daemon off;
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
    variables_hash_max_size 2048;

    # Relative to FOLDER; nginx makes these folders itself.
{temporary}
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

    /// Where the gateway listens. nginx gives its connections up before the gateway does: a request on one that the gateway
    /// closes at that moment would be a 502.
    fn upstream(&self) -> Result<String, ProxyConfigError> {
        let address = match self.front.upstream()? {
            Upstream::Tcp(address) => address.to_string(),
            Upstream::Unix(path) => self.quoted("unix:", path, "")?,
        };
        let (keepalive, closes) = (
            self.front.keepalive(),
            self.front.config.server.idle_timeout.as_secs(),
        );
        Ok(format!(
            "\
upstream downloadview {{
    server {address};
    # Connections to the gateway stay open; it closes them after {closes} s without a request, nginx after {keepalive}.
    keepalive 32;
    keepalive_requests 100000;
    keepalive_timeout {keepalive}s;
}}
"
        ))
    }

    /// The routes of the gateway: what is taken out of requests, so that no client can forge it, and out of answers.
    fn app_location(&self) -> Result<String, ProxyConfigError> {
        let announcement = self.announcement()?;
        let asked = lines("    ", "proxy_set_header ", HAND_OFF_REQUEST, " \"\";");
        let away = lines("    ", "proxy_set_header ", forwarded_away(), " \"\";");
        let foreign = SENDFILE.into_iter().chain(ELSEWHERE).chain(REMOTE);
        let answered = lines("    ", "proxy_hide_header ", foreign, ";");
        Ok(format!(
            "\
# The gateway. It answers itself, or names a file of a location below.
location / {{
    proxy_pass http://downloadview;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection \"\";
    # The gateway reads no bodies.
    proxy_pass_request_body off;
    proxy_set_header Content-Length \"\";
    # Whatever the site says elsewhere: answers are for one client, and as the gateway gave them.
    proxy_cache off;
    proxy_store off;
    proxy_redirect off;
    proxy_intercept_errors off;
    expires off;
    ssi off;
    gzip off;

    # What proxies and applications say to each other is not for clients to say.
{announcement}{asked}{answered}
    # {WHO_IT_IS}
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
{away}    # More headers than nginx expects in a location.
    proxy_headers_hash_max_size 1024;

    # Room for long file names: headers larger than this together are a 502.
    proxy_buffer_size 16k;
    proxy_buffers 8 16k;
    # Answers that the gateway streams wait in these buffers, never on disk, where one is cut at 1 GiB.
    proxy_buffering on;
    proxy_max_temp_file_size 0;
}}
"
        ))
    }

    /// Overwrites what a client says, with proof or with nothing.
    fn announcement(&self) -> Result<String, ProxyConfigError> {
        let value = self.front.announcement().unwrap_or_default();
        if value.contains('$') {
            let reason = "`$` begins a variable and has no escape";
            return Err(self.front.unwritable_secret(LANGUAGE, reason));
        }
        let value = escaped(&value, &['\\', '"']);
        Ok(format!(
            "    proxy_set_header {ANNOUNCEMENT} \"{value}\";\n"
        ))
    }

    /// The folder of one rule. It is written twice, with a slash and without: the bare path would be a redirect that shows it.
    fn internal_location(&self, location: &Location) -> Result<String, ProxyConfigError> {
        let Location { path, line, .. } = location;
        let location_path = self.quoted("", Path::new(path), "/")?;
        let bare_path = self.quoted("", Path::new(path), "")?;
        let alias = self.quoted("", &location.folder, "/")?;
        let from = self.quoted("from=", &location.confined_to, "")?;
        let mut text = format!(
            "\
# Files of the rule in line {line}: reached by X-Accel-Redirect only, 404 for clients. Both paths end in a
# slash, or \"..\" right after the prefix would climb out of the folder; ^~, or a regular expression of the site
# (\\.php$) would win over this location, and serve the file to anyone.
location ^~ {location_path} {{
    internal;
    alias {alias};
    # A directory would be answered with a redirect that shows this location's name.
    if (-d $request_filename) {{ return 404; }}
    # The gateway hands out names without symbolic links; one that appears since is refused. The 403 or 404 for a file
    # that vanished since still has the gateway's Content-Disposition, Cache-Control and Set-Cookie: nginx cannot
    # take them away.
    disable_symlinks on {from};
    # Ranges and resumed downloads need the file as it is, and as it is now: whatever the site says elsewhere, no
    # compression, nor a compressed file beside it (gzip_static: take that line out where nginx was built without), no
    # includes in what others uploaded, no freshness but the gateway's, no charset of the site's.
    gzip off;
    gzip_static off;
    ssi off;
    expires off;
    autoindex off;
    open_file_cache off;
    if_modified_since before;
    etag on;
    sendfile on;
    tcp_nopush on;
"
        );
        let _ = match &location.charset {
            None => writeln!(text, "    charset off;"),
            Some(charset) => writeln!(
                text,
                "    # nginx obeys X-Accel-Charset only for charsets that its configuration names.\n    \
                 charset {charset};"
            ),
        };
        let kept = self.kept_headers();
        let kept = lines("    ", "", kept.iter().map(String::as_str), "");
        let _ = write!(
            text,
            "    # Headers of the gateway's answer, carried over to the file; an empty one is not sent. The site's own\n    \
             # add_header lines do not reach into a location that has some: repeat here those that downloads need too\n    \
             # (Strict-Transport-Security, Access-Control-Allow-Origin), or name them in `add_headers` of [optimize].\n\
             {kept}}}\nlocation = {bare_path} {{ internal; return 404; }}\n"
        );
        Ok(text)
    }

    /// What must be named, and whether error pages have it too: nginx itself keeps only Content-Type,
    /// Content-Disposition, Set-Cookie, Cache-Control and Expires.
    fn carried(&self) -> Vec<(&str, bool)> {
        let always = ALWAYS_KEPT.into_iter().chain([("Content-Encoding", false)]);
        let names: Vec<_> = always.clone().map(|(name, _)| name).collect();
        let also = also_kept(self.front.config, &names).into_iter();
        always.chain(also.map(|name| (name, false))).collect()
    }

    /// One `add_header` for each header that nginx would otherwise lose, and those of the configuration.
    fn kept_headers(&self) -> Vec<String> {
        self.carried()
            .into_iter()
            .map(|(name, on_errors)| {
                let variable = name.to_ascii_lowercase().replace('-', "_");
                let always = if on_errors { " always" } else { "" };
                format!("add_header {name} $upstream_http_{variable}{always};")
            })
            .chain(self.added_headers())
            .collect()
    }

    /// `add_headers` of the configuration, on error pages too.
    fn added_headers(&self) -> impl Iterator<Item = String> {
        let added = self.front.config.optimize.add_headers.iter();
        added.map(|(name, value)| {
            let value = escaped(value, &['\\', '"']);
            format!("add_header {name} \"{value}\" always;")
        })
    }

    /// The argument of `listen`.
    fn listen(&self, listen: &Listen) -> Result<String, ProxyConfigError> {
        match listen {
            Listen::Tcp(address) => Ok(address.to_string()),
            Listen::Unix(path) => self.quoted("unix:", path, ""),
        }
    }

    /// A path as one word of nginx's language, without slashes at its end, between `before` and `after`.
    fn quoted(&self, before: &str, path: &Path, after: &str) -> Result<String, ProxyConfigError> {
        let refuse = |reason| self.front.unwritable(path, LANGUAGE, reason);
        let Some(text) = path.to_str() else {
            return Err(refuse("it is not valid UTF-8"));
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
        Ok(format!("\"{}\"", escaped(&word, &['\\', '"'])))
    }
}
