//! No two files of a crate need each other: each can be read, and moved, with what it uses alone.
//!
//! 1. Every file below `src` is a module; a folder's own file may name what is in the folder.
//! 2. A path in shipped code that starts with `crate`, `self` or `super` leads to the file that has the name, also
//!    through a `use self::…` of the folder.
//! 3. A way along these paths that comes back to where it began is a circle.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::floors::{is_test_module, module_path};
use super::source::{code, identifier, line, without_tests, words};
use super::{Violation, files, read};

/// A file as a module: where it is, and its code without tests.
struct Module {
    file: PathBuf,
    text: String,
}

/// A name that a module hands on.
type Export = (Vec<String>, String);

type Modules = BTreeMap<Vec<String>, Module>;

/// A module's use of another: which, and where.
type Uses = BTreeMap<Vec<String>, BTreeMap<Vec<String>, usize>>;

/// Checks every file below a crate's `src`.
pub(super) fn check(src: &Path) -> Result<Vec<Violation>> {
    let mut modules = Modules::new();
    for file in files(src, "rs")? {
        let mut path = module_path(src, &file)?;
        if path == ["lib"] || path == ["main"] {
            path.clear();
        }
        if !is_test_module(&path) {
            let text = without_tests(&code(&read(&file)?));
            modules.insert(path, Module { file, text });
        }
    }
    let uses = uses(&modules);
    Ok(circles(&uses)
        .iter()
        .map(|circle| violation(circle, &uses, &modules))
        .collect())
}

fn violation(circle: &[Vec<String>], uses: &Uses, modules: &Modules) -> Violation {
    let names: Vec<_> = circle.iter().map(|path| path.join("::")).collect();
    let (first, second) = (&circle[0], &circle[1 % circle.len()]);
    Violation {
        file: modules[first].file.clone(),
        line: uses[first].get(second).copied().unwrap_or(1),
        message: format!(
            "a circle of files: {} → {}; move what two of them need into a file of its own",
            names.join(" → "),
            names[0]
        ),
    }
}

fn uses(modules: &Modules) -> Uses {
    let exports: HashMap<_, _> = modules.iter().flat_map(exports).collect();
    let of = |(path, module): (&Vec<String>, &Module)| {
        let used = rooted(path, &module.text)
            .into_iter()
            .filter_map(|(at, used)| {
                let target = resolve(&used, modules, &exports)?;
                let is_foreign = !target.starts_with(path);
                is_foreign.then(|| (target, line(&module.text, at)))
            });
        (path.clone(), used.collect())
    };
    modules.iter().map(of).collect()
}

/// The names that a module hands on from the files of its folder: `use self::layer::OptimizeLayer`.
fn exports((path, module): (&Vec<String>, &Module)) -> Vec<(Export, Vec<String>)> {
    let handed = module
        .text
        .match_indices("use self::")
        .flat_map(|(at, start)| members(&module.text, at + start.len()));
    let handed = handed.filter_map(|mut member| {
        let name = member.pop()?;
        (!member.is_empty()).then(|| ((path.clone(), name), [path.clone(), member].concat()))
    });
    handed.collect()
}

/// All paths of a text that start in the crate, in full, each with its place.
fn rooted(module: &[String], text: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for (start, up) in [("crate", module.len()), ("self", 0), ("super", 1)] {
        for at in words(text, start) {
            let before = text[..at].trim_end();
            let Some(rest) = text[at + start.len()..].strip_prefix("::") else {
                continue;
            };
            // A `super` that another one climbs to is part of that one's path.
            if before.ends_with("::") {
                continue;
            }
            let (mut up, mut from) = (up, text.len() - rest.len());
            while let Some(rest) = text[from..].strip_prefix("super::") {
                up += 1;
                from = text.len() - rest.len();
            }
            let base = module[..module.len().saturating_sub(up)].to_vec();
            let members = members(text, from).into_iter();
            found.extend(members.map(|member| (at, [base.clone(), member].concat())));
        }
    }
    found
}

/// The paths at a place: one, or those of a group and the groups in it.
fn members(text: &str, at: usize) -> Vec<Vec<String>> {
    let name = identifier(text, at);
    if !name.is_empty() {
        let after = at + name.len();
        let further = match text[after..].strip_prefix("::") {
            Some(_) => members(text, after + 2),
            None => vec![Vec::new()],
        };
        let whole = |rest: Vec<String>| [vec![name.to_owned()], rest].concat();
        return further.into_iter().map(whole).collect();
    }
    if !text[at..].starts_with('{') {
        return vec![Vec::new()];
    }
    let (mut depth, mut expected, mut found) = (0, true, Vec::new());
    for (offset, c) in text[at..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => expected = true,
            c if expected && depth == 1 && (c.is_alphabetic() || c == '_') => {
                found.extend(members(text, at + offset));
                expected = false;
            }
            _ => {}
        }
    }
    found
}

/// The module that has a name: the deepest one on the path, or the one that the name is handed on from.
fn resolve(
    path: &[String],
    modules: &Modules,
    exports: &HashMap<Export, Vec<String>>,
) -> Option<Vec<String>> {
    let deepest = (0..=path.len())
        .rev()
        .find(|&length| modules.contains_key(&path[..length]))?;
    let module = path[..deepest].to_vec();
    let handed = path
        .get(deepest)
        .and_then(|name| exports.get(&(module.clone(), name.clone())));
    match handed {
        Some(origin) => resolve(origin, modules, exports),
        None => Some(module),
    }
}

/// One circle for each way back that a walk along the uses finds.
fn circles(uses: &Uses) -> Vec<Vec<Vec<String>>> {
    let (mut done, mut found) = (Vec::new(), Vec::new());
    for module in uses.keys() {
        walk(module, uses, &mut Vec::new(), &mut done, &mut found);
    }
    found
}

fn walk(
    module: &Vec<String>,
    uses: &Uses,
    way: &mut Vec<Vec<String>>,
    done: &mut Vec<Vec<String>>,
    found: &mut Vec<Vec<Vec<String>>>,
) {
    if let Some(start) = way.iter().position(|step| step == module) {
        found.push(way[start..].to_vec());
        return;
    }
    if done.contains(module) {
        return;
    }
    way.push(module.clone());
    for used in uses.get(module).into_iter().flat_map(BTreeMap::keys) {
        walk(used, uses, way, done, found);
    }
    way.pop();
    done.push(module.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let module = |(path, text): &(&str, &str)| {
            let path = path.split("::").filter(|name| !name.is_empty());
            let (file, text) = (PathBuf::new(), (*text).to_owned());
            (path.map(str::to_owned).collect(), Module { file, text })
        };
        let uses = uses(&files.iter().map(module).collect());
        let names = |circle: Vec<Vec<String>>| {
            let names = circle.iter().map(|path| path.join("::"));
            names.collect::<Vec<_>>().join(" ")
        };
        circles(&uses).into_iter().map(names).collect()
    }

    #[test]
    fn two_files_that_need_each_other_are_found_however_they_name_it() {
        for (to_b, to_a) in [
            ("use super::b::B;", "use super::a::A;"),
            ("use crate::room::B;", "fn f() { super::a::f() }"),
            (
                "use crate::{other::C, room::{b::B}};",
                "use crate::room::a;",
            ),
        ] {
            let room = "mod a;\nmod b;\npub use self::a::A;\npub use self::b::{B};\n";
            let files = [("room", room), ("room::a", to_b), ("room::b", to_a)];
            assert_eq!(found(&files), ["room::a room::b"], "{to_b}");
        }
    }

    #[test]
    fn a_way_down_is_no_circle_and_a_folder_may_name_its_files() {
        let room = "pub use self::a::A;\npub struct Shared;\n";
        let files = [
            ("", "pub use room::A;"),
            ("room", room),
            ("room::a", "use super::Shared;\nuse super::b::B;"),
            ("room::b", "use super::Shared;\nuse crate::low::C;"),
            ("low", "use std::fmt;"),
        ];
        assert!(found(&files).is_empty());
    }
}
