//! nginx's module njs, and the script for it: what reaches clients of other servers' answers, as an allow-list.
//!
//! nginx itself can leave headers out only by name, and takes an interim answer for the answer. The module headers-more
//! knows names that begin alike (`x-amz-meta-*`) but no bare `*`, and would take the gateway's own cookies away, of which
//! nginx can carry over one at most. Measured with njs 0.7.9 (nginx 1.22.1) and 0.9.9 (1.31.3).

use super::super::ProxyConfigError;
use super::super::modules::Njs;
use super::Writer;

/// What `downloadview proxy-config nginx --print-script` prints: the script that the configuration imports where
/// [`Options::script`](crate::proxy_config::Options::script) says that it stands.
pub const SCRIPT: &str = include_str!("script.js");

/// What the script lets pass though the server says it too: the gateway's counts.
const SAID_BY_BOTH: [&str; 5] = [
    "Cache-Control",
    "Content-Disposition",
    "Content-Type",
    "Expires",
    "Set-Cookie",
];

/// Without the script.
const BY_NAME: &str = "\x20   # Of the server's headers length, range, validators and coding reach the client, and any that is not named here
    # (x-amz-meta-owner): nginx can leave headers out only by name. With its module njs it passes none but those
    # that are allowed: `downloadview proxy-config nginx --script FILE`.
";

/// What its server may do to the site, without the script.
const TRUSTED: &str = " It must be a server that you trust with this site: nginx takes an interim answer of it (100, 102,\n\
    # 199; 1.22 also 103) for the answer itself, and passes what follows on to the client as it is.\n";

/// With it.
const BY_SCRIPT: &str = "\x20   # Of the server's headers length, range, validators and coding reach the client, and no other: the script takes them
    # away, and ends the connection on an interim answer. The gateway's own are not the server's to say.
    js_header_filter downloadview.allow;
";

impl Writer<'_> {
    /// The names of headers to hide, and the lines that say what passes.
    pub(super) fn hidden<'a>(&self, by_name: Vec<&'a str>) -> (Vec<&'a str>, &'static str) {
        match self.front.script {
            Some(_) => (SAID_BY_BOTH.to_vec(), BY_SCRIPT),
            None => (by_name, BY_NAME),
        }
    }

    /// The end of the comment on a server: what it must be trusted with.
    pub(super) fn trusted(&self) -> &'static str {
        match self.front.script {
            Some(_) => "\n",
            None => TRUSTED,
        }
    }

    /// For a location that answers in the server's place: nginx keeps the WWW-Authenticate of a 401.
    pub(super) fn answered_by_script(&self) -> &'static str {
        match self.front.script {
            Some(_) => "    js_header_filter downloadview.allow;\n",
            None => "",
        }
    }

    /// What belongs into `http { }`.
    pub(super) fn import(&self) -> Result<String, ProxyConfigError> {
        let Some(script) = self.front.script else {
            return Ok(String::new());
        };
        let script = self.quoted("", script, "")?;
        Ok(format!(
            "
# What `downloadview proxy-config nginx --print-script` prints. It needs nginx's module njs, which Debian packages as
# libnginx-mod-http-js and nginx.org as nginx-module-njs. Debian's nginx.conf loads it by itself; where nginx knows no
# `js_import`, the first line of nginx.conf, before `events`, must be: load_module modules/ngx_http_js_module.so;
js_import downloadview from {script};
"
        ))
    }

    /// The first line of a whole configuration.
    pub(super) fn load_module(&self) -> Result<String, ProxyConfigError> {
        if self.front.script.is_none() {
            return Ok(String::new());
        }
        Ok(match &self.front.installed.njs {
            Njs::BuiltIn => String::new(),
            Njs::File(file) => format!("load_module {};\n", self.quoted("", file, "")?),
            Njs::Unknown => "\
# Unless nginx was built with njs, here: load_module FOLDER_OF_ITS_MODULES/ngx_http_js_module.so;\n"
                .to_owned(),
        })
    }
}
