//! Which files are asked for: of each view some that tell one fault from another.
//!
//! | case | name | tells |
//! |---|---|---|
//! | plain | `…-plain.txt` | whether anything works |
//! | telling | `…-%41 ä+.txt`, beside `…-A ä+.txt` | how the proxy reads names: the wrong way finds the other file |
//! | query | `…-what?#;.txt` | whether a name that ends early in a URL arrives |
//! | long | as long as a file system allows | whether the proxy has room for the headers |

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::client;
use super::finding::{Finding, Findings};
use super::placed::Placed;
use super::setup::Setup;
use crate::config::{Signature, StorageFileName, StorageKind, ViewConfig, ViewKind};
use crate::probe::Ask;

/// Where a link has its signature, behind all that it says.
const SIGNATURE: &str = "X-Download-Signature=";

/// All but what RFC 3986, 2.3 leaves alone.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A view, and what is asked of it.
pub(super) struct Subject {
    /// The view's route.
    pub(super) route: String,
    pub(super) cases: Vec<Case>,
    pub(super) gate: Gate,
    /// What was placed for it.
    _placed: Placed,
}

/// What a view asks of those who ask.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gate {
    /// It looks at links, or asks somebody.
    pub(super) is_there: bool,
    /// It answers nobody without a good link.
    pub(super) asks_for_links: bool,
    /// Another program says who may.
    pub(super) asks_authorizer: bool,
    /// Nobody is known who may have a file: it is only seen that the view is closed.
    pub(super) stays_closed: bool,
}

/// A file that is asked for.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) kind: CaseKind,
    /// The path of the request, with the link where the view looks at links.
    pub(super) path: String,
    /// Headers of a client that may have it.
    headers: HeaderMap,
    /// The file's content, if it was placed.
    pub(super) content: Option<Vec<u8>>,
    /// That of the file which is mistaken for it.
    pub(super) mistaken: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaseKind {
    Plain,
    Telling,
    Query,
    Long,
}

impl Case {
    /// The request for it, of a client that may have it.
    pub(super) fn get(&self) -> Ask {
        let mut ask = client::get(&self.path);
        ask.headers.extend(self.headers.clone());
        ask
    }

    /// The path alone.
    pub(super) fn bare(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// The link with another signature, if it is one.
    pub(super) fn forged(&self) -> Option<String> {
        let (signed, signature) = self.path.split_once(SIGNATURE)?;
        let other = if signature.starts_with('A') { 'B' } else { 'A' };
        let rest: String = signature.chars().skip(1).collect();
        Some(format!("{signed}{SIGNATURE}{other}{rest}"))
    }

    /// The path, shortened where it is long. A signature is a permission, and what is printed may end in a report.
    pub(super) fn shown(&self) -> String {
        let signed = self.path.split_once(SIGNATURE);
        match signed {
            Some((signed, _)) => shortened(&format!("{signed}{SIGNATURE}…")),
            None => shortened(&self.path),
        }
    }
}

/// A text of 120 characters at most: its beginning and its end.
pub(super) fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= 120 {
        return text.to_owned();
    }
    let start: String = text.chars().take(80).collect();
    let end: String = text.chars().skip(count - 30).collect();
    format!("{start}…{end}")
}

impl CaseKind {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Plain => "plain name",
            Self::Telling => "name that tells escapings apart",
            Self::Query => "name with ? and #",
            Self::Long => "long name",
        }
    }
}

/// What can be asked of each view; where nothing can, the findings say why.
pub(super) fn of_all(setup: &Setup, findings: &mut Findings<'_>) -> Vec<Subject> {
    let views = setup.config.views.iter();
    views
        .filter_map(|view| match of_view(setup, view) {
            Ok(subject) => Some(subject),
            Err(why) => {
                let what = format!("view {}", view.route);
                let finding = Finding::unknown(&what, "", why);
                findings.add(finding.change(format!(
                    "name an existing file: --file '{}=/path/of/its/request'",
                    view.route
                )));
                None
            }
        })
        .collect()
}

fn of_view(setup: &Setup, view: &ViewConfig) -> Result<Subject, String> {
    let mut subject = of_any_client(setup, view)?;
    let gate = Gate {
        is_there: view.signature.is_some() || view.authorize.is_some(),
        asks_for_links: view.signature == Some(Signature::Required),
        asks_authorizer: view.authorize.is_some(),
        stays_closed: view.authorize.is_some() && setup.headers.is_empty(),
    };
    if gate.stays_closed {
        subject.cases.truncate(1);
    }
    for case in &mut subject.cases {
        if view.signature.is_some() {
            let signed = setup.signed(&case.path);
            case.path = signed.map_err(|error| format!("no link can be made: {error:#}"))?;
        }
        if gate.asks_authorizer {
            case.headers = setup.headers.clone();
        }
    }
    Ok(Subject { gate, ..subject })
}

/// As if everybody might have the files.
fn of_any_client(setup: &Setup, view: &ViewConfig) -> Result<Subject, String> {
    let route = view.route.pattern();
    if let Some(path) = setup.file(route) {
        return Ok(existing(route, path.to_owned()));
    }
    let fixed = || Ok(existing(route, route.to_owned()));
    match &view.kind {
        ViewKind::PathFile { .. } | ViewKind::Virtual { .. } => fixed(),
        ViewKind::PathRoot { root, parameter } => placed(route, parameter, root),
        ViewKind::Storage { storage, name } => match (name, &storage.kind) {
            (StorageFileName::Fixed(_), _) => fixed(),
            (StorageFileName::Parameter(parameter), StorageKind::Local(local)) => {
                placed(route, parameter, &local.root)
            }
            (StorageFileName::Parameter(parameter), StorageKind::Memory { files }) => {
                let first = files.keys().next().ok_or("the storage holds no file")?;
                let name = String::from_utf8_lossy(first.as_bytes()).into_owned();
                Ok(existing(route, path(route, parameter, &name)))
            }
            _ => Err("check writes no files to other servers".to_owned()),
        },
        ViewKind::Object(_) => Err("check writes no rows into databases".to_owned()),
        ViewKind::Http(_) => Err("check writes no files to other servers".to_owned()),
    }
}

fn existing(route: &str, path: String) -> Subject {
    let case = Case {
        kind: CaseKind::Plain,
        path,
        headers: HeaderMap::new(),
        content: None,
        mistaken: Vec::new(),
    };
    Subject {
        route: route.to_owned(),
        cases: vec![case],
        gate: Gate::default(),
        _placed: Placed::default(),
    }
}

/// The path of a request for a file of this name.
fn path(route: &str, parameter: &str, name: &str) -> String {
    let encoded: Vec<_> = name
        .split('/')
        .map(|part| utf8_percent_encode(part, ENCODED).to_string())
        .collect();
    let encoded = encoded.join("/");
    route
        .replace(&format!("{{*{parameter}}}"), &encoded)
        .replace(&format!("{{{parameter}}}"), &encoded)
}

fn placed(route: &str, parameter: &str, root: &Path) -> Result<Subject, String> {
    let mut number = [0; 6];
    let random = getrandom::fill(&mut number).map_err(|error| error.to_string());
    random?;
    let number: String = number.iter().map(|byte| format!("{byte:02x}")).collect();
    let is_deep = route.contains(&format!("{{*{parameter}}}"));
    let names = names(&number, is_deep);
    let mut placed = Placed::default();
    let mut cases = Vec::new();
    for (kind, name, mistaken) in names {
        let content = content(&number, &name);
        let written = placed.write(root, &os_path(&name), &content);
        let written = written.and_then(|()| match &mistaken {
            Some(other) => placed.write(root, &os_path(other), &self::content(&number, other)),
            None => Ok(()),
        });
        match written {
            Ok(()) => cases.push(Case {
                kind,
                path: path(route, parameter, &name),
                headers: HeaderMap::new(),
                content: Some(content),
                mistaken: mistaken.map_or_else(Vec::new, |name| self::content(&number, &name)),
            }),
            // A file system with other ideas of names.
            Err(_) if kind != CaseKind::Plain => {}
            Err(error) => return Err(not_written(root, &error)),
        }
    }
    Ok(Subject {
        route: route.to_owned(),
        cases,
        gate: Gate::default(),
        _placed: placed,
    })
}

fn not_written(root: &Path, error: &io::Error) -> String {
    format!("nothing can be placed in {}: {error}", root.display())
}

fn os_path(name: &str) -> PathBuf {
    OsString::from(name).into()
}

type Name = (CaseKind, String, Option<String>);

fn names(number: &str, is_deep: bool) -> Vec<Name> {
    let start = format!("downloadview-check-{number}");
    // The longest component that file systems take has 255 bytes.
    let long = match is_deep {
        true => {
            let folders = "ä".repeat(100);
            format!("{start}/{folders}/{folders}/{}.txt", "ä".repeat(120))
        }
        false => format!("{start}-{}.txt", "ä".repeat(105)),
    };
    let beside = |name: &str| format!("{start}-{name}");
    vec![
        (CaseKind::Plain, beside("plain.txt"), None),
        (
            CaseKind::Telling,
            beside("%41 ä+.txt"),
            Some(beside("A ä+.txt")),
        ),
        (CaseKind::Query, beside("what?#;.txt"), None),
        (CaseKind::Long, long, None),
    ]
}

/// Different for each file, and long enough for ranges and for whoever compresses.
fn content(number: &str, name: &str) -> Vec<u8> {
    let line = format!("A file of `downloadview check` ({number}), to be removed: {name}\n");
    line.repeat(1 + 4096 / line.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_the_path_of_its_request() {
        assert_eq!(
            path("/a/{*path}", "path", "b c/%41.txt"),
            "/a/b%20c/%2541.txt"
        );
        assert_eq!(path("/a/{name}/", "name", "ä"), "/a/%C3%A4/");
    }

    #[test]
    fn no_component_is_longer_than_file_systems_take() {
        for is_deep in [true, false] {
            for (_, name, _) in names("0123456789ab", is_deep) {
                assert!(name.split('/').all(|part| part.len() <= 255), "{name}");
                assert!(is_deep || !name.contains('/'), "{name}");
            }
        }
    }
}
