//! The `downloadview.toml` of the tests: one storage, delegated as a whole, behind one proxy or behind any.

use crate::proxy::Proxy;

/// The request header by which a proxy announces itself.
pub const ANNOUNCEMENT: &str = "X-Downloadview-Proxy";

/// Answers of `/files/` are cacheable, so that an error page that keeps the download's headers is noticed.
const HEAD: &str = r#"
listen = "@LISTEN@"

[storages.media]
kind = "local"
root = "@MEDIA@"
base_url = "/media/"
symlinks = "within"
"#;

const VIEWS: &str = r#"
[[views]]
route = "/files/{*path}"
kind = "storage"
storage = "media"
cache_control = "public, max-age=60"

[[views]]
route = "/inline/{*path}"
kind = "storage"
storage = "media"
disposition = "inline"

[[views]]
route = "/packed/{*path}"
kind = "storage"
storage = "media"
content_encoding = "gzip"
"#;

/// A site behind `proxy` alone. In it `@LISTEN@` and `@MEDIA@` stand for what the site knows.
#[must_use]
pub fn configuration(proxy: Proxy) -> String {
    format!(
        "{HEAD}\n[optimize]\nbackend = \"{}\"\nkeep_headers = [\"X-Case\"]\n\n[[optimize.rules]]\n{}{VIEWS}",
        proxy.backend().name(),
        rule(proxy)
    )
}

/// A site behind any of `proxies`, each of which announces itself, or behind none.
#[must_use]
pub fn announced(proxies: &[Proxy]) -> String {
    let entry = |proxy: &Proxy| {
        let (name, backend) = (proxy.name(), proxy.backend().name());
        format!(
            "\n[optimize.proxies.{name}]\nbackend = \"{backend}\"\nsecret = \"{}\"\n\n\
             [[optimize.proxies.{name}.rules]]\n{}",
            secret(*proxy),
            rule(*proxy)
        )
    };
    let entries: String = proxies.iter().map(entry).collect();
    format!(
        "{HEAD}\n[optimize]\nbackend = \"announced\"\nkeep_headers = [\"X-Case\"]\n{entries}{VIEWS}"
    )
}

/// The value with which `proxy` announces itself on a site that is [`announced`].
#[must_use]
pub fn announcement(proxy: Proxy) -> String {
    format!("{} {}", proxy.name(), secret(proxy))
}

fn secret(proxy: Proxy) -> String {
    format!("{}-0123456789abcdef", proxy.name())
}

/// Debian 12 ships mod_xsendfile 0.12 and Caddy 2.6, neither of which decodes.
fn rule(proxy: Proxy) -> &'static str {
    match proxy {
        Proxy::Nginx | Proxy::NewestNginx => {
            "source_url = \"/media/\"\ndestination_url = \"/_internal/media/\"\n"
        }
        Proxy::Caddy => {
            "source_url = \"/media/\"\ndestination_url = \"/_internal/media/\"\nescaping = \"raw\"\n"
        }
        Proxy::NewestCaddy => {
            "source_url = \"/media/\"\ndestination_url = \"/_internal/media/\"\nescaping = \"strict\"\n"
        }
        Proxy::Apache => {
            "source_url = \"/media/\"\ndestination_dir = \"@MEDIA@\"\nescaping = \"raw\"\n"
        }
        Proxy::Lighttpd => "source_url = \"/media/\"\ndestination_dir = \"@MEDIA@\"\n",
    }
}
