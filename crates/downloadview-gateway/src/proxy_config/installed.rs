//! Looks at the proxy that is installed on this machine: how it reads names depends on its version.

use std::fs;
use std::process::Command;

use downloadview::backend::Escaping;

use crate::config::BackendKind;

/// Where distributions keep Apache's modules.
const MODULES: [&str; 4] = [
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/usr/local/apache2/modules",
];

/// How the installed proxy reads names; unstated if there is none, or for a proxy whose versions are alike.
#[must_use]
pub fn escaping(backend: BackendKind) -> Escaping {
    match backend {
        BackendKind::Caddy => caddy().unwrap_or_default(),
        BackendKind::Apache => apache().unwrap_or_default(),
        _ => Escaping::Unstated,
    }
}

fn caddy() -> Option<Escaping> {
    let output = Command::new("caddy").arg("version").output().ok()?;
    of_caddy(&String::from_utf8_lossy(&output.stdout))
}

/// `v2.11.7 h1:…`, or `2.6.2` as Debian's says.
fn of_caddy(version: &str) -> Option<Escaping> {
    let mut numbers = version.trim().trim_start_matches('v').split('.');
    let mut next = || numbers.next()?.parse::<u32>().ok();
    let (major, minor) = (next()?, next()?);
    Some(match (major, minor) < (2, 7) {
        true => Escaping::Raw,
        false => Escaping::Percent,
    })
}

/// Only 1.0 has the directive that switches decoding off.
fn apache() -> Option<Escaping> {
    let module = MODULES
        .iter()
        .find_map(|folder| fs::read(format!("{folder}/mod_xsendfile.so")).ok())?;
    let directive = b"XSendFileUnescape";
    let knows = module.windows(directive.len()).any(|it| it == directive);
    Some(match knows {
        true => Escaping::Percent,
        false => Escaping::Raw,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caddys_version_tells() {
        for (version, expected) in [
            ("2.6.2\n", Some(Escaping::Raw)),
            ("v2.6.4 h1:abc", Some(Escaping::Raw)),
            ("v2.7.0", Some(Escaping::Percent)),
            ("v2.11.7 h1:abc=\n", Some(Escaping::Percent)),
            ("v3.0.0", Some(Escaping::Percent)),
            ("(devel)", None),
            ("", None),
        ] {
            assert_eq!(of_caddy(version), expected, "{version}");
        }
    }
}
