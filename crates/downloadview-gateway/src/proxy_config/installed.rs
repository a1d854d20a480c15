//! Looks at the proxy that is installed on this machine: how it reads names depends on its version, what it can be told
//! on how it was built.
//! `main` calls [`look`] before it prints. A proxy that is not found is not an error, since it may run on another machine:
//! what is printed is then right for every version, or says in a comment what it depends on.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use anyhow::{Context as _, bail};
use downloadview::backend::Escaping;

use super::modules::{self, Njs};
use crate::config::Proxy;

/// Where distributions keep Apache's modules.
const MODULES: [&str; 4] = [
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/usr/local/apache2/modules",
];

/// What is known of a proxy that is installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// How it reads names. Default: not known, as for a proxy whose versions are alike.
    pub escaping: Escaping,
    /// Modules that an nginx is built without, as `configure` calls them. Default: none that is known.
    pub missing_modules: Vec<&'static str>,
    /// Where an nginx has its module njs. Default: not known.
    pub njs: Njs,
}

/// What is known of the installed proxy: of `program`, or of the one that a shell would find.
///
/// # Errors
///
/// `program` cannot be started, or is another program. If none is named and none is found, nothing is known of it.
pub fn look(backend: Proxy, program: Option<&Path>) -> anyhow::Result<Installed> {
    let installed = match backend {
        Proxy::Nginx => ask("nginx", program, "-V", |said| {
            let missing_modules = modules::missing(said)?;
            Some(Installed {
                missing_modules,
                njs: modules::njs(said),
                ..Installed::default()
            })
        })?,
        Proxy::Caddy => ask("caddy", program, "version", |said| {
            let escaping = of_caddy(said)?;
            Some(Installed {
                escaping,
                ..Installed::default()
            })
        })?,
        // It is a module that differs.
        Proxy::Apache => apache().map(|escaping| Installed {
            escaping,
            ..Installed::default()
        }),
        _ => None,
    };
    Ok(installed.unwrap_or_default())
}

/// Where a program stands: `PATH`, then the folders of daemons, which a user's `PATH` often lacks.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// What `understood` makes of what the program says of itself.
fn ask<T>(
    name: &str,
    program: Option<&Path>,
    argument: &str,
    understood: impl Fn(&str) -> Option<T>,
) -> anyhow::Result<Option<T>> {
    let said = |program: &Path| {
        let output = Command::new(program).arg(argument).output()?;
        // nginx says it on the second.
        let bytes = [output.stdout, output.stderr].concat();
        io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let Some(program) = program else {
        let said = find(name).and_then(|program| said(&program).ok());
        return Ok(said.as_deref().and_then(understood));
    };
    let shown = program.display();
    let text = said(program).with_context(|| format!("cannot start {shown}"))?;
    match understood(&text) {
        Some(answer) => Ok(Some(answer)),
        None => bail!("`{shown} {argument}` does not say which {name} it is"),
    }
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
    fn a_named_program_that_is_not_the_proxy_is_an_error() {
        for (backend, name) in [(Proxy::Nginx, "nginx"), (Proxy::Caddy, "caddy")] {
            let complaint = |program: &str| {
                let found = look(backend, Some(Path::new(program)));
                found.expect_err("it is none").to_string()
            };
            assert_eq!(complaint("/no/such"), "cannot start /no/such");
            let other = complaint("/bin/true");
            assert!(
                other.ends_with(&format!("does not say which {name} it is")),
                "{other}"
            );
        }
    }

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
