//! Every backend of the library owns a folder in `proxies/` and a test against the real server.

use std::path::Path;

use anyhow::Result;

use super::source::{code, without_tests};
use super::{LIBRARY, Violation, files, read};

/// Checks each backend room of the workspace at `root`.
pub(super) fn check(root: &Path) -> Result<Vec<Violation>> {
    let folder = root.join(LIBRARY).join("backend");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut violations = Vec::new();
    for file in files(&folder, "rs")? {
        if !is_backend(&without_tests(&code(&read(&file)?))) {
            continue;
        }
        let Some(name) = room(&folder, &file) else {
            continue;
        };
        violations.extend(missing(root, &name).into_iter().map(|what| Violation {
            file: file.clone(),
            line: 1,
            message: format!("backend `{name}` lacks {what}: every backend owns one"),
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

fn missing(root: &Path, name: &str) -> Vec<String> {
    let folder = format!("proxies/{name}");
    let test = format!("proxy-tests/tests/{name}.rs");
    let mut missing = Vec::new();
    if !root.join(&folder).is_dir() {
        missing.push(format!("the folder {folder}/"));
    }
    if !root.join(&test).is_file() {
        missing.push(format!("the test {test}"));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_without_its_proxy_folder_and_test_is_told_both() {
        let nowhere = Path::new("/nonexistent");
        assert_eq!(
            missing(nowhere, "nginx"),
            [
                "the folder proxies/nginx/",
                "the test proxy-tests/tests/nginx.rs"
            ]
        );
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
