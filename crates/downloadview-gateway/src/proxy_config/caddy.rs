//! Writes the Caddyfile: a reverse proxy to the gateway, and one intercepted answer for each folder of the rules.
//!
//! Braces hold placeholders, in quotes too, so a path that has one is refused; everything else can be quoted. Needs
//! Caddy 2.6 with `escaping = "raw"`, 2.7 or later with `escaping = "strict"`; an `ETag` is kept from 2.7.6 on.

mod remote;

use std::path::Path;

use downloadview::backend::Escaping;

use super::front::{Front, Upstream};
use super::headers::{
    ACCEL, ALWAYS_KEPT, ANNOUNCEMENT, ELSEWHERE, HAND_OFF_REQUEST, REMOTE, SENDFILE, WHO_IT_IS,
    also_kept, forwarded_away,
};
use super::locations::{Location, locations};
use super::remotes::remotes;
use super::words::{escaped, indented, lines};
use super::{Form, ProxyConfigError};
use crate::config::Listen;

/// What an error calls the language in which a path or secret cannot be written.
const LANGUAGE: &str = "a Caddyfile";

/// What nginx keeps by itself, and Caddy only if it is named.
const NAMED_FOR_CADDY: [&str; 6] = [
    "Content-Type",
    "Content-Disposition",
    "Content-Encoding",
    "Set-Cookie",
    "Cache-Control",
    "Expires",
];

/// Headers that say something of the file, which an error page is not.
const NOT_ON_ERRORS: [&str; 9] = [
    "Content-Type",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Set-Cookie",
    "Cache-Control",
    "Expires",
    "ETag",
    "Link",
];

/// The configuration of Caddy for these rules.
///
/// # Errors
///
/// If a rule needs what Caddy cannot do, or a path or the secret cannot be written in a Caddyfile.
pub(super) fn print(front: &Front<'_>) -> Result<String, ProxyConfigError> {
    let writer = Writer { front };
    let (gateway, errors) = (writer.gateway()?, Writer::errors());
    match front.form {
        Form::Snippet => Ok(writer.snippet((&gateway, &errors))),
        Form::Standalone(listen) => writer.standalone(&format!("{gateway}\n{errors}"), listen),
    }
}

/// Writes a Caddyfile.
struct Writer<'a> {
    front: &'a Front<'a>,
}

impl Writer<'_> {
    /// The part for a site block that exists already, and the error pages of that site.
    fn snippet(&self, site: (&str, &str)) -> String {
        let title = self.front.comment(&[
            "Caddy in front of downloadview, printed by `downloadview proxy-config caddy`. Into the site block that clients",
            "reach. If the site has other things too, narrow the first line to the routes of the gateway. `templates`,",
            "`try_files`, `rewrite` and `header` of the site count for these routes too, unless a matcher keeps them away.",
            "`handle_errors` clears the error pages of the whole site.",
        ]);
        let (gateway, errors) = site;
        let gateway = indented(gateway, "\t");
        format!(
            "\
{title}
@downloadview path /*

# Files as they are: compressing them would end ranges, and keep the ETag of what they were.
request_header @downloadview -Accept-Encoding

# Before every `php_fastcgi` and `reverse_proxy` of the site, whatever the file is called.
handle @downloadview {{
{gateway}}}

{errors}"
        )
    }

    /// A whole Caddy that needs no root: without its administration and without certificates, which would write and listen
    /// elsewhere.
    fn standalone(&self, site: &str, listen: &Listen) -> Result<String, ProxyConfigError> {
        let (address, bind) = match listen {
            Listen::Tcp(address) => (
                format!("http://:{}", address.port()),
                address.ip().to_string(),
            ),
            Listen::Unix(path) => ("http://".to_owned(), self.quoted("unix/", path)?),
        };
        let title = self.front.comment(&[
            "Caddy in front of downloadview, printed by `downloadview proxy-config caddy --standalone`.",
            "Start it unprivileged, with an empty folder of its own for what it remembers:",
            "    mkdir -p FOLDER && HOME=FOLDER XDG_CONFIG_HOME=FOLDER XDG_DATA_HOME=FOLDER \\",
            "        caddy run --adapter caddyfile --config THIS_FILE",
        ]);
        let site = indented(site, "\t");
        Ok(format!(
            "\
{title}{{
\tadmin off
\tauto_https off
\tlog {{
\t\toutput stderr
\t\tlevel WARN
\t}}
}}

{address} {{
\tbind {bind}

{site}}}
"
        ))
    }

    /// The gateway behind `reverse_proxy`, with one `handle_response` for each rule.
    fn gateway(&self) -> Result<String, ProxyConfigError> {
        let (upstream, announcement) = (self.upstream()?, self.announcement()?);
        let asked = lines("\t", "header_up -", HAND_OFF_REQUEST, "");
        let away = lines("\t", "header_up -", forwarded_away(), "");
        let leaks = ACCEL
            .into_iter()
            .chain(SENDFILE)
            .chain(ELSEWHERE)
            .chain(REMOTE);
        let answered = lines("\t", "header_down -", leaks, "");
        let mut handlers = String::new();
        let locations = locations(self.front)?;
        for (index, location) in locations.iter().enumerate() {
            handlers.push_str(&self.handler(index + 1, location)?);
        }
        for remote in remotes(self.front, &locations)? {
            handlers.push_str(&self.remote_handler(&remote)?);
        }
        let (keepalive, closes) = (
            self.front.keepalive(),
            self.front.config.server.idle_timeout.as_secs(),
        );
        Ok(format!(
            "\
# The gateway. It answers itself, or names a file with X-Accel-Redirect. Connections to it stay open; it closes them
# after {closes} s without a request, Caddy after {keepalive}.
reverse_proxy {upstream} {{
\ttransport http {{
\t\tkeepalive {keepalive}s
\t\tkeepalive_idle_conns_per_host 32
\t\tcompression off
\t}}

\t# What proxies and applications say to each other is not for clients to say, nor to hear.
{announcement}{asked}{answered}
\t# {WHO_IT_IS}
\t# (Caddy sets For, Host and Proto itself.)
{away}{handlers}
\t# A file of no rule: nothing is sent.
\t@downloadview_elsewhere {{
\t\tstatus 200
\t\theader X-Accel-Redirect *
\t}}
\thandle_response @downloadview_elsewhere {{
\t\terror 404
\t}}
}}
"
        ))
    }

    /// Error pages without the headers of the file that they stand for.
    fn errors() -> String {
        let cleared = lines("\t\t", "-", NOT_ON_ERRORS, "");
        format!(
            "\
# The error page for a file that vanished since is not the file.
handle_errors {{
\theader {{
{cleared}\t}}
}}
"
        )
    }

    /// The folder of one internal location: reached by X-Accel-Redirect only, it has no route.
    fn handler(&self, number: usize, location: &Location) -> Result<String, ProxyConfigError> {
        let Location { path, line, .. } = location;
        let prefix = path.trim_end_matches('/');
        let folder = self.quoted("", &location.folder)?;
        let kept = self.kept_headers(location).join(" ");
        Ok(format!(
            "
\t# Files of the rule in line {line}. On 200 only, so that a 404 of the gateway stays one.
\t@downloadview_{number} {{
\t\tstatus 200
\t\theader X-Accel-Redirect {path}*
\t}}
\thandle_response @downloadview_{number} {{
\t\t# Nothing of the gateway's answer is kept unless it is named.
\t\tcopy_response_headers {{
\t\t\tinclude {kept}
\t\t}}
\t\troot * {folder}
\t\t# The file server answers nothing else.
\t\t@downloadview_method not method GET HEAD
\t\tmethod @downloadview_method GET
\t\trewrite * {{rp.header.X-Accel-Redirect}}
\t\turi strip_prefix {prefix}
\t\t# A directory is neither redirected to nor listed. Symbolic links are followed, there is no switch: the gateway
\t\t# hands out names without them.
\t\tfile_server {{
\t\t\tdisable_canonical_uris
\t\t\tindex _none_
\t\t}}
\t}}
"
        ))
    }

    /// The headers of the gateway's answer that `copy_response_headers` names; all others are lost.
    fn kept_headers(&self, location: &Location) -> Vec<&str> {
        let always = ALWAYS_KEPT.iter().map(|(name, _)| *name);
        let mut names: Vec<_> = NAMED_FOR_CADDY.into_iter().chain(always).collect();
        let escaping = match location.escaping {
            None | Some(Escaping::Unstated) => self.front.installed.escaping,
            Some(stated) => stated,
        };
        if escaping == Escaping::Percent {
            // Before 2.7 the file server would overwrite it.
            names.push("ETag");
        }
        let also = also_kept(self.front.config, &names);
        names.into_iter().chain(also).collect()
    }

    /// Where the gateway listens.
    fn upstream(&self) -> Result<String, ProxyConfigError> {
        match self.front.upstream()? {
            Upstream::Tcp(address) => Ok(address.to_string()),
            Upstream::Unix(path) => self.quoted("unix/", path),
        }
    }

    /// Overwrites what a client says, with proof or with nothing.
    fn announcement(&self) -> Result<String, ProxyConfigError> {
        let Some(value) = self.front.announcement() else {
            return Ok(format!("\theader_up -{ANNOUNCEMENT}\n"));
        };
        let value = word(&value).map_err(|why| self.front.unwritable_secret(LANGUAGE, why))?;
        Ok(format!("\theader_up {ANNOUNCEMENT} {value}\n"))
    }

    /// A path as one word of a Caddyfile, without slashes at its end, behind `before`.
    fn quoted(&self, before: &str, path: &Path) -> Result<String, ProxyConfigError> {
        let refuse = |reason| self.front.unwritable(path, LANGUAGE, reason);
        match path.to_str() {
            None => Err(refuse("it is not valid UTF-8")),
            Some(text) if text.contains(char::is_control) => {
                Err(refuse("it holds a control character"))
            }
            Some(text) => word(&format!("{before}{}", text.trim_end_matches('/'))).map_err(refuse),
        }
    }
}

/// One word of a Caddyfile.
fn word(text: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:=+,@%".contains(&byte);
    if text.contains(['{', '}']) {
        return Err("braces hold placeholders and cannot be escaped everywhere");
    }
    if text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    if !text.contains('`') {
        return Ok(format!("`{text}`"));
    }
    if text.contains('\\') {
        return Err("a backtick and a backslash cannot stand in one word");
    }
    Ok(format!("\"{}\"", escaped(text, &['"'])))
}
