//! The files that nginx fetches from another server: an upstream, two locations, and what all of them share.
//!
//! Measured with 1.22.1 and 1.31.3: the target goes out byte for byte where `proxy_pass` names an upstream and a variable, and
//! such an upstream keeps its connections. `$upstream_http_NAME` is the gateway's answer until the request to the server
//! starts, and the server's from then on, so what is needed later is copied first.

use std::fmt::Write as _;
use std::path::Path;

use super::super::ProxyConfigError;
use super::super::remotes::Remote;
use super::Writer;
use super::fetch::variable;

/// What of a client's request goes to the servers, in `http { }`.
const MAPS: &str = r#"
# What the servers of files learn of a client's request. One range, of a GET; several would come back as one body in
# parts, whose type only the server knows. A weak tag in If-Range never holds.
map "$request_method $http_range $http_if_range" $downloadview_range {
    "~^GET (bytes=(?:[0-9]+-[0-9]*|-[0-9]+)) (?!W/)" $1;
    default "";
}
map "$downloadview_range $http_if_range" $downloadview_if_range {
    "~^bytes=\S+ (.+)$" $1;
    default "";
}
# Object stores know no If-Range, and would send a part of another file. So it goes out as If-Match or
# If-Unmodified-Since too, and where that fails the whole file is asked for.
map "$http_if_match$http_if_unmodified_since $downloadview_if_range" $downloadview_match {
    "~^ (\".*)$" $1;
    default $http_if_match;
}
map "$http_if_match$http_if_unmodified_since $downloadview_if_range" $downloadview_unmodified {
    "~^ ([^\"].*)$" $1;
    default $http_if_unmodified_since;
}
map "$http_if_match$http_if_unmodified_since $downloadview_if_range" $downloadview_resumes {
    "~^ ." 1;
    default "";
}
# What nginx keeps of the gateway's answer it forgets, from 1.29 on, where the server answers 103 before: then once more.
map $sent_http_content_type $downloadview_type_again {
    "" $downloadview_type;
    default "";
}
map $sent_http_content_disposition $downloadview_disposition_again {
    "" $downloadview_disposition;
    default "";
}
map $sent_http_cache_control $downloadview_cache_control_again {
    "" $downloadview_cache_control;
    default "";
}
map $sent_http_expires $downloadview_expires_again {
    "" $downloadview_expires;
    default "";
}
# The coding that the gateway states, or that of an object that was stored compressed.
map $downloadview_content_encoding $downloadview_encoding {
    "" $upstream_http_content_encoding;
    default $downloadview_content_encoding;
}
"#;

impl Writer<'_> {
    /// What belongs into `http { }`; empty without remotes.
    pub(super) fn remote_upstreams(&self, remotes: &[Remote]) -> Result<String, ProxyConfigError> {
        let mut text = String::new();
        for Remote {
            number,
            line,
            server,
            ..
        } in remotes
        {
            let (address, trusted) = (server.address(), self.trusted());
            let _ = write!(
                text,
                "
# The server of the rule in line {line}. nginx looks its name up when it starts or reads its configuration anew: reload it
# when the addresses change, or from 1.27.3 on write `zone downloadview_remote_{number} 64k; resolver ADDRESS;` here and
# `resolve` after the name.{trusted}upstream downloadview_remote_{number} {{
    server {address} max_fails=0;
    keepalive 32;
    keepalive_timeout 60s;
}}
"
            );
        }
        if !remotes.is_empty() {
            text.push_str(MAPS);
            text.push_str(&self.import()?);
        }
        Ok(text)
    }

    /// The locations of all of them, and the answers that they share; empty without remotes.
    pub(super) fn remote_locations(&self, remotes: &[Remote]) -> Result<String, ProxyConfigError> {
        let mut text = String::new();
        for remote in remotes {
            text.push('\n');
            text.push_str(&self.remote_location(remote)?);
        }
        if !remotes.is_empty() {
            text.push_str(&self.remote_answers());
        }
        Ok(text)
    }

    fn remote_location(&self, remote: &Remote) -> Result<String, ProxyConfigError> {
        let Remote {
            number,
            path,
            line,
            server,
        } = remote;
        let origin = &server.origin;
        if server.is_https() && server.has_no_name() {
            return Err(self.unverifiable(remote));
        }
        let location = self.quoted("", Path::new(path), "/")?;
        let bare = self.quoted("", Path::new(path), "")?;
        let copied: String = self
            .carried()
            .iter()
            .map(|(name, _)| variable(name))
            .map(|name| format!("    set $downloadview_{name} $upstream_http_{name};\n"))
            .collect();
        let fetch = self.fetch(remote)?;
        Ok(format!(
            "\
# Files of {origin}, which nginx fetches itself: the rule in line {line}. Reached by X-Accel-Redirect
# only, 404 for clients. Two more headers of the gateway say from whom, which must be this server, and what.
location ^~ {location} {{
    internal;
    # Before the request to the server, whose headers would stand in their place.
    set $downloadview_target $upstream_http_x_download_target;
    set $downloadview_type $upstream_http_content_type;
    set $downloadview_disposition $upstream_http_content_disposition;
    set $downloadview_cache_control $upstream_http_cache_control;
    set $downloadview_expires $upstream_http_expires;
{copied}    if ($upstream_http_x_download_origin != \"{origin}\") {{ return 404; }}
    # Glued to the name of the server, \"@other/\" would be another one.
    if ($downloadview_target !~ \"^/[!-~]*$\") {{ return 502; }}
    proxy_set_header Range $downloadview_range;
    proxy_set_header If-Range $downloadview_if_range;
    proxy_set_header If-Match $downloadview_match;
    proxy_set_header If-Unmodified-Since $downloadview_unmodified;
    error_page 412 = @downloadview_remote_{number}_whole;
{fetch}}}
location = {bare} {{ internal; return 404; }}
# The file is not the one that the client has a part of: the whole of it, unless the condition was the client's own.
location @downloadview_remote_{number}_whole {{
    if ($downloadview_resumes = \"\") {{
        add_header Cache-Control no-store always;
        return 412;
    }}
    error_page 412 = @downloadview_failed;
{fetch}}}
"
        ))
    }

    /// nginx compares certificates with names only.
    fn unverifiable(&self, remote: &Remote) -> ProxyConfigError {
        let rule = self
            .front
            .rules
            .iter()
            .find(|rule| rule.line == remote.line);
        let rule = rule.unwrap_or(&self.front.rules[0]);
        let message = format!(
            "nginx cannot verify the certificate of `{}`",
            remote.server.origin
        );
        self.front.refuse(
            rule,
            message,
            "name the server by its name, not by its address",
        )
    }

    /// Error pages are no files: freshness that the gateway stated for the file does not hold for them.
    fn remote_answers(&self) -> String {
        let added = self.added_headers().map(|line| format!("    {line}\n"));
        let added: String = added.collect();
        let filter = self.answered_by_script();
        let answer = |name: &str, more: &str, status: u16| {
            format!(
                "location @downloadview_{name} {{\n    add_header Cache-Control no-store always;\n{filter}{added}{more}    \
                 return {status};\n}}\n"
            )
        };
        let size = "    add_header Content-Range $upstream_http_content_range always;\n";
        [
            "\n# Where a server has no file. nginx keeps the gateway's Content-Disposition, Set-Cookie and Cache-Control\n\
             # here too; of two Cache-Control the stricter counts.\n"
                .to_owned(),
            answer("missing", "", 404),
            answer("forbidden", "", 403),
            answer("unsatisfiable", size, 416),
            answer("late", "", 504),
            answer("failed", "", 502),
        ]
        .concat()
    }
}
