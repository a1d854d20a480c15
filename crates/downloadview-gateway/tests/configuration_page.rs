//! The reference page of the configuration file names exactly the keys that the gateway reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use downloadview_gateway::config::Config;

const PAGE: &str = include_str!("../../../docs/configuration.md");

const VIEW: &str = "[[views]]\nroute = \"/a\"\n";

/// One heading of the page: the keys of its table, and its examples.
#[derive(Default)]
struct Section {
    keys: BTreeSet<String>,
    example: String,
}

/// The page without the kinds that are not in this build.
fn page() -> String {
    let mut page = String::new();
    let mut is_built = true;
    for line in PAGE.lines() {
        if line.starts_with("## ") || line.starts_with("### ") {
            let is_of = |kind: &str| line == format!("### Storage of kind `{kind}`");
            is_built = (cfg!(feature = "gcs") || !is_of("gcs"))
                && (cfg!(feature = "azure") || !is_of("azure"));
        }
        if is_built {
            page += line;
            page.push('\n');
        }
    }
    page
}

/// The sections by their headings, without the marks of code.
fn sections() -> BTreeMap<String, Section> {
    let mut sections = BTreeMap::<String, Section>::new();
    let (mut heading, mut is_code) = (String::new(), false);
    for line in page().lines() {
        if line.starts_with("```") {
            is_code = line == "```toml";
            continue;
        }
        if !is_code && line.starts_with('#') {
            heading = line.trim_start_matches('#').trim().replace('`', "");
        }
        let section = sections.entry(heading.clone()).or_default();
        if is_code {
            section.example += line;
            section.example.push('\n');
        } else if let Some(rest) = line.strip_prefix("| `")
            && let Some((key, _)) = rest.split_once("` |")
        {
            section.keys.insert(key.to_owned());
        }
    }
    sections
}

/// The words that a report lists in backticks where it says what `table` knows, or which words can be used.
fn listed(text: &str) -> BTreeSet<String> {
    let error = Config::parse(text, Path::new("/nowhere/downloadview.toml")).expect_err(text);
    let helps = error.problems().iter().filter_map(|problem| problem.help());
    let lists = helps.filter_map(|help| {
        let listed = help.split_once(" knows ").map(|(_, listed)| listed);
        listed.or_else(|| help.strip_prefix("use "))
    });
    let mut lists: Vec<_> = lists.collect();
    assert_eq!(lists.len(), 1, "{error:?}");
    let list = lists.remove(0);
    let words = list.split('`').skip(1).step_by(2).map(str::to_owned);
    words.collect()
}

/// What no table knows, nor anything near it.
const UNKNOWN: &str = "qqqqqqqqqqqqqqqqqqqqqqqq = 1\n";

#[test]
fn the_page_names_the_keys_that_the_gateway_reads() {
    let sections = sections();
    let storage = |kind: &str| format!("{VIEW}[storages.it]\nkind = \"{kind}\"\n{UNKNOWN}");
    let view = |kind: &str| format!("{VIEW}kind = \"{kind}\"\n{UNKNOWN}");
    let clouds = [
        ("gcs", cfg!(feature = "gcs")),
        ("azure", cfg!(feature = "azure")),
    ];
    let clouds = clouds.into_iter().filter(|(_, is_built)| *is_built);
    let clouds: Vec<_> = clouds
        .map(|(kind, _)| (format!("Storage of kind {kind}"), storage(kind)))
        .collect();
    let mut tables = vec![
        (vec!["The file"], format!("{UNKNOWN}{VIEW}")),
        (vec!["Storage of kind local"], storage("local")),
        (vec!["Storage of kind memory"], storage("memory")),
        (
            vec!["Storage of kind http", "Other servers"],
            storage("http"),
        ),
        (vec!["Storage of kind s3", "Other servers"], storage("s3")),
        (
            vec!["Databases: [databases.NAME]"],
            format!("{VIEW}[databases.it]\n{UNKNOWN}"),
        ),
        (
            vec!["The proxy in front: [optimize]"],
            format!("{VIEW}[optimize]\n{UNKNOWN}"),
        ),
        (
            vec!["Announced proxies"],
            format!("{VIEW}[optimize.proxies.it]\n{UNKNOWN}"),
        ),
        (
            vec!["Rules"],
            format!("{VIEW}[[optimize.rules]]\n{UNKNOWN}"),
        ),
        (
            vec!["Local copies: [spool]"],
            format!("{VIEW}[spool]\n{UNKNOWN}"),
        ),
        (
            vec!["Signed links: [signing]"],
            format!("{VIEW}[signing]\n{UNKNOWN}"),
        ),
        (
            vec!["Keys of links"],
            format!("{VIEW}[[signing.keys]]\n{UNKNOWN}"),
        ),
        (vec!["Every view", "View of kind path"], view("path")),
        (vec!["Every view", "View of kind storage"], view("storage")),
        (vec!["Every view", "View of kind object"], view("object")),
        (
            vec!["Every view", "View of kind http", "Other servers"],
            view("http"),
        ),
        (vec!["Every view", "View of kind virtual"], view("virtual")),
        (
            vec!["Who may: [views.authorize]"],
            format!("{VIEW}kind = \"virtual\"\n[views.authorize]\n{UNKNOWN}"),
        ),
        (
            vec!["Media types: [media_types]"],
            format!("{VIEW}[media_types]\n{UNKNOWN}"),
        ),
        (
            vec!["The listener: [server]"],
            format!("{VIEW}[server]\n{UNKNOWN}"),
        ),
        (vec!["The log: [log]"], format!("{VIEW}[log]\n{UNKNOWN}")),
    ];
    for (heading, text) in &clouds {
        tables.push((vec![heading.as_str(), "Other servers"], text.clone()));
    }
    let mut left: BTreeSet<_> = sections.keys().map(String::as_str).collect();
    for (headings, text) in &tables {
        let mut named = BTreeSet::new();
        for heading in headings {
            let section = sections.get(*heading);
            let section = section.unwrap_or_else(|| panic!("the page has no `{heading}`"));
            named.extend(section.keys.iter().cloned());
            left.remove(heading);
        }
        assert_eq!(named, listed(text), "{headings:?}");
    }
    left.retain(|heading| !sections[*heading].keys.is_empty());
    assert!(
        left.is_empty(),
        "tables that nothing is held against: {left:?}"
    );
}

#[test]
fn the_page_names_every_kind() {
    let sections = sections();
    for (what, table) in [("Storage", "[storages.it]"), ("View", "[[views]]")] {
        let start = format!("{what} of kind ");
        let headings = sections.keys().filter_map(|it| it.strip_prefix(&start));
        let named: BTreeSet<_> = headings.map(str::to_owned).collect();
        let route = "route = \"/a\"\n";
        let own = match what {
            "View" => route.to_owned(),
            _ => String::new(),
        };
        let other = match what {
            "View" => "",
            _ => "[[views]]\nroute = \"/a\"\nkind = \"virtual\"\ntext = \"\"\nbasename = \"a\"\n",
        };
        let text = format!("{table}\n{own}kind = \"qqqqqqqqqqqqqqqq\"\n{other}");
        assert_eq!(named, listed(&text), "{what}");
    }
}

#[test]
fn the_examples_of_the_page_are_one_valid_file_and_show_every_key() {
    let mut file = String::new();
    let mut example = String::new();
    let mut is_code = false;
    for line in page().lines() {
        if line.starts_with("```") {
            is_code = line == "```toml";
        } else if is_code {
            file += line;
            file.push('\n');
        }
    }
    for (heading, section) in sections() {
        for key in &section.keys {
            let shown = [
                format!("\n{key} = "),
                format!("# or {key} = "),
                format!(".{key}]"),
                format!(".{key}."),
                format!("[{key}"),
            ];
            example.clear();
            example.push('\n');
            // Tables that a table holds have sections of their own.
            example += match heading.as_str() {
                "The file"
                | "The proxy in front: [optimize]"
                | "Signed links: [signing]"
                | "Every view" => &file,
                _ => &section.example,
            };
            assert!(
                shown.iter().any(|shown| example.contains(shown)),
                "no example of `{key}` in {heading}"
            );
        }
    }

    let folder = tempfile::tempdir().expect("a folder");
    for name in ["media", "reports", "copies"] {
        fs::create_dir(folder.path().join(name)).expect("made");
    }
    let certificate = include_str!("../../downloadview/tests/remote/certificates/ca.pem");
    fs::write(folder.path().join("account.json"), "{}").expect("written");
    fs::write(folder.path().join("id.pem"), certificate).expect("written");
    let secret = "0123456789abcdef0123456789abcdef";
    fs::write(folder.path().join("2026a.key"), secret).expect("written");
    let below = format!("{}/", folder.path().display());
    let mut text = file.replace("/srv/", &below);
    // A test cannot set variables; these are always there.
    for name in [
        "ORIGIN_AUTH",
        "ARCHIVE_SECRET",
        "ARCHIVE_TOKEN",
        "TILES_AUTH",
    ] {
        text = text.replace(&format!("\"{name}\""), "\"CARGO_PKG_VERSION\"");
    }
    for name in ["EDGE_SECRET", "LINK_KEY"] {
        text = text.replace(&format!("\"{name}\""), "\"CARGO_PKG_REPOSITORY\"");
    }
    let file = folder.path().join("downloadview.toml");
    if let Err(error) = Config::parse(&text, &file) {
        panic!("{error}");
    }
}
