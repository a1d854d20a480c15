//! What a click saves: name and bytes.

use std::fs;

use proxy_tests::{Chromium, Demo, Saved, Site, strict};

use crate::ALL;

/// Views whose links save a file, and its name.
const VIEWS: [(&str, &str); 7] = [
    ("path, named", "hello-world.txt"),
    ("storage", "1.txt"),
    ("storage, renamed", "1.TXT"),
    ("object, its own name", "hello-world.txt"),
    ("http", "hello-world.txt"),
    ("storage in S3", "1.txt"),
    ("virtual, text", "hello-world.txt"),
];

#[test]
fn a_click_in_the_details_of_a_cell_downloads_through_its_proxy() {
    let site = Site::new("");
    let demo = Demo::start(&site, ALL);
    let ways = demo.ways();
    assert_eq!(ways.len(), 5, "{}", demo.output());
    let mut browser = Chromium::start(&site);
    browser.open(&format!("http://{}/", demo.address()));
    for (view, name) in VIEWS {
        for (proxy, address) in &ways {
            let shown = if proxy == "none" { "no proxy" } else { proxy };
            let title = format!("{view}, {shown}");
            // The popover of the cell, and its link.
            let id = browser.evaluate(&format!(
                "[...document.querySelectorAll('[popover]')].find(it => it.querySelector('.title').textContent == '{title}').id"
            ));
            let id = id.as_str().expect(&title);
            browser.click(&format!("[popovertarget='{id}']:not(.close)"));
            let link = format!("#{id} a");
            let url = browser.evaluate(&format!("document.querySelector('{link}').href"));
            let url = url.as_str().expect("a URL");
            assert!(
                url.starts_with(&format!("http://{address}/")),
                "{title}: {url}"
            );
            let expected = Saved {
                name: name.to_owned(),
                content: b"Hello world!\n".to_vec(),
            };
            assert_eq!(browser.save(&link), expected, "{title}");
            browser.click(&format!("#{id} .close"));
        }
    }
    assert_eq!(browser.problems(), [""; 0]);
}

/// A file's name in the storage, and the one that Chromium saves it under.
const NAMES: [(&str, &str); 10] = [
    ("résumé naïve.txt", "résumé naïve.txt"),
    ("🚀 €.txt", "🚀 €.txt"),
    // It takes characters that cannot be seen for a trick.
    ("👩\u{200d}👧.txt", "👩_👧.txt"),
    ("日本語.txt", "日本語.txt"),
    ("it's; a=b, c.txt", "it's; a=b, c.txt"),
    // No file system of Windows takes them, so Chromium never does.
    ("\"quoted\".txt", "_quoted_.txt"),
    ("a*b?c.txt", "a_b_c.txt"),
    ("50%.txt", "50%.txt"),
    ("100%25 %41.txt", "100%25 %41.txt"),
    // Nobody is to save a file that they do not see.
    (".hidden.txt", "hidden.txt"),
];

#[test]
fn a_click_saves_any_name_as_it_is_through_every_proxy() {
    let site = Site::new("");
    let demo = Demo::start(&site, ALL);
    let media = demo.folder().join("media");
    for (name, _) in NAMES {
        fs::write(media.join(name), name).expect("ours");
    }
    let mut browser = Chromium::start(&site);
    for (proxy, address) in demo.ways() {
        browser.open("about:blank");
        for (name, expected) in NAMES {
            let path = strict(name.as_bytes());
            browser.evaluate(&format!(
                "document.body.innerHTML = '<a href=\"http://{address}/storage/static-path/{path}\">it</a>'"
            ));
            let saved = browser.save("a");
            let content = String::from_utf8_lossy(&saved.content).into_owned();
            assert_eq!((&*saved.name, &*content), (expected, name), "{proxy}");
        }
    }
}
