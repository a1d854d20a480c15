//! What is shown and played in place: no download, and no more of it than is asked for.

use std::fs::OpenOptions;
use std::io::Write as _;

use proxy_tests::{Chromium, Proxy, Server, Site, announced, until};

/// One channel of 8,000 samples of one byte in a second: 64 MiB are more than two hours, all silence.
const LENGTH: u32 = 64 * 1024 * 1024;
const RATE: u32 = 8_000;
/// In seconds, and the byte that is then played.
const LATE: u32 = 8_000;

/// One page, 200 points wide and high, all of it green.
const PDF: &str = "%PDF-1.4\n\
    1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
    2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
    3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R>>endobj\n\
    4 0 obj<</Length 28>>stream\n0 1 0 rg 0 0 200 200 re f   \nendstream endobj\n\
    trailer<</Root 1 0 R>>\n%%EOF\n";
const GREEN: [u8; 3] = [0, 255, 0];

fn site() -> (Site, Vec<(&'static str, Server)>) {
    let proxies = [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy];
    let site = Site::new(&announced(&proxies));
    site.write("media/silence.wav", wave());
    let file = OpenOptions::new()
        .write(true)
        .open(site.path("media/silence.wav"));
    let file = file.expect("ours");
    file.set_len(u64::from(LENGTH) + 44).expect("ours");
    site.age("media/silence.wav");
    site.write("media/a.pdf", PDF);
    let mut fronts = vec![("none", site.start_gateway())];
    fronts.extend(proxies.map(|proxy| (proxy.name(), site.start_proxy(proxy))));
    (site, fronts)
}

/// The 44 bytes before the samples.
fn wave() -> Vec<u8> {
    let mut head = Vec::new();
    let mut put = |bytes: &[u8]| head.write_all(bytes).expect("a Vec takes all");
    put(b"RIFF");
    put(&(LENGTH + 36).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&RATE.to_le_bytes());
    put(&RATE.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&8_u16.to_le_bytes());
    put(b"data");
    put(&LENGTH.to_le_bytes());
    head
}

#[test]
fn an_audio_seeks_by_ranges() {
    let (site, fronts) = site();
    let mut browser = Chromium::start(&site);
    for (proxy, server) in &fronts {
        let url = format!("http://{}/inline/silence.wav", server.address());
        // A document of its origin, in which it plays.
        browser.open(&format!("http://{}/inline/a.pdf", server.address()));
        let place = browser.evaluate(&format!(
            "new Promise((done, failed) => {{ const audio = document.createElement('audio'); audio.preload = 'metadata';\
             audio.onerror = () => failed(new Error(audio.error.message));\
             audio.onloadedmetadata = () => {{ audio.currentTime = {LATE}; }};\
             audio.onseeked = () => done([audio.currentTime, Math.floor(audio.duration)]);\
             audio.src = '{url}'; document.documentElement.append(audio); }})"
        ));
        assert_eq!(place[0], LATE, "{proxy}");
        assert_eq!(place[1], LENGTH / RATE, "{proxy}");
        let answers = browser.answers(&url);
        let starts = answers.iter().filter_map(|answer| {
            assert_eq!(answer["status"], 206, "{proxy}: {answer}");
            let headers = answer["headers"].as_object()?.iter();
            let mut range = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-range"));
            let range = range.next()?.1.as_str()?.strip_prefix("bytes ")?;
            range.split('-').next()?.parse::<u32>().ok()
        });
        let starts: Vec<_> = starts.collect();
        assert!(starts.contains(&0), "{proxy}: {starts:?}");
        let late = starts.iter().find(|start| **start > LENGTH / 2);
        assert!(late.is_some(), "{proxy}: {starts:?}");
        assert!(!browser.has_saved(), "{proxy}");
    }
}

#[test]
fn a_pdf_is_shown_and_not_saved() {
    let (site, fronts) = site();
    let mut browser = Chromium::start(&site);
    for (proxy, server) in &fronts {
        let url = format!("http://{}/inline/a.pdf", server.address());
        browser.open(&url);
        assert_eq!(
            browser.evaluate("document.contentType"),
            "application/pdf",
            "{proxy}"
        );
        // Its viewer is a page of its own, which tells nobody when it is there.
        until(&format!("{proxy} shows it"), || {
            browser.picture().has(GREEN)
        });
        assert!(!browser.has_saved(), "{proxy}");
    }
}
