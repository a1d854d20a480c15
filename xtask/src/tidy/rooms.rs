//! Every backend of the library has what ARCHITECTURE.md lists under "To add a backend": a page in `proxies/`, a
//! generated configuration, a test against the real server, its registration, and the tests that all rooms share.

use std::path::Path;

use anyhow::Result;

use super::source::{code, without_tests};
use super::{LIBRARY, Violation, files, read};

/// Names of tests that every room has, so that a neighbour can be compared line by line.
const TESTS: [&str; 6] = [
    "names_its_header",
    "escapes_the_target",
    "keeps_the_disposition",
    "drops_the_body_length",
    "leaves_ranges_to_the_proxy",
    "refuses_the_wrong_target",
];

/// Checks each backend room of the workspace at `root`.
pub(super) fn check(root: &Path) -> Result<Vec<Violation>> {
    let folder = root.join(LIBRARY).join("backend");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut violations = Vec::new();
    for file in files(&folder, "rs")? {
        let text = read(&file)?;
        if !is_backend(&without_tests(&code(&text))) {
            continue;
        }
        let Some(name) = room(&folder, &file) else {
            continue;
        };
        let lacks = missing(root, &name, &text)?;
        violations.extend(lacks.into_iter().map(|what| Violation {
            file: file.clone(),
            line: 1,
            message: format!("backend `{name}` lacks {what}: every backend has it"),
        }));
    }
    Ok(violations)
}

/// Helpers share the folder; a backend is what implements the trait.
fn is_backend(code: &str) -> bool {
    code.contains(" Backend for ")
}

/// The room that a file below `backend/` belongs to; the folder's own `mod.rs` is none.
fn room(folder: &Path, file: &Path) -> Option<String> {
    let relative = file.strip_prefix(folder).ok()?.with_extension("");
    let name = relative.iter().next()?.to_string_lossy().into_owned();
    (name != "mod").then_some(name)
}

/// What a room lacks of the checklist "To add a backend" in ARCHITECTURE.md; `text` is its file.
fn missing(root: &Path, name: &str, text: &str) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for (what, file) in [
        ("its page", format!("proxies/{name}/README.md")),
        ("its test", format!("proxy-tests/tests/{name}.rs")),
        (
            "its configuration",
            format!("crates/downloadview-gateway/src/proxy_config/{name}.rs"),
        ),
    ] {
        if !root.join(&file).is_file() {
            missing.push(format!("{what}, {file}"));
        }
    }
    let module = root.join(LIBRARY).join("backend/mod.rs");
    let module = code(&read(&module)?);
    for line in [format!("mod {name};"), format!("pub use self::{name}::")] {
        if !module.contains(&line) {
            missing.push(format!("its registration, `{line}` in backend/mod.rs"));
        }
    }
    let tests = code(text);
    for test in TESTS {
        if !tests.contains(&format!("fn {test}()")) {
            missing.push(format!("the test `{test}`"));
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A workspace with one room, complete; named after the test, so that tests do not meet.
    fn workspace(test: &str) -> std::path::PathBuf {
        let root = std::env::temp_dir().join(format!("rooms-{test}-{}", std::process::id()));
        let tests = TESTS
            .map(|test| format!("#[test]\nfn {test}() {{}}\n"))
            .concat();
        for (file, text) in [
            (
                "crates/downloadview/src/backend/mod.rs",
                "mod one;\npub use self::one::One;\n",
            ),
            (
                "crates/downloadview/src/backend/one.rs",
                &*format!("impl Backend for One {{}}\n#[cfg(test)]\nmod tests {{\n{tests}}}\n"),
            ),
            ("proxies/one/README.md", ""),
            ("proxy-tests/tests/one.rs", ""),
            ("crates/downloadview-gateway/src/proxy_config/one.rs", ""),
        ] {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        root
    }

    fn complaints(root: &Path) -> Vec<String> {
        let violations = check(root).unwrap();
        violations
            .into_iter()
            .map(|violation| violation.message)
            .collect()
    }

    #[test]
    fn a_complete_room_is_tidy_and_each_missing_file_is_told() {
        let root = workspace("files");
        assert_eq!(complaints(&root), [""; 0]);
        for file in [
            "proxies/one/README.md",
            "proxy-tests/tests/one.rs",
            "crates/downloadview-gateway/src/proxy_config/one.rs",
        ] {
            fs::remove_file(root.join(file)).unwrap();
            let found = complaints(&root);
            assert!(found.iter().any(|one| one.contains(file)), "{found:?}");
        }
        assert_eq!(complaints(&root).len(), 3);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_room_that_nobody_registered_and_a_test_that_is_gone_are_told() {
        let root = workspace("registered");
        let backend = root.join(LIBRARY).join("backend");
        fs::write(backend.join("mod.rs"), "// mod one;\n").unwrap();
        let one = fs::read_to_string(backend.join("one.rs")).unwrap();
        let one = one.replace("fn escapes_the_target()", "// fn escapes_the_target()");
        fs::write(backend.join("one.rs"), one).unwrap();
        assert_eq!(
            complaints(&root),
            [
                "backend `one` lacks its registration, `mod one;` in backend/mod.rs: every backend has it",
                "backend `one` lacks its registration, `pub use self::one::` in backend/mod.rs: every backend has it",
                "backend `one` lacks the test `escapes_the_target`: every backend has it",
            ]
        );
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn only_what_implements_the_trait_is_a_backend() {
        assert!(is_backend("impl Backend for Nginx {}"));
        assert!(!is_backend("pub fn escape(backend: &dyn Backend) {}"));
    }

    #[test]
    fn the_folders_own_module_is_no_room() {
        let folder = Path::new("backend");
        assert_eq!(room(folder, Path::new("backend/mod.rs")), None);
        assert_eq!(
            room(folder, Path::new("backend/nginx.rs")).as_deref(),
            Some("nginx")
        );
        assert_eq!(
            room(folder, Path::new("backend/caddy/mod.rs")).as_deref(),
            Some("caddy")
        );
    }
}
