//! What must not be committed: ignored tests, unfinished code, debugging output.

use std::path::Path;

use anyhow::Result;

use super::source::{code, line};
use super::{Violation, files, read};

/// What is searched for, and what to do instead.
const FORBIDDEN: &[(&str, &str)] = &[
    (
        "#[ignore",
        "a test runs or is not there: fix it or remove it",
    ),
    (
        "todo!",
        "write it, or return an error that says what is missing",
    ),
    (
        "unimplemented!",
        "write it, or return an error that says what is missing",
    ),
    ("dbg!", "use `tracing`, or remove it"),
];

/// Checks every Rust file of the workspace at `root`, tests included.
pub(super) fn check(root: &Path) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for file in files(root, "rs")? {
        let found = check_text(&code(&read(&file)?));
        violations.extend(found.into_iter().map(|(line, message)| Violation {
            file: file.clone(),
            line,
            message,
        }));
    }
    Ok(violations)
}

fn check_text(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (pattern, help) in FORBIDDEN {
        for (offset, _) in code.match_indices(pattern) {
            let shown = pattern.trim_start_matches("#[");
            found.push((line(code, offset), format!("`{shown}`: {help}")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_test_is_found_and_a_text_about_it_is_not() {
        let text = "#[test]\n#[ignore = \"slow\"]\nfn f() { let _ = \"todo!\"; } // dbg!(x)\n";
        let found = check_text(&code(text));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 2);
    }

    #[test]
    fn unfinished_code_is_found_in_tests_too() {
        let text = "#[cfg(test)]\nmod tests { fn f() { todo!() } }";
        assert_eq!(check_text(&code(text)).len(), 1);
    }
}
