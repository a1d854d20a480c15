//! Relative links of every Markdown file lead to something that exists, and so do the names of source files in those that
//! say where things are.

use std::path::Path;

use anyhow::Result;

use super::{CRATES, Violation, files, read};

/// The files that say where things are.
const MAPS: [&str; 2] = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Checks every Markdown file of the workspace at `root`.
pub(super) fn check(root: &Path) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for file in files(root, "md")? {
        let folder = file.parent().unwrap_or(root);
        let text = read(&file)?;
        let is_map = MAPS.iter().any(|map| file == root.join(map));
        for (line, name) in source_files(&text).into_iter().filter(|_| is_map) {
            let mut folders = CRATES
                .iter()
                .map(|src| root.join(src))
                .chain([root.to_owned()]);
            if !folders.any(|folder| folder.join(&name).exists()) {
                violations.push(Violation {
                    file: file.clone(),
                    line,
                    message: format!(
                        "there is no `{name}` in the sources of a crate nor from the root on: name what is there now"
                    ),
                });
            }
        }
        for (line, target) in relative_links(&text) {
            if !folder.join(&target).exists() {
                violations.push(Violation {
                    file: file.clone(),
                    line,
                    message: format!("the link to `{target}` leads nowhere: fix or remove it"),
                });
            }
        }
    }
    Ok(violations)
}

/// Line and name of each source file that stands between backticks with the folder that it lies in. `NAME` stands for
/// anything.
fn source_files(markdown: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (index, line) in markdown.lines().enumerate() {
        let quoted = line.split('`').skip(1).step_by(2);
        let named = quoted.filter(|text| text.ends_with(".rs") && text.contains('/'));
        let one = named.filter(|text| !text.contains("NAME") && !text.contains(' '));
        names.extend(one.map(|text| (index + 1, text.to_owned())));
    }
    names
}

/// Line and target, without its anchor, of each link that is neither a URL nor an anchor of the same page.
fn relative_links(markdown: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut fenced = false;
    for (index, line) in markdown.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', ' ', '#']).next().unwrap_or_default();
            // Anything with a scheme is a URL.
            if !target.is_empty() && !target.contains(':') {
                links.push((index + 1, target.to_owned()));
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_are_found_with_their_line_and_without_their_anchor() {
        let text =
            "[a](docs/a.md#top) and [b](https://b.example/c)\n[c](#here) ![d](d.png \"title\")\n";
        let links = relative_links(text);
        assert_eq!(
            links,
            [(1, "docs/a.md".to_owned()), (2, "d.png".to_owned())]
        );
    }

    #[test]
    fn source_files_are_those_with_a_folder() {
        let text = "a\n`view/mod.rs` asks `file.rs`, and `backend/NAME.rs` `/media/a.rs b`\n";
        assert_eq!(source_files(text), [(2, "view/mod.rs".to_owned())]);
    }

    #[test]
    fn code_blocks_hold_no_links() {
        assert!(relative_links("```rust\na[0](x)\n```\n").is_empty());
    }
}
