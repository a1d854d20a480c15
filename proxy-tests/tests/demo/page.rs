//! The page, as it is seen and read aloud.

use std::fs;

use proxy_tests::{Chromium, Demo, Site, installed};
use serde_json::Value;

use crate::ALL;

/// Width in CSS pixels, and whether colours are dark.
const SCREENS: [(u32, bool); 4] = [(390, false), (390, true), (1280, false), (1280, true)];

/// The form with a name in it.
const TYPED: &str = "/?name=R%C3%A9sum%C3%A9+%E2%80%9C50+%25%E2%80%9D+%F0%9F%9A%80.pdf";

/// Of each cell what its button says, and whether that is good.
const CELLS: &str = "[...document.querySelectorAll('td > button')].map(button => \
    [button.querySelector('.unseen').textContent, button.querySelector('.word').textContent, button.className])";

/// What axe-core finds against WCAG and good practice: rule, why, and where.
const AXE: &str = "axe.run().then(found => found.violations.map(it => \
    [it.id, it.help, ...it.nodes.map(node => node.html.slice(0, 200) + node.failureSummary)]))";

#[test]
fn every_cell_is_right_for_the_eye_as_it_is_for_programs() {
    let site = Site::new("");
    let demo = Demo::start(&site, ALL);
    let cells = demo.cells();
    let mut browser = Chromium::start(&site);
    browser.open(&format!("http://{}/", demo.address()));

    let seen = browser.evaluate(CELLS);
    let seen = seen.as_array().expect("a list");
    assert_eq!(seen.len(), cells.len());
    for cell in &cells {
        assert_eq!(cell["verified"], true, "{cell}");
        let proxy = match cell["proxy"].as_str() {
            Some("none") => "no proxy",
            other => other.expect("a text"),
        };
        let view = cell["view"].as_str().expect("a text");
        let told = format!(": {view}, {proxy}; details");
        let found = seen.iter().find(|it| it[0] == told);
        let [_, word, class] = found.and_then(Value::as_array).expect(&told).as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!([word, class], [&cell["outcome"]; 2], "{told}");
    }
    let score = browser.evaluate("document.querySelector('#score .good').textContent");
    let all = format!("{0} of {0} verified", cells.len());
    assert_eq!(score, all);

    // The script asks for the page again, and puts what came into its place.
    browser.evaluate("document.querySelector('#matrix table').id = 'old'");
    browser.click("#live label");
    browser.evaluate(
        "new Promise(shown => { const look = () => document.getElementById('old') ? setTimeout(look, 50) : shown(); look(); })",
    );
    let again = browser.evaluate(CELLS);
    assert_eq!(again.as_array().map(Vec::len), Some(cells.len()));
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn nothing_keeps_anybody_from_using_the_page() {
    let axe = installed("axe").expect("the tests' folder");
    let axe = fs::read_to_string(axe.join("node_modules/axe-core/axe.min.js"));
    let axe = axe.expect("`cargo xtask test --only axe` installs it");
    let site = Site::new("");
    let demo = Demo::start(&site, ALL);
    let mut browser = Chromium::start(&site);
    for path in ["/", TYPED] {
        browser.open(&format!("http://{}{path}", demo.address()));
        browser.evaluate(&axe);
        for (width, is_dark) in SCREENS {
            browser.set_screen(width, is_dark);
            let what = format!("{path}, {width} px, dark: {is_dark}");
            assert_eq!(browser.evaluate(AXE), Value::Array(Vec::new()), "{what}");
            let over = browser.evaluate("document.documentElement.scrollWidth - innerWidth");
            assert!(
                over.as_i64().is_some_and(|over| over <= 0),
                "{what}: {over}"
            );
            browser.click("td > button");
            let open = browser.evaluate("document.querySelectorAll(':popover-open').length");
            assert_eq!(open, 1, "{what}");
            assert_eq!(
                browser.evaluate(AXE),
                Value::Array(Vec::new()),
                "{what}, with details"
            );
            browser.click(":popover-open .close");
        }
        assert_eq!(browser.problems(), [""; 0], "{path}");
    }
}
