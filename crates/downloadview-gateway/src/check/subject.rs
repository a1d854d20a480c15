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
use super::left;
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
    left::remove(root, number_of, every_name);
    let mut number = [0; NUMBER / 2];
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

/// How the name begins of whatever is placed; its number follows, of so many hexadecimal digits.
const START: &str = "downloadview-check-";
const NUMBER: usize = 12;

/// The number in the name of something that was placed directly below a root.
fn number_of(name: &str) -> Option<&str> {
    let (number, rest) = name.strip_prefix(START)?.split_at_checked(NUMBER)?;
    let is_digit = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
    let is_ours = number.bytes().all(is_digit) && (rest.is_empty() || rest.starts_with('-'));
    is_ours.then_some(number)
}

/// All that may have been placed under a number.
fn every_name(number: &str) -> Vec<String> {
    let names = [true, false].map(|is_deep| names(number, is_deep));
    let names = names.into_iter().flatten();
    names
        .flat_map(|(_, name, mistaken)| [Some(name), mistaken])
        .flatten()
        .collect()
}

fn names(number: &str, is_deep: bool) -> Vec<Name> {
    let start = format!("{START}{number}");
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
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

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
    fn the_number_of_what_was_placed_is_found_in_its_name() {
        for name in every_name("0123456789ab") {
            let first = name.split('/').next().expect("a name");
            assert_eq!(number_of(first), Some("0123456789ab"), "{name}");
        }
        for name in [
            "a.txt",
            "downloadview-check-",
            "downloadview-check-0123456789a",
            "downloadview-check-0123456789aB-plain.txt",
            "downloadview-check-0123456789ab.txt",
            "downloadview-check-0123456789a\u{e4}",
        ] {
            assert_eq!(number_of(name), None, "{name}");
        }
    }

    /// As SIGKILL leaves it: no destructor runs.
    #[test]
    fn what_a_killed_check_left_goes_with_the_next_and_nothing_else_does() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        let age = |path: &Path| {
            let file = File::open(path).expect("it is there");
            file.set_modified(long_ago).expect("it is ours");
        };
        let leave = |number: &str| {
            for name in every_name(number) {
                let path = root.join(&name);
                let folder = path.parent().expect("a folder");
                fs::create_dir_all(folder).expect("folders");
                fs::write(&path, "left").expect("written");
                age(&path);
                let folders = path.ancestors().skip(1);
                folders.take_while(|it| *it != root).for_each(age);
            }
        };
        let [old, other, new] = ["0123456789ab", "00000000000a", "00000000000b"];
        leave(old);
        leave(other);
        // Somebody else wrote there, or it is not of a name that a check gives.
        let theirs = format!("{START}{other}");
        fs::write(root.join(&theirs).join("theirs.txt"), "theirs").expect("written");
        age(&root.join(&theirs));
        let report = format!("{START}{old}-report.txt");
        fs::write(root.join(&report), "theirs").expect("written");
        age(&root.join(&report));
        // A check that runs.
        let running = format!("{START}{new}-plain.txt");
        fs::write(root.join(&running), "running").expect("written");
        // Links in the place of a file and of a folder.
        let elsewhere = tempfile::tempdir().expect("a folder");
        let inside = names("00000000000c", true).pop().expect("a long name").1;
        let (start, rest) = inside.split_once('/').expect("it is deep");
        let victim = elsewhere.path().join(rest);
        fs::create_dir_all(victim.parent().expect("a folder")).expect("folders");
        fs::write(&victim, "theirs").expect("written");
        age(&victim);
        symlink(elsewhere.path(), root.join(start)).expect("a link");

        let placed = placed("/files/{*path}", "path", root).expect("it can be written");
        drop(placed);
        let mut left: Vec<_> = fs::read_dir(root)
            .expect("it can be read")
            .map(|entry| entry.expect("an entry").file_name().into_string())
            .map(|name| name.expect("UTF-8"))
            .collect();
        left.sort();
        let mut expected = [theirs, report, running, start.to_owned()];
        expected.sort();
        assert_eq!(left, expected);
        assert!(victim.exists());
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
