//! Relative links of every Markdown file lead to something that exists.

use std::path::Path;

use anyhow::Result;

use super::{Violation, files, read};

/// Checks every Markdown file of the workspace at `root`.
pub(super) fn check(root: &Path) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for file in files(root, "md")? {
        let folder = file.parent().unwrap_or(root);
        for (line, target) in relative_links(&read(&file)?) {
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
    fn code_blocks_hold_no_links() {
        assert!(relative_links("```rust\na[0](x)\n```\n").is_empty());
    }
}
