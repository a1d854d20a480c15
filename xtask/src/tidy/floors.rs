//! Imports of the library go one way down: a room uses floors below its own, and in its row only what stands left of it.
//!
//! 1. The table says which rooms there are and on which floor.
//! 2. `lib.rs` says where a name re-exported at the crate's root comes from.
//! 3. Every path of shipped code that starts at the crate's root is held against the table.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::source::{code, identifier, line, without_tests, words};
use super::{Violation, files, read};

/// Rooms side by side on one floor, in the order in which the right may use the left.
struct Row {
    label: &'static str,
    floor: u8,
    /// Floors below this one are open to the row.
    open_below: u8,
    rooms: &'static [&'static str],
    rule: &'static str,
}

const ROWS: &[Row] = &[
    row("0", 0, 0, &["error"], "it uses no other room"),
    row("1", 1, 1, &["content"], "it uses floor 0"),
    row("2", 2, 2, &["headers"], "it uses floors 0 to 1"),
    row(
        "3",
        3,
        3,
        &["fetch", "storage"],
        "it uses floors 0 to 2; `storage` may use `fetch`, never the other way",
    ),
    row("4", 4, 4, &["file"], "it uses floors 0 to 3"),
    row(
        "5",
        5,
        5,
        &["response", "delivery"],
        "it uses floors 0 to 4; `delivery` may use `response`, never the other way",
    ),
    row(
        "6a",
        6,
        6,
        &["view"],
        "views use floors 0 to 5, never `rule`, `backend`, `spool` or `optimize`",
    ),
    row(
        "6b",
        6,
        6,
        &["rule", "backend", "spool", "optimize"],
        "it uses floors 0 to 5 and what stands before it in rule, backend, spool, optimize, never `view`",
    ),
    row("6c", 6, 4, &["signature"], "signatures use floors 0 to 3"),
    row(
        "7",
        7,
        7,
        &["sendfile", "testing"],
        "it uses every floor below",
    ),
];

const fn row(
    label: &'static str,
    floor: u8,
    open_below: u8,
    rooms: &'static [&'static str],
    rule: &'static str,
) -> Row {
    Row {
        label,
        floor,
        open_below,
        rooms,
        rule,
    }
}

/// Checks every file below the library's `src`.
pub(super) fn check(src: &Path) -> Result<Vec<Violation>> {
    let library = src.join("lib.rs");
    let exports = root_exports(&without_tests(&code(&read(&library)?)));
    let mut violations = Vec::new();
    for file in files(src, "rs")? {
        let module = module_path(src, &file)?;
        if file == library || is_test_module(&module) {
            continue;
        }
        let text = without_tests(&code(&read(&file)?));
        let found = check_text(&module, &text, &exports);
        violations.extend(found.into_iter().map(|(line, message)| Violation {
            file: file.clone(),
            line,
            message,
        }));
    }
    Ok(violations)
}

/// Lines and messages for one file's blanked text.
fn check_text(
    module: &[String],
    text: &str,
    exports: &HashMap<String, String>,
) -> Vec<(usize, String)> {
    let Some(room) = module.first() else {
        return Vec::new();
    };
    let Some((row, place)) = find(room) else {
        let message = format!(
            "`{room}` has no floor: add it to the table in xtask/src/tidy/floors.rs and to ARCHITECTURE.md"
        );
        return vec![(1, message)];
    };
    let mut found = Vec::new();
    for (offset, name) in root_paths(text, module.len()) {
        let used = exports.get(name).map_or(name, String::as_str);
        let Some((used_row, used_place)) = find(used) else {
            continue;
        };
        let leftwards = used_row.label == row.label && used_place <= place;
        if leftwards || used_row.floor < row.open_below {
            continue;
        }
        let message = format!(
            "`{room}` (floor {}) uses `{used}` (floor {}): {}; move what both need further down, or pass it in",
            row.label, used_row.label, row.rule
        );
        found.push((line(text, offset), message));
    }
    found.sort();
    found.dedup();
    found
}

fn find(room: &str) -> Option<(&'static Row, usize)> {
    ROWS.iter().find_map(|row| {
        let place = row.rooms.iter().position(|name| *name == room)?;
        Some((row, place))
    })
}

/// First names of all paths that start at the crate's root: `crate::x`, `crate::{x, y}`, and `super::x` that climbs there.
fn root_paths(text: &str, depth: usize) -> Vec<(usize, &str)> {
    let climb = vec!["super"; depth].join("::");
    ["crate", climb.as_str()]
        .into_iter()
        .flat_map(|start| {
            words(text, start.split("::").next().unwrap_or(start))
                .filter(move |&offset| text[offset..].starts_with(start))
                .map(move |offset| offset + start.len())
        })
        .filter_map(|offset| {
            let after = text[offset..].strip_prefix("::")?;
            Some(text.len() - after.len())
        })
        .flat_map(|offset| first_names(text, offset))
        .collect()
}

/// The name at `offset`, or the first name of each member when a group stands there.
fn first_names(text: &str, offset: usize) -> Vec<(usize, &str)> {
    if !text[offset..].starts_with('{') {
        return vec![(offset, identifier(text, offset))];
    }
    let mut names = Vec::new();
    let (mut depth, mut expected) = (0_usize, true);
    for (at, c) in text[offset..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => expected = true,
            c if expected && (c.is_alphabetic() || c == '_') => {
                names.push((offset + at, identifier(text, offset + at)));
                expected = false;
            }
            _ => {}
        }
    }
    names
}

/// What the crate's root re-exports, with the room it comes from.
fn root_exports(library: &str) -> HashMap<String, String> {
    let mut exports = HashMap::new();
    for statement in library.split("pub use ").skip(1) {
        let statement = statement.split(';').next().unwrap_or_default();
        let path = statement.trim_start_matches("crate::");
        let path = path.trim_start_matches("self::");
        let room = identifier(path, 0);
        let leaves = path[room.len()..].split([',', '{', '}']);
        let names = leaves.filter_map(|leaf| leaf.rsplit([' ', ':', '\n']).find(|w| !w.is_empty()));
        exports.extend(names.map(|name| (name.to_owned(), room.to_owned())));
    }
    // A module's own name is never a re-export: `crate::sendfile` is the room and its function alike.
    exports.retain(|name, _| find(name).is_none());
    exports
}

/// `src/view/path.rs` is `["view", "path"]`, `src/view/mod.rs` is `["view"]`.
pub(super) fn module_path(src: &Path, file: &Path) -> Result<Vec<String>> {
    let relative = file
        .strip_prefix(src)
        .with_context(|| format!("{} is outside {}", file.display(), src.display()))?;
    let stem: PathBuf = relative.with_extension("");
    let names = stem.iter().map(|name| name.to_string_lossy().into_owned());
    Ok(names.filter(|name| name != "mod").collect())
}

/// Tests too long for their file's end stand in a `tests.rs` beside it.
pub(super) fn is_test_module(module: &[String]) -> bool {
    module.iter().any(|name| name == "tests")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(module: &[&str], text: &str) -> Vec<(usize, String)> {
        let module: Vec<String> = module.iter().map(|name| (*name).to_owned()).collect();
        let exports =
            root_exports("pub use error::{Error, Result};\npub use optimize::OptimizeLayer;");
        check_text(&module, &without_tests(&code(text)), &exports)
    }

    fn messages(module: &[&str], text: &str) -> Vec<String> {
        violations(module, text)
            .into_iter()
            .map(|(_, message)| message)
            .collect()
    }

    #[test]
    fn a_view_that_imports_a_backend_is_found_with_its_line() {
        let found = violations(
            &["view", "path"],
            "use std::fmt;\nuse crate::backend::Nginx;\n",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 2);
        assert!(
            found[0].1.starts_with(
                "`view` (floor 6a) uses `backend` (floor 6b): views use floors 0 to 5"
            )
        );
    }

    #[test]
    fn every_member_of_a_group_is_held_against_the_table() {
        let text =
            "use crate::{error::Error, file::{File, PathFile}, view::DownloadView, rule::Rule};";
        let found = messages(&["backend", "nginx"], text);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("uses `view`"));
    }

    #[test]
    fn a_path_in_an_expression_counts_as_an_import() {
        assert_eq!(
            messages(&["storage"], "fn f() { crate::file::open() }").len(),
            1
        );
    }

    #[test]
    fn a_name_of_the_crate_root_counts_for_the_room_it_comes_from() {
        assert_eq!(messages(&["view"], "use crate::OptimizeLayer;").len(), 1);
        assert!(messages(&["view"], "use crate::{Error, Result};").is_empty());
    }

    #[test]
    fn super_that_climbs_to_the_root_counts_too() {
        assert_eq!(
            messages(&["view", "path"], "use super::super::rule::Rule;").len(),
            1
        );
        assert!(messages(&["view", "path"], "use super::rule::Rule;").is_empty());
        assert_eq!(
            messages(&["content"], "use super::headers::Range;").len(),
            1
        );
    }

    #[test]
    fn rows_go_leftwards_only() {
        assert!(messages(&["optimize"], "use crate::{rule::A, backend::B, spool::C};").is_empty());
        assert_eq!(messages(&["rule"], "use crate::backend::Backend;").len(), 1);
        assert!(messages(&["delivery"], "use crate::response::A;").is_empty());
        assert_eq!(messages(&["response"], "use crate::delivery::A;").len(), 1);
        assert_eq!(messages(&["signature"], "use crate::file::File;").len(), 1);
        assert!(messages(&["signature"], "use crate::storage::Storage;").is_empty());
    }

    #[test]
    fn test_code_comments_and_texts_are_exempt() {
        let text = "//! [`crate::backend`]\nconst A: &str = \"crate::backend\";\n\
                    #[cfg(test)]\nmod tests {\n use crate::testing::TempStorage;\n}\n";
        assert!(messages(&["view"], text).is_empty());
        let module = |file| module_path(Path::new("src"), Path::new(file)).unwrap();
        assert!(is_test_module(&module("src/view/tests.rs")));
        assert!(!is_test_module(&module("src/view/path.rs")));
    }

    #[test]
    fn a_room_without_a_floor_is_a_violation() {
        assert!(messages(&["attic"], "")[0].starts_with("`attic` has no floor"));
    }
}
