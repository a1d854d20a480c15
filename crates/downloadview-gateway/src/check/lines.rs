//! The lines of a proxy's configuration that something depends on, as `proxy-config` prints them.

use crate::config::Proxy;

/// What the lines are about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Topic<'a> {
    /// The folder of an internal location, or all of them; and what makes the proxy send files.
    Folder(Option<&'a str>),
    /// Where the gateway is.
    Upstream,
    /// The proof of who the proxy is.
    Announcement,
    /// Room for long headers.
    Room,
    /// A header of the gateway's answer.
    Header(&'a str),
    /// Connections that stay open.
    KeepAlive,
    /// Compression.
    Compression,
    /// What a client asks by whether its copy is still good.
    Conditions,
    /// Who the client is.
    Forwarded,
    /// Answers that wait for their client.
    Buffering,
}

/// The lines of `printed` about a topic, without comments.
pub(super) fn about(topic: &Topic<'_>, proxy: Proxy, printed: &str) -> Vec<String> {
    let lines = printed.lines().filter(|line| {
        let start = line.trim_start();
        !start.is_empty() && !start.starts_with('#')
    });
    let lines: Vec<&str> = lines.collect();
    if let (Topic::Folder(location), Proxy::Nginx | Proxy::Caddy) = (topic, proxy) {
        return block(&lines, *location, proxy);
    }
    let words = words(topic, proxy);
    let header = match topic {
        Topic::Header(name) => name.to_ascii_lowercase(),
        _ => String::new(),
    };
    let chosen = lines.iter().filter(|line| {
        let lower = line.to_ascii_lowercase();
        let is_about = words.iter().any(|word| lower.contains(word)) && lower.contains(&header);
        is_about || (header == "cache-control" && lower.trim() == "expires off;")
    });
    let mut told: Vec<String> = Vec::new();
    for line in chosen.map(|line| line.trim()) {
        if !told.iter().any(|known| known == line) {
            told.push(line.to_owned());
        }
    }
    told
}

/// Parts of the lines, in lower case.
fn words(topic: &Topic<'_>, proxy: Proxy) -> &'static [&'static str] {
    match (topic, proxy) {
        (Topic::Folder(_), Proxy::Apache) => &["xsendfile"],
        (Topic::Folder(_), Proxy::Lighttpd) => &[
            "x-sendfile\"",
            "x-sendfile-docroot",
            "            \"/",
            "        )",
        ],
        (Topic::Upstream, Proxy::Nginx) => &["upstream downloadview", "    server ", "proxy_pass"],
        (Topic::Upstream | Topic::KeepAlive, Proxy::Apache) => &["proxypass"],
        (Topic::Upstream, Proxy::Lighttpd) => &["proxy.server", "\"host\"", "\"port\""],
        (Topic::Upstream, Proxy::Caddy) => &["reverse_proxy"],
        (Topic::Announcement, _) => &["x-downloadview-proxy"],
        (Topic::Room, Proxy::Nginx) => &["proxy_buffer"],
        (Topic::Room, Proxy::Apache) => &["responsefieldsize"],
        (Topic::Header(_), Proxy::Nginx) => &["add_header"],
        (Topic::Header(_), Proxy::Caddy) => &["include"],
        (Topic::Header(_), Proxy::Apache) => &["header"],
        (Topic::KeepAlive, Proxy::Nginx) => &[
            "keepalive",
            "proxy_http_version",
            "proxy_set_header connection",
        ],
        (Topic::KeepAlive, Proxy::Caddy) => &["keepalive"],
        (Topic::Compression, Proxy::Nginx) => &["gzip"],
        (Topic::Compression, _) => &["accept-encoding"],
        (Topic::Conditions, Proxy::Nginx) => &["etag on", "if_modified_since"],
        (Topic::Forwarded, Proxy::Nginx) => &[
            "proxy_set_header x-forwarded-for",
            "proxy_set_header x-forwarded-host",
            "proxy_set_header x-forwarded-proto",
        ],
        (Topic::Forwarded, Proxy::Apache) => &["requestheader set x-forwarded"],
        (Topic::Forwarded, Proxy::Lighttpd) => &[
            "\"x-forwarded-for\" => \"\"",
            "\"x-forwarded-host\" => \"\"",
            "\"x-forwarded-proto\" => \"\"",
        ],
        (Topic::Buffering, Proxy::Nginx) => &["proxy_buffering", "proxy_max_temp_file_size"],
        (Topic::Buffering, Proxy::Lighttpd) => &["stream-response-body"],
        (Topic::Conditions, Proxy::Apache) => &["fileetag", "accept-ranges"],
        _ => &[],
    }
}

/// The handler of a location, from its name to the end of the folder.
fn block(lines: &[&str], location: Option<&str>, proxy: Proxy) -> Vec<String> {
    let (begins, wanted): (&str, &[&str]) = match proxy {
        Proxy::Nginx => ("location ^~", &["location ^~", "internal;", "alias "]),
        _ => (
            "header X-Accel-Redirect /",
            &[
                "header X-Accel-Redirect",
                "handle_response",
                "root ",
                "rewrite ",
                "uri ",
                "file_server",
            ],
        ),
    };
    let mut chosen = Vec::new();
    let mut inside = false;
    for line in lines {
        if line.contains(begins) {
            inside = location.is_none_or(|location| line.contains(location));
        } else if line.contains("location ") || line.trim_start().starts_with('@') {
            inside = false;
        }
        if inside && wanted.iter().any(|word| line.contains(word)) {
            chosen.push(line.trim().to_owned());
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handler_of_one_location_is_cut_out() {
        let printed = "location / {\n    proxy_pass http://downloadview;\n}\n# A comment.\n\
            location ^~ /_a/ {\n    internal;\n    alias /srv/a/;\n    gzip off;\n}\nlocation = /_a { internal; }\n\
            location ^~ /_b/ {\n    internal;\n    alias /srv/b/;\n}\n";
        let lines = about(&Topic::Folder(Some("/_a/")), Proxy::Nginx, printed);
        assert_eq!(lines, ["location ^~ /_a/ {", "internal;", "alias /srv/a/;"]);
        let lines = about(&Topic::Upstream, Proxy::Nginx, printed);
        assert_eq!(lines, ["proxy_pass http://downloadview;"]);
    }
}
