//! Modules that an nginx may be built without: it does not start on a directive that none of its modules knows.
//!
//! What such a module would do, an nginx without it does not, so nothing is lost with the line that switches it off.

use std::path::PathBuf;

/// Modules that are built on request only: `--with-NAME` of nginx's `configure`, and what is printed of their directives.
const ON_REQUEST: [(&str, &[&str]); 1] = [("http_gzip_static_module", &["gzip_static"])];

/// Modules that are built unless `--without-NAME` says otherwise.
///
/// Not among them are those that the printed configuration cannot be without: `http_proxy_module`, and
/// `http_rewrite_module`, whose `if` and `return` keep the internal locations to themselves.
const BY_DEFAULT: [(&str, &[&str]); 9] = [
    ("http_gzip_module", &["gzip"]),
    ("http_ssi_module", &["ssi"]),
    ("http_charset_module", &["charset"]),
    ("http_autoindex_module", &["autoindex"]),
    ("http-cache", &["proxy_cache"]),
    // In an upstream; outside of it the last two are nginx's own.
    (
        "http_upstream_keepalive_module",
        &["keepalive", "keepalive_requests", "keepalive_timeout"],
    ),
    ("http_fastcgi_module", &["fastcgi_temp_path"]),
    ("http_uwsgi_module", &["uwsgi_temp_path"]),
    ("http_scgi_module", &["scgi_temp_path"]),
];

/// The modules that are not there, by what `nginx -V` tells; `None` where it tells nothing.
pub(super) fn missing(said: &str) -> Option<Vec<&'static str>> {
    let (_, options) = said.split_once("configure arguments:")?;
    let given = |option: String| options.split_whitespace().any(|word| word == option);
    let names = |modules: &'static [(&str, &[&str])]| modules.iter().map(|(name, _)| *name);
    let on_request = names(&ON_REQUEST).filter(|name| !given(format!("--with-{name}")));
    let by_default = names(&BY_DEFAULT).filter(|name| given(format!("--without-{name}")));
    Some(on_request.chain(by_default).collect())
}

/// nginx's module njs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Njs {
    /// Nothing is known of it, or it is not there.
    #[default]
    Unknown,
    /// A part of the program.
    BuiltIn,
    /// A file that has to be loaded.
    File(PathBuf),
}

/// Where the module njs is, by the same: a part of the program, or a file in the folder of its modules.
pub(super) fn njs(said: &str) -> Njs {
    let of_option = |name: &'static str| {
        said.split_whitespace()
            .filter_map(move |word| word.strip_prefix(name))
    };
    if of_option("--add-module=").any(|module| module.contains("njs")) {
        return Njs::BuiltIn;
    }
    let folder = of_option("--modules-path=").next_back().unwrap_or_default();
    let file = PathBuf::from(format!("{folder}/ngx_http_js_module.so"));
    match !folder.is_empty() && file.is_absolute() && file.is_file() {
        true => Njs::File(file),
        false => Njs::Unknown,
    }
}

/// The text with each line as a comment, and the reason, whose directive belongs to one of the missing modules.
pub(super) fn left_out(text: &str, missing: &[&str]) -> String {
    text.split_inclusive('\n')
        .map(|line| match module_of(line) {
            Some(module) if missing.contains(&module) => {
                let (indent, line) = line.split_at(line.len() - line.trim_start().len());
                format!("{indent}# Left out, since this nginx is built without {module}: {line}")
            }
            _ => line.to_owned(),
        })
        .collect()
}

fn module_of(line: &str) -> Option<&'static str> {
    let directive = line.split_whitespace().next()?;
    let mut modules = ON_REQUEST.iter().chain(&BY_DEFAULT);
    modules
        .find(|(_, directives)| directives.contains(&directive))
        .map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shortened, as Debian's says it.
    const DEBIAN: &str = "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.8 7 Feb 2023\nTLS SNI support enabled\n\
        configure arguments: --with-cc-opt='-g -O2 -Wdate-time' --prefix=/usr/share/nginx --with-compat \
        --with-http_gunzip_module --with-http_gzip_static_module --with-stream=dynamic\n";

    #[test]
    fn a_module_on_request_is_missing_unless_it_is_named() {
        assert_eq!(missing(DEBIAN), Some(Vec::new()));
        let without = DEBIAN.replace("--with-http_gzip_static_module", "--with-debug");
        assert_eq!(missing(&without), Some(vec!["http_gzip_static_module"]));
        // Built from its source without an option.
        let plain = "nginx version: nginx/1.31.3\nconfigure arguments:\n";
        assert_eq!(missing(plain), Some(vec!["http_gzip_static_module"]));
    }

    #[test]
    fn a_module_by_default_is_missing_if_it_was_refused() {
        let options = "--without-http-cache --without-http_ssi_module";
        let without = DEBIAN.replace("--with-compat", options);
        assert_eq!(
            missing(&without),
            Some(vec!["http_ssi_module", "http-cache"])
        );
    }

    #[test]
    fn njs_is_built_in_or_a_file_in_the_folder_of_modules() {
        let with = |options: &str| njs(&DEBIAN.replace("--with-compat", options));
        assert_eq!(with("--add-module=njs-0.9.9/nginx"), Njs::BuiltIn);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = format!("--modules-path={}", folder.path().display());
        assert_eq!(with(&path), Njs::Unknown);
        let file = folder.path().join("ngx_http_js_module.so");
        std::fs::write(&file, "").expect("it can be written");
        assert_eq!(with(&path), Njs::File(file));
        for options in ["--with-compat", "--modules-path=modules"] {
            assert_eq!(with(options), Njs::Unknown, "{options}");
        }
    }

    #[test]
    fn what_is_no_nginx_tells_nothing() {
        for said in ["", "v2.11.7 h1:abc=", "nginx version: nginx/1.22.1"] {
            assert_eq!(missing(said), None, "{said}");
        }
    }

    #[test]
    fn only_lines_of_missing_modules_are_left_out() {
        let text =
            "location / {\n    gzip off;\n    gzip_static off;\n    # gzip_static: a comment\n}\n";
        assert_eq!(left_out(text, &[]), text);
        assert_eq!(
            left_out(text, &["http_gzip_static_module", "http_ssi_module"]),
            "location / {\n    gzip off;\n    \
             # Left out, since this nginx is built without http_gzip_static_module: gzip_static off;\n    \
             # gzip_static: a comment\n}\n"
        );
    }
}
