//! Imports go one way down: a room uses floors below its own, and in its row only what stands left of it.
//!
//! 1. A table says which rooms a house has and on which floor: the library, the gateway, the gateway's configuration.
//! 2. The house's own file (`lib.rs`, `mod.rs`) says where a name that it re-exports comes from.
//! 3. Every path of shipped code that starts at the house is held against the table.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::source::{code, identifier, line, without_tests, words};
use super::{LIBRARY, Violation, files, read};

/// Rooms side by side on one floor, in the order in which the right may use the left.
struct Row {
    label: &'static str,
    floor: u8,
    /// Floors below this one are open to the row.
    open_below: u8,
    rooms: &'static [&'static str],
    rule: &'static str,
}

/// A crate, or a folder of one, whose rooms have floors.
pub(super) struct House {
    /// The crate's folder of sources.
    pub(super) src: &'static str,
    /// The modules from the crate's root to the house; none for the crate itself.
    path: &'static [&'static str],
    rows: &'static [Row],
}

/// Every house with floors.
pub(super) const HOUSES: [House; 3] = [
    House {
        src: LIBRARY,
        path: &[],
        rows: ROWS,
    },
    House {
        src: GATEWAY,
        path: &[],
        rows: GATEWAY_ROWS,
    },
    House {
        src: GATEWAY,
        path: &["config"],
        rows: CONFIG_ROWS,
    },
];

const GATEWAY: &str = "crates/downloadview-gateway/src";

const OF_CONFIG: &str = "it uses floor 0, and no room beside it";

const GATEWAY_ROWS: &[Row] = &[
    row("0a", 0, 0, &["config"], "it uses no other room"),
    row("0b", 0, 0, &["witness"], "it uses no other room"),
    row("0c", 0, 0, &["numbers"], "it uses no other room"),
    row("1a", 1, 1, &["logging"], OF_CONFIG),
    row("1b", 1, 1, &["app"], OF_CONFIG),
    row("1c", 1, 1, &["server"], OF_CONFIG),
    row("1d", 1, 1, &["proxy_config"], OF_CONFIG),
    row("1e", 1, 1, &["probe"], OF_CONFIG),
    row("2", 2, 2, &["cli"], "it uses floors 0 to 1"),
    row("3a", 3, 3, &["explain"], "it uses floors 0 to 2"),
    row("3b", 3, 3, &["serve"], "it uses floors 0 to 2"),
    row("3c", 3, 3, &["demo"], "it uses floors 0 to 2"),
    row("3d", 3, 3, &["sign"], "it uses floors 0 to 2"),
    row("3e", 3, 3, &["spool"], "it uses floors 0 to 2"),
    row("4", 4, 4, &["check"], "it uses every floor below"),
];

const OF_READER: &str = "it uses `reader`, and no table beside it";

const CONFIG_ROWS: &[Row] = &[
    row("0", 0, 0, &["reader"], "it uses no table of the file"),
    row("1a", 1, 1, &["listen"], OF_READER),
    row("1b", 1, 1, &["log"], OF_READER),
    row("1c", 1, 1, &["media_types"], OF_READER),
    row("1d", 1, 1, &["server"], OF_READER),
    row("1e", 1, 1, &["database"], OF_READER),
    row("1f", 1, 1, &["remote"], OF_READER),
    row("1g", 1, 1, &["trusted"], OF_READER),
    row("1h", 1, 1, &["spool"], OF_READER),
    row("1i", 1, 1, &["signing"], OF_READER),
    row("2", 2, 2, &["storage"], "it uses floors 0 to 1"),
    row("3", 3, 3, &["optimize"], "it uses floors 0 to 2"),
    row("4", 4, 4, &["view"], "it uses floors 0 to 3"),
    row("5", 5, 5, &["check"], "it uses every floor below"),
];

const ROWS: &[Row] = &[
    row("0", 0, 0, &["error", "said"], "it uses no other room"),
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
        &["response", "permission", "delivery"],
        "it uses floors 0 to 4 and what stands before it in response, permission, delivery",
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
    row(
        "7",
        7,
        7,
        &["signature", "authorize"],
        "it uses every floor below, and no room beside it but `signature`",
    ),
    row("8", 8, 8, &["testing"], "it uses every floor below"),
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

impl House {
    /// The row of a room, and its place in the row.
    fn find(&self, room: &str) -> Option<(&'static Row, usize)> {
        self.rows.iter().find_map(|row| {
            let place = row.rooms.iter().position(|name| *name == room)?;
            Some((row, place))
        })
    }
}

/// Checks every file of a house of the workspace at `root`.
pub(super) fn check(house: &House, root: &Path) -> Result<Vec<Violation>> {
    let src = &root.join(house.src);
    let folder = house
        .path
        .iter()
        .fold(src.clone(), |at, name| at.join(name));
    let own = match house.path {
        [] => folder.join("lib.rs"),
        _ => folder.join("mod.rs"),
    };
    let exports = root_exports(house, &without_tests(&code(&read(&own)?)));
    let mut violations = Vec::new();
    for file in files(&folder, "rs")? {
        let module = module_path(src, &file)?;
        // A binary is another crate.
        if file == own || module == ["main"] || is_test_module(&module) {
            continue;
        }
        let text = without_tests(&code(&read(&file)?));
        let found = check_text(house, &module, &text, &exports);
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
    house: &House,
    module: &[String],
    text: &str,
    exports: &HashMap<String, String>,
) -> Vec<(usize, String)> {
    let Some(room) = module.get(house.path.len()) else {
        return Vec::new();
    };
    let Some((row, place)) = house.find(room) else {
        let message = format!(
            "`{room}` has no floor: add it to the table in xtask/src/tidy/floors.rs and to ARCHITECTURE.md"
        );
        return vec![(1, message)];
    };
    let mut found = Vec::new();
    for (offset, name) in root_paths(text, house.path, module.len()) {
        let used = exports.get(name).map_or(name, String::as_str);
        let Some((used_row, used_place)) = house.find(used) else {
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

/// First names of all paths that start at the house: `crate::x`, `crate::{x, y}`, and `super::x` that climbs there.
fn root_paths<'a>(text: &'a str, house: &[&str], depth: usize) -> Vec<(usize, &'a str)> {
    let climb = vec!["super"; depth - house.len()].join("::");
    let start = [&["crate"], house].concat().join("::");
    [start.as_str(), climb.as_str()]
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
fn root_exports(house: &House, library: &str) -> HashMap<String, String> {
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
    // A module's own name is never a re-export: a room may have a function of its name.
    exports.retain(|name, _| house.find(name).is_none());
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
        let exports = root_exports(
            &HOUSES[0],
            "pub use error::{Error, Result};\npub use optimize::OptimizeLayer;",
        );
        check_text(&HOUSES[0], &module, &without_tests(&code(text)), &exports)
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
        assert_eq!(
            messages(&["response"], "use crate::permission::A;").len(),
            1
        );
        assert!(messages(&["signature"], "use crate::optimize::Asked;").is_empty());
        assert_eq!(
            messages(&["view"], "use crate::signature::Signer;").len(),
            1
        );
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
    fn a_folder_of_a_crate_has_floors_of_its_own() {
        let found = |module: &[&str], text: &str| {
            let module: Vec<String> = module.iter().map(|name| (*name).to_owned()).collect();
            let exports = root_exports(&HOUSES[2], "pub use self::view::ViewConfig;");
            check_text(&HOUSES[2], &module, text, &exports).len()
        };
        let optimize = &["config", "optimize", "rule"];
        assert_eq!(found(optimize, "use crate::config::view::Route;"), 1);
        assert_eq!(found(optimize, "use super::super::view::Route;"), 1);
        assert_eq!(
            found(optimize, "use crate::config::{ViewConfig, storage};"),
            1
        );
        assert_eq!(found(optimize, "use crate::config::storage::Storages;"), 0);
        assert_eq!(
            found(optimize, "use super::view::A; use crate::view::B;"),
            0
        );
    }

    #[test]
    fn a_room_without_a_floor_is_a_violation() {
        assert!(messages(&["attic"], "")[0].starts_with("`attic` has no floor"));
    }
}
