//! Writes lighttpd's language: mod_proxy to the gateway, with `x-sendfile` for the folders of the rules.
//!
//! A string stands in double quotes; only the quote itself has an escape, so a backslash at the end or before a quote
//! is refused. Needs lighttpd 1.4.46 or later (`x-sendfile` for mod_proxy, `setenv.set-request-header`).
//! [`print`] writes the site (proxying, announcement, folders that may be sent) and puts it between comments that say
//! where it goes, or into a complete server. What cannot be quoted, and an address that lighttpd cannot listen on, is
//! an error.

use std::path::Path;

use super::docroots::docroots;
use super::front::{Front, Upstream};
use super::headers::{
    ACCEL, ANNOUNCEMENT, ELSEWHERE, HAND_OFF_REQUEST, REMOTE, WHO_IT_IS, forwarded_away,
};
use super::words::{escaped, indented, lines};
use super::{Form, ProxyConfigError};
use crate::config::Listen;

/// What an error calls the language in which a path or secret cannot be written.
const LANGUAGE: &str = "lighttpd's language";

/// The configuration of lighttpd for these rules.
///
/// # Errors
///
/// If a rule needs what lighttpd cannot do, such as a folder behind a symbolic link, or a path or the secret cannot be
/// written in its language.
pub(super) fn print(front: &Front<'_>) -> Result<String, ProxyConfigError> {
    let writer = Writer { front };
    let site = writer.site()?;
    match front.form {
        Form::Snippet => Ok(writer.snippet(&site)),
        Form::Standalone(listen) => Ok(writer.standalone(&site, &writer.listen(listen)?)),
    }
}

/// Writes lighttpd's language.
struct Writer<'a> {
    front: &'a Front<'a>,
}

/// Lets every name that a file may have through to the gateway, which judges it itself.
const NAMES: &str = "\
# An encoded slash is part of a name, not the end of a folder; control bytes and bytes that are not valid UTF-8 may be
# in a name too. The gateway judges names itself.
server.http-parseopts = (
    \"url-path-2f-decode\" => \"disable\",
    \"url-ctrls-reject\" => \"disable\",
    \"url-invalid-utf8-reject\" => \"disable\",
)";

impl Writer<'_> {
    /// The two parts for a lighttpd that has a configuration already, each with where it belongs.
    fn snippet(&self, site: &str) -> String {
        let title = self.front.comment(&[
            "lighttpd in front of downloadview, printed by `downloadview proxy-config lighttpd`.",
        ]);
        let site = indented(site, "    ");
        format!(
            "\
{title}
# 1. For the whole server, once. An open stat cache would send files that were replaced or deleted since.
server.modules += ( \"mod_setenv\", \"mod_proxy\" )
server.stat-cache-engine = \"disable\"
{NAMES}

# 2. For the routes of the gateway: all paths, unless this is narrowed. After the other blocks of the site: of two that
#    set the same for one URL, the later counts alone.
$HTTP[\"url\"] =~ \"^/\" {{
{site}}}
"
        )
    }

    /// A whole lighttpd that needs no root, in the folder that it is started in.
    fn standalone(&self, site: &str, listen: &str) -> String {
        let title = self.front.comment(&[
            "lighttpd in front of downloadview, printed by `downloadview proxy-config lighttpd --standalone`.",
            "Start it unprivileged, in an empty folder of its own for the pid and temporary files:",
            "    mkdir -p FOLDER && cd FOLDER && lighttpd -D -f THIS_FILE",
            "(THIS_FILE with its full path. It logs to stderr.)",
        ]);
        format!(
            "\
{title}
server.modules = ( \"mod_setenv\", \"mod_proxy\" )
{listen}
server.tag = \"\"

# The folder it was started in. Nothing in it has a URL: every request goes to the gateway.
server.document-root = var.CWD
server.pid-file = var.CWD + \"/lighttpd.pid\"
server.upload-dirs = ( var.CWD )

# An open stat cache would send files that were replaced or deleted since.
server.stat-cache-engine = \"disable\"
{NAMES}

{site}"
        )
    }

    /// The gateway, and what is taken out of requests, so that no client can forge it, and out of answers.
    fn site(&self) -> Result<String, ProxyConfigError> {
        let (upstream, folders) = (self.upstream()?, self.folders()?);
        let announcement = self.announcement()?;
        let asked = lines("    \"", "", HAND_OFF_REQUEST, "\" => \"\",");
        let added = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"];
        let away = added.into_iter().chain(forwarded_away());
        let away = lines("    \"", "", away, "\" => \"\",");
        let leaks = ["X-Sendfile2"].into_iter().chain(ACCEL);
        let leaks = leaks.chain(ELSEWHERE).chain(REMOTE);
        let answered = lines("    \"", "", leaks, "\" => \"\",");
        Ok(format!(
            "\
# What proxies and applications say to each other is not for clients to say; nor to hear: lighttpd itself takes only
# X-Sendfile and X-LIGHTTPD-* out of answers.
# (+= keeps what the site sets beside it.)
# Nor is anything compressed on the way: that would change the ETag, and the ranges with it.
setenv.set-request-header += (
{announcement}{asked}    \"Accept-Encoding\" => \"\",
    # {WHO_IT_IS}
    # (lighttpd adds For, Host and Proto after this.)
{away})
setenv.set-response-header += (
{answered})

# Answers that the gateway streams are passed on as they come, and never wait on disk.
server.stream-response-body = 2
# The gateway hands out names without symbolic links; one that appears since is refused.
server.follow-symlink = \"disable\"

# The gateway. It answers itself, or names a file of the folders below with X-Sendfile: none of them has a URL, and
# without the list any readable file of the machine could be sent. (lighttpd opens a new connection to the gateway for
# each request, it cannot keep them.)
proxy.server = ( \"\" => ((
{upstream}{folders})) )
"
        ))
    }

    /// Where the gateway listens.
    fn upstream(&self) -> Result<String, ProxyConfigError> {
        Ok(match self.front.upstream()? {
            Upstream::Tcp(address) => {
                let (host, port) = (address.ip(), address.port());
                format!("    \"host\" => \"{host}\",\n    \"port\" => {port},\n")
            }
            Upstream::Unix(path) => format!("    \"host\" => {},\n", self.quoted(path)?),
        })
    }

    /// Overwrites what a client says, with proof or with nothing.
    fn announcement(&self) -> Result<String, ProxyConfigError> {
        let value = self.front.announcement().unwrap_or_default();
        let value = word(&value).map_err(|why| self.front.unwritable_secret(LANGUAGE, why))?;
        Ok(format!("    \"{ANNOUNCEMENT}\" => {value},\n"))
    }

    /// The folders that files may be sent from. lighttpd refuses links anywhere in a path, so one in a folder's own is an error
    /// here and not a 403 of each download.
    fn folders(&self) -> Result<String, ProxyConfigError> {
        if self.front.rules.is_empty() {
            // An empty list would let it send any file.
            return Ok("    \"x-sendfile\" => \"disable\",\n".to_owned());
        }
        let mut text =
            "    \"x-sendfile\" => \"enable\",\n    \"x-sendfile-docroot\" => (\n".to_owned();
        for docroot in docroots(self.front)? {
            if let Some(real) = docroot.behind_link() {
                let (folder, real) = (docroot.folder.display(), real.display());
                let message = format!(
                    "`destination_dir` {folder} leads through a symbolic link, and lighttpd refuses links anywhere in a path"
                );
                let help = format!("write destination_dir = \"{real}\"");
                return Err(self.front.refuse(docroot.rule, message, help));
            }
            let folder = self.quoted(docroot.folder)?;
            text.push_str(&format!("        {folder},\n"));
        }
        text.push_str("    )\n");
        Ok(text)
    }

    /// Where lighttpd listens.
    fn listen(&self, listen: &Listen) -> Result<String, ProxyConfigError> {
        Ok(match listen {
            Listen::Tcp(address) => {
                let port = address.port();
                let host = match address.is_ipv6() {
                    true => format!("[{}]", address.ip()),
                    false => address.ip().to_string(),
                };
                format!("server.bind = \"{host}\"\nserver.port = {port}")
            }
            Listen::Unix(path) => format!("server.bind = {}", self.quoted(path)?),
        })
    }

    /// A path as a string of lighttpd's language.
    fn quoted(&self, path: &Path) -> Result<String, ProxyConfigError> {
        let refuse = |reason| self.front.unwritable(path, LANGUAGE, reason);
        match path.to_str() {
            None => Err(refuse("it is not valid UTF-8")),
            Some(text) if text.contains(char::is_control) => {
                Err(refuse("it holds a control character"))
            }
            Some(text) => word(text).map_err(refuse),
        }
    }
}

/// A string of lighttpd's language.
fn word(text: &str) -> Result<String, &'static str> {
    if text.ends_with('\\') || text.contains("\\\"") {
        return Err("a backslash before a quotation mark or at the end has no escape");
    }
    Ok(format!("\"{}\"", escaped(text, &['"'])))
}
