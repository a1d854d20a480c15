//! Lines that a proxy's configuration has too many, or otherwise: `proxy-config` does not print them, so what to look for
//! is said in words, with the place where the server itself says why.

use crate::config::Proxy;

/// What such a line does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Surplus<'a> {
    /// It states a header again.
    Header(&'a str),
    /// It asks the gateway for another path.
    Path,
    /// It asks with another method, or lets one pass no more.
    Method,
    /// It lets the hand-off header pass.
    HandOff,
    /// It sends the client elsewhere.
    Redirect,
    /// It answers in the place of the gateway.
    Answer,
    /// It keeps from a file.
    Refusal,
    /// It switches ranges off.
    Ranges,
}

/// What to look for, in one sentence.
pub(super) fn look_for(surplus: Surplus<'_>, proxy: Proxy, name: &str) -> String {
    let (line, log) = (line(surplus, proxy), log(proxy));
    format!(
        "look for a line like {line} in the configuration of {name}, and in what it includes, and take it out; and look into \
         {log}"
    )
}

/// Where it says why.
pub(super) fn log(proxy: Proxy) -> &'static str {
    match proxy {
        Proxy::Nginx => "nginx's error log (`error_log`)",
        Proxy::Apache => "Apache's error log (`ErrorLog`)",
        Proxy::Lighttpd => "lighttpd's error log (`server.errorlog`)",
        Proxy::Caddy => "Caddy's log",
    }
}

fn line(surplus: Surplus<'_>, proxy: Proxy) -> String {
    let fixed = match (surplus, proxy) {
        (Surplus::Header(name), _) => return of_header(name, proxy),
        (Surplus::Path, Proxy::Nginx) => {
            "`proxy_pass http://downloadview/;` (take the path off proxy_pass: nothing stands behind the name, not even a \
             slash) or `rewrite …;`"
        }
        (Surplus::Path, Proxy::Apache) => {
            "`ProxyPass /a/ http://…/b/` (both sides end in the same path, with `nocanon`) or `RewriteRule …`"
        }
        (Surplus::Path, Proxy::Lighttpd) => "`url.rewrite… = (…)` or `\"map-urlpath\" => (…)`",
        (Surplus::Path, Proxy::Caddy) => "`handle_path …`, `uri strip_prefix …` or `rewrite …`",
        (Surplus::Method, Proxy::Nginx) => {
            "`proxy_method …;`, `limit_except … { … }` or `if ($request_method …) { … }`"
        }
        (Surplus::Method, Proxy::Apache) => {
            "`<Limit…>`, `AllowMethods …` or `RewriteCond %{REQUEST_METHOD} …`"
        }
        (Surplus::Method, Proxy::Lighttpd) => "`$HTTP[\"request-method\"] … { … }`",
        (Surplus::Method, Proxy::Caddy) => "`method …`",
        (Surplus::HandOff, Proxy::Nginx) => {
            "`proxy_ignore_headers X-Accel-Redirect;` or `proxy_pass_header X-Accel-Redirect;`"
        }
        (Surplus::HandOff, Proxy::Apache) => "`XSendFile Off`",
        (Surplus::HandOff, Proxy::Lighttpd) => "`\"x-sendfile\" => \"disable\"`",
        (Surplus::HandOff, Proxy::Caddy) => "`handle_response { … }` without a matcher",
        (Surplus::Redirect, Proxy::Nginx) => {
            "`return 301 …;`, `rewrite … redirect;` or `error_page …;`"
        }
        (Surplus::Redirect, Proxy::Apache) => "`Redirect …` or `RewriteRule … [R]`",
        (Surplus::Redirect, Proxy::Lighttpd) => "`url.redirect = (…)`",
        (Surplus::Redirect, Proxy::Caddy) => "`redir …`",
        (Surplus::Answer, Proxy::Nginx) => {
            "`deny …;`, `auth_basic …;`, `auth_request …;`, `return …;` or another location for this path"
        }
        (Surplus::Answer, Proxy::Apache) => {
            "`Require …`, `AuthType …` or another <Location> for this path"
        }
        (Surplus::Answer, Proxy::Lighttpd) => "`url.access-deny = (…)` or `auth.require = (…)`",
        (Surplus::Answer, Proxy::Caddy) => {
            "`respond …`, `basicauth { … }`, `forward_auth …` or another handle for this path"
        }
        (Surplus::Refusal, Proxy::Nginx) => "`deny all;`, `auth_basic …;` or `disable_symlinks …;`",
        (Surplus::Refusal, Proxy::Apache) => "`Require all denied`",
        (Surplus::Refusal, Proxy::Lighttpd) => "`url.access-deny = (…)`",
        (Surplus::Refusal, Proxy::Caddy) => "`hide …` or `respond … 403`",
        (Surplus::Ranges, Proxy::Nginx) => {
            "`max_ranges 0;`, `proxy_set_header Range \"\";`, or one that changes files (`sub_filter …;`)"
        }
        (Surplus::Ranges, Proxy::Apache) => "`MaxRanges none` or `RequestHeader unset Range`",
        (Surplus::Ranges, Proxy::Lighttpd) => "`server.range-requests = \"disable\"`",
        (Surplus::Ranges, Proxy::Caddy) => {
            "`request_header -Range`, or one that changes files (`templates`)"
        }
    };
    fixed.to_owned()
}

fn of_header(name: &str, proxy: Proxy) -> String {
    let is_freshness = ["cache-control", "expires"].contains(&name);
    match proxy {
        Proxy::Nginx if is_freshness => format!("`add_header {name} …;` or `expires …;`"),
        Proxy::Nginx => format!("`add_header {name} …;`"),
        Proxy::Apache if is_freshness => format!("`Header … {name} …` or `ExpiresActive On`"),
        Proxy::Apache => format!("`Header … {name} …`"),
        Proxy::Lighttpd if is_freshness => {
            format!("`setenv.…-response-header = (\"{name}\" => …)` or `expire.url = (…)`")
        }
        Proxy::Lighttpd => format!("`setenv.…-response-header = (\"{name}\" => …)`"),
        Proxy::Caddy => format!("`header {name} …`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_look_for_is_named_as_the_server_spells_it() {
        let found = look_for(Surplus::Header("cache-control"), Proxy::Nginx, "front");
        for word in [
            "add_header cache-control",
            "expires",
            "of front",
            "error_log",
        ] {
            assert!(found.contains(word), "{found}");
        }
        let found = look_for(Surplus::Header("etag"), Proxy::Nginx, "nginx");
        assert!(!found.contains("expires"), "{found}");
    }
}
