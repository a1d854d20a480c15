//! Chromium shows what is served inline: styles and pictures that a document brings along, and none of its scripts.

use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;

use proxy_tests::{Picture, Proxy, Site, announced, configuration};

const GREEN: [u8; 3] = [0, 128, 0];
const BLUE: [u8; 3] = [0, 0, 255];

/// A picture in the first 100 pixels of each side: blue, of its own `data:` address.
const PICTURE: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='100' height='100'%3E%3Crect width='100' height='100' fill='blue'/%3E%3C/svg%3E";

fn drawing(script: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"400\" height=\"300\">\
         <rect id=\"r\" style=\"fill:green\" width=\"400\" height=\"300\"/>\
         <image href=\"{PICTURE}\" width=\"100\" height=\"100\"/>\
         <script>{script}</script></svg>"
    )
}

fn page(script: &str) -> String {
    format!(
        "<!DOCTYPE html><title>a</title><style>body {{ margin: 0; background: green }}</style>\
         <body id=\"r\"><img src=\"{PICTURE}\"><script>{script}</script>"
    )
}

/// Colours of the picture and of the ground, as a user sees them.
fn colours(site: &Site, url: &str) -> [[u8; 3]; 2] {
    let run = site.program("chromium", "chromium");
    let run = run.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--hide-scrollbars",
        "--force-color-profile=srgb",
        "--user-data-dir=profile",
        "--window-size=400,300",
        "--screenshot=shot.png",
        url,
    ]);
    run.run().expect(url);
    let shot = File::open(site.path("client/shot.png")).expect("a screenshot");
    let picture = Picture::read(BufReader::new(shot));
    site.remove("client/shot.png");
    [picture.at(50, 50), picture.at(200, 90)]
}

fn site(configuration: &str) -> Site {
    let site = Site::new(configuration);
    let repaint = "document.getElementById('r').setAttribute('style', 'fill:red;background:red')";
    site.write("media/a.svg", drawing(repaint));
    site.write("media/a.html", page(repaint));
    site
}

#[track_caller]
fn assert_shown_without_scripts(what: &str, site: &Site, address: SocketAddr) {
    for name in ["a.svg", "a.html"] {
        let url = format!("http://{address}/inline/{name}");
        assert_eq!(colours(site, &url), [BLUE, GREEN], "{name} {what}");
    }
}

#[test]
fn chromium_shows_documents_with_their_styles_and_pictures_and_runs_no_script() {
    let delegated = site(&configuration(Proxy::Nginx));
    let _gateway = delegated.start_gateway();
    let front = delegated.start_proxy(Proxy::Nginx);
    // A script that may run repaints: else a page without one would prove nothing.
    let local = format!("file://{}", delegated.path("media/a.html").display());
    assert_ne!(
        colours(&delegated, &local)[1],
        GREEN,
        "the script does nothing"
    );
    let streaming = site(&announced(&[Proxy::Nginx]));
    let gateway = streaming.start_gateway();
    assert_shown_without_scripts("directly", &streaming, gateway.address());
    assert_shown_without_scripts("through nginx", &delegated, front.address());
}
