//! Under which name curl and wget save a download. curl 7.88 reads `filename` alone, wget 1.21 `filename*` too.

use std::fs;

use proxy_tests::{Proxy, Server, Site, announced, configuration, strict};

/// The file's name, and that of the file that each program saves.
const NAMES: &[(&str, &str, &str)] = &[
    // (stored, curl, wget)
    ("plain.txt", "plain.txt", "plain.txt"),
    ("a b.txt", "a b.txt", "a b.txt"),
    ("it's \"it\".txt", "it's 'it'.txt", "it's \"it\".txt"),
    ("a;b,c=d.txt", "a;b,c=d.txt", "a;b,c=d.txt"),
    (
        "ß ø æ œ ł đ þ.txt",
        "ss o ae oe l d th.txt",
        "ß ø æ œ ł đ þ.txt",
    ),
    ("日本語.txt", "download.txt", "日本語.txt"),
    (
        "👩\u{200d}👩\u{200d}👧.txt",
        "download.txt",
        "👩\u{200d}👩\u{200d}👧.txt",
    ),
    ("هم\u{200c}زبان.txt", "download.txt", "هم\u{200c}زبان.txt"),
    // A name that shows as `invoice-exe.pdf`, and one that would move the cursor.
    (
        "invoice-\u{202e}fdp.exe",
        "invoice-fdp.exe",
        "invoice-fdp.exe",
    ),
    ("a\u{1b}[2Jb\n.txt", "a[2Jb.txt", "a[2Jb.txt"),
];

/// More bytes than any file system takes: letters of one byte, and of three.
const LONG: [(&str, &str); 2] = [("/long/ascii", "n"), ("/long/cjk", "\u{8a9e}")];

fn site(configuration: &str) -> Site {
    let long = LONG.map(|(route, letter)| {
        let name = letter.repeat(300 / letter.len());
        format!("\n[[views]]\nroute = \"{route}\"\nkind = \"storage\"\nstorage = \"media\"\nname = \"plain.txt\"\nbasename = \"{name}.txt\"\n")
    });
    let site = Site::new(&(configuration.to_owned() + &long.concat()));
    for (stored, ..) in NAMES {
        site.write(format!("media/{stored}"), stored);
    }
    site
}

/// The one file that the program saved, and its content.
#[track_caller]
fn saved(site: &Site, program: &str, url: &str) -> (String, String) {
    let arguments: &[&str] = match program {
        "curl" => &[
            "-q",
            "--silent",
            "--show-error",
            "--fail",
            "-O",
            "-J",
            "--output-dir",
            "saved",
            "--create-dirs",
        ],
        _ => &[
            "--no-config",
            "--no-verbose",
            "--content-disposition",
            "--restrict-file-names=nocontrol",
            "-P",
            "saved",
        ],
    };
    let run = site.program(program, if program == "curl" { "curl" } else { "wget" });
    run.args(arguments).args([url]).run().expect(url);
    let folder = site.path("client/saved");
    let files = fs::read_dir(&folder).expect("the folder is there");
    let files: Vec<_> = files.map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(files.len(), 1, "{program} {url}: {files:?}");
    let content = fs::read_to_string(&files[0]).expect("it can be read");
    fs::remove_dir_all(folder).expect("it can be removed");
    let name = files[0].file_name().expect("a name");
    (name.to_string_lossy().into_owned(), content)
}

#[track_caller]
fn assert_saves(site: &Site, server: &Server) {
    for (stored, curl, wget) in NAMES {
        let url = format!(
            "http://{}/files/{}",
            server.address(),
            strict(stored.as_bytes())
        );
        for (program, expected) in [("curl", curl), ("wget", wget)] {
            let (name, content) = saved(site, program, &url);
            assert_eq!(&name, expected, "{program} {stored:?}");
            assert_eq!(&content, stored, "{program}");
        }
    }
}

/// wget shortens what is longer than 236 bytes once more, in the middle of a letter; so what was sent is looked at.
#[track_caller]
fn assert_cuts_the_long(site: &Site, server: &Server) {
    let [(ascii, _), (cjk, letter)] = LONG;
    let url = |route: &str| format!("http://{}{route}", server.address());
    let (name, _) = saved(site, "curl", &url(ascii));
    assert_eq!(name, "n".repeat(251) + ".txt");
    let (name, _) = saved(site, "curl", &url(cjk));
    assert_eq!(name, "download.txt");
    let answer = server.get(cjk);
    let exact = strict(letter.repeat(251 / letter.len()).as_bytes()) + ".txt";
    assert_eq!(
        answer.header("Content-Disposition"),
        format!("attachment; filename=\"download.txt\"; filename*=UTF-8''{exact}")
    );
    let (name, _) = saved(site, "wget", &url(cjk));
    assert!(name.starts_with(&letter.repeat(20)), "{name}");
}

#[test]
fn curl_and_wget_save_under_the_name_that_the_gateway_gives() {
    let site = site(&announced(&[Proxy::Nginx]));
    let gateway = site.start_gateway();
    assert_saves(&site, &gateway);
    assert_cuts_the_long(&site, &gateway);
}

#[test]
fn curl_and_wget_save_under_that_name_through_nginx() {
    let site = site(&configuration(Proxy::Nginx));
    let _gateway = site.start_gateway();
    let front = site.start_proxy(Proxy::Nginx);
    assert_saves(&site, &front);
    assert_cuts_the_long(&site, &front);
}
