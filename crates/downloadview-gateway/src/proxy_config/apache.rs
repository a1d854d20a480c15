//! Writes Apache httpd's language: mod_proxy to the gateway, mod_xsendfile for the folders of the rules.
//!
//! Everything stands in double quotes. `${NAME}` is replaced even there and has no escape, so a path that holds `${` is
//! refused. Needs httpd 2.4.34 or later (`responsefieldsize`, `<IfDirective>`) and mod_xsendfile 0.12 or later.
//! [`print`] writes the site (proxying, announcement, folders that may be sent) and puts it between comments that say
//! where it goes, or into a complete server. What cannot be quoted, and an address that httpd cannot listen on, is an
//! error.

use std::path::Path;

use downloadview::backend::Escaping;

use super::docroots::docroots;
use super::front::{Front, Upstream};
use super::headers::{
    ACCEL, ANNOUNCEMENT, ELSEWHERE, HAND_OFF_REQUEST, REMOTE, SENDFILE, WHO_IT_IS, forwarded_away,
};
use super::words::{escaped, indented, lines};
use super::{Form, ProxyConfigError};
use crate::config::{Listen, Proxy, RuleConfig};

/// What an error calls the language in which a path or secret cannot be written.
const LANGUAGE: &str = "Apache's language";

/// The host of a gateway behind a socket, by which nothing else is known.
const SOCKET: &str = "downloadview";

/// What switches the module on.
const SENDING: &str = "\
# Files of these folders, sent where the gateway says X-Sendfile: none of them has a URL. XSendFilePath counts for the
# whole server, wherever it stands; other applications of this host cannot use it, for them XSendFile is off. Symbolic
# links are followed, there is no switch: the gateway hands out names without them.
XSendFile On
";

/// The configuration of Apache for these rules.
///
/// # Errors
///
/// If a rule needs what Apache cannot do, if it would have to listen on a socket, or if a path or the secret cannot be
/// written in its language.
pub(super) fn print(front: &Front<'_>) -> Result<String, ProxyConfigError> {
    let writer = Writer { front };
    let site = writer.site()?;
    match front.form {
        Form::Snippet => Ok(writer.snippet(&site)),
        Form::Standalone(listen) => Ok(writer.standalone(&site, &writer.listen(listen)?)),
    }
}

/// Writes Apache's language.
struct Writer<'a> {
    front: &'a Front<'a>,
}

impl Writer<'_> {
    /// The part for a `<VirtualHost>` that exists already.
    fn snippet(&self, site: &str) -> String {
        let title = self.front.comment(&[
            "Apache in front of downloadview, printed by `downloadview proxy-config apache`. Into the <VirtualHost> that",
            "clients reach. If it has other things too, narrow `ProxyPass \"/\"` to the routes of the gateway. On Debian:",
            "    apt-get install libapache2-mod-xsendfile && a2enmod headers proxy proxy_http xsendfile",
        ]);
        format!("{title}\n{site}")
    }

    /// A whole Apache that needs no root, in a folder of its own.
    fn standalone(&self, site: &str, listen: &str) -> String {
        let title = self.front.comment(&[
            "Apache in front of downloadview, printed by `downloadview proxy-config apache --standalone`.",
            "Start it unprivileged, with an empty folder of its own for the pid and error.log:",
            "    mkdir -p FOLDER && apache2 -D FOREGROUND -d FOLDER -f THIS_FILE",
            "(Both with their full path: httpd looks for relative ones elsewhere. Other systems call it `httpd`.)",
        ]);
        let module = match self.front.rules.as_slice() {
            [] => "",
            _ => "LoadModule xsendfile_module ${DOWNLOADVIEW_MODULES}/mod_xsendfile.so\n",
        };
        format!(
            "\
{title}
# Where the modules are: as on Debian; /usr/lib64/httpd/modules on Fedora.
Define DOWNLOADVIEW_MODULES /usr/lib/apache2/modules
<IfModule !mod_unixd.c>
    LoadModule unixd_module ${{DOWNLOADVIEW_MODULES}}/mod_unixd.so
</IfModule>
LoadModule mpm_event_module ${{DOWNLOADVIEW_MODULES}}/mod_mpm_event.so
LoadModule authz_core_module ${{DOWNLOADVIEW_MODULES}}/mod_authz_core.so
LoadModule headers_module ${{DOWNLOADVIEW_MODULES}}/mod_headers.so
LoadModule proxy_module ${{DOWNLOADVIEW_MODULES}}/mod_proxy.so
LoadModule proxy_http_module ${{DOWNLOADVIEW_MODULES}}/mod_proxy_http.so
{module}
Listen {listen}
ServerName localhost
ServerTokens Prod
MaxKeepAliveRequests 0

# Relative to FOLDER. Nothing in it has a URL: every request goes to the gateway.
DefaultRuntimeDir .
PidFile apache.pid
ErrorLog error.log
DocumentRoot .
<Directory \"/\">
    Require all denied
</Directory>

{site}"
        )
    }

    /// What stands in the server or virtual host that clients reach.
    fn site(&self) -> Result<String, ProxyConfigError> {
        let (upstream, folders) = (self.upstream()?, self.folders()?);
        let announcement = self.announcement()?;
        let asked = lines("", "RequestHeader unset ", HAND_OFF_REQUEST, "");
        let away = lines("", "RequestHeader unset ", forwarded_away(), "");
        let leaks = match self.front.rules.as_slice() {
            [] => "unset X-Sendfile",
            _ => "unset X-Sendfile \"expr=%{REQUEST_STATUS} != 200\"",
        };
        let others = SENDFILE[1..].iter().chain(&ACCEL);
        let others = others.chain(&ELSEWHERE).chain(&REMOTE);
        let others: Vec<_> = others.copied().collect();
        let answered = lines("", "Header unset ", others.iter().copied(), "");
        let always = lines("", "Header always unset ", others, "");
        let scope = self.scope()?;
        let inside = format!(
            "\
# What proxies and applications say to each other is not for clients to say. (A name in Connection would take the
# header off the request again.)
{announcement}RequestHeader edit* Connection (?i)x-(downloadview|forwarded)-[a-z]* _
{asked}
# {WHO_IT_IS}
ProxyAddHeaders Off
RequestHeader set X-Forwarded-For \"expr=%{{REMOTE_ADDR}}\"
RequestHeader set X-Forwarded-Host \"expr=%{{HTTP_HOST}}\"
RequestHeader set X-Forwarded-Proto \"expr=%{{REQUEST_SCHEME}}\"
RequestHeader unset X-Forwarded-Server
{away}
{folders}EnableSendfile On
# A file that is cut while it is sent must not take the process with it.
EnableMMAP Off
# Or every file had the ETag \"0\", and a resumed download would mix two of them.
FileETag None
# Clients that read a part of a file ask for it only if they are told that they may.
Header set Accept-Ranges bytes \"expr=-n %{{resp:X-Sendfile}}\"

# Files as they are: no server-side includes in what others uploaded, no compression, which would change the ETag and
# end ranges, and no dates of freshness but the gateway's. (<If> counts after every <Location> of the site.)
<If \"true\">
    Options None
</If>
RequestHeader unset Accept-Encoding
<IfModule mod_expires.c>
    ExpiresActive Off
</IfModule>

# The module leaves its header in place unless the status is 200: the path would reach the client. Without the
# condition the header would be gone before the module sees it.
Header {leaks}
Header always {leaks}
# Hand-off headers of other proxies.
{answered}{always}"
        );
        let (inside, keepalive) = (indented(&inside, "    "), self.front.keepalive());
        Ok(format!(
            "\
# The gateway. Paths reach it as the client wrote them (nocanon, NoDecode). Connections to it stay open; it closes them
# after {closes} s without a request, Apache after {keepalive}. Room for long file names: a longer header line is a 502.
AllowEncodedSlashes NoDecode
ProxyPreserveHost On
ProxyPass \"/\" {upstream} nocanon ttl={keepalive} responsefieldsize=16384
# Apache would send TRACE back to anyone, with what it says to the gateway in it.
TraceEnable Off

# For the gateway alone, whatever else this host passes on to.
<Proxy {scope}>
{inside}</Proxy>
",
            closes = self.front.config.server.idle_timeout.as_secs(),
        ))
    }

    /// What `<Proxy>` knows the gateway by.
    fn scope(&self) -> Result<String, ProxyConfigError> {
        Ok(match self.front.upstream()? {
            Upstream::Tcp(address) => format!("\"http://{address}/\""),
            Upstream::Unix(_) => format!("\"http://{SOCKET}/\""),
        })
    }

    /// Where the gateway listens, as an argument of `ProxyPass`.
    fn upstream(&self) -> Result<String, ProxyConfigError> {
        match self.front.upstream()? {
            Upstream::Tcp(address) => Ok(format!("\"http://{address}/\"")),
            Upstream::Unix(path) if path.as_os_str().as_encoded_bytes().contains(&b'|') => {
                let reason = "`|` ends the path of a socket";
                Err(self.front.unwritable(path, LANGUAGE, reason))
            }
            Upstream::Unix(path) => self.quoted("unix:", path, &format!("|http://{SOCKET}/")),
        }
    }

    /// Overwrites what a client says, with proof or with nothing.
    fn announcement(&self) -> Result<String, ProxyConfigError> {
        let Some(value) = self.front.announcement() else {
            return Ok(format!("RequestHeader unset {ANNOUNCEMENT}\n"));
        };
        if value.contains("${") {
            let reason = "`${` begins a variable and has no escape";
            return Err(self.front.unwritable_secret(LANGUAGE, reason));
        }
        // `%` begins one of mod_headers' own variables.
        let value = escaped(&value, &['\\', '"']).replace('%', "%%");
        Ok(format!("RequestHeader set {ANNOUNCEMENT} \"{value}\"\n"))
    }

    /// Nothing where no rule names any, so that the module need not be there.
    fn folders(&self) -> Result<String, ProxyConfigError> {
        let Some(escaping) = self.escaping()? else {
            return Ok(String::new());
        };
        let mut text = SENDING.to_owned();
        text.push_str(match escaping {
            // 0.12 never decodes and does not know the directive; 1.0 decodes unless told not to.
            Escaping::Raw | Escaping::Unstated => {
                "<IfDirective XSendFileUnescape>\n    XSendFileUnescape Off\n</IfDirective>\n"
            }
            // 0.12 refuses to start with it, and so never sends other files than are meant.
            Escaping::Percent => "XSendFileUnescape On\n",
        });
        for docroot in docroots(self.front)? {
            text.push_str("XSendFilePath ");
            text.push_str(&self.quoted("", docroot.folder, "")?);
            text.push('\n');
        }
        Ok(text)
    }

    /// The one of all rules: the module has one version. `None` without rules.
    fn escaping(&self) -> Result<Option<Escaping>, ProxyConfigError> {
        let of = |rule: &RuleConfig| rule.escaping.unwrap_or_default();
        let Some(first) = self.front.rules.first() else {
            return Ok(None);
        };
        match self.front.rules.iter().find(|rule| of(rule) != of(first)) {
            None => Ok(Some(of(first))),
            Some(other) => {
                let message = format!("the rule of line {} has another `escaping`", first.line);
                let help = "write the same in both: it depends on the version of mod_xsendfile";
                Err(self.front.refuse(other, message, help))
            }
        }
    }

    /// The argument of `Listen`. Apache cannot listen on a Unix socket.
    fn listen(&self, listen: &Listen) -> Result<String, ProxyConfigError> {
        match listen {
            Listen::Tcp(address) => Ok(address.to_string()),
            Listen::Unix(_) => Err(ProxyConfigError::CannotListen {
                proxy: Proxy::Apache,
                listen: listen.clone(),
            }),
        }
    }

    /// A path as one word of Apache's language, between `before` and `after`.
    fn quoted(&self, before: &str, path: &Path, after: &str) -> Result<String, ProxyConfigError> {
        let refuse = |reason| self.front.unwritable(path, LANGUAGE, reason);
        let Some(text) = path.to_str() else {
            return Err(refuse("it is not valid UTF-8"));
        };
        if text.contains("${") {
            return Err(refuse("`${` begins a variable and has no escape"));
        }
        if text.contains(char::is_control) {
            return Err(refuse("it holds a control character"));
        }
        let text = escaped(text, &['\\', '"']);
        Ok(format!("\"{before}{text}{after}\""))
    }
}
