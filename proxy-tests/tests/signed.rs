//! Signed links through real proxies: the same file or a refusal, whatever is done to the link on its way.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use downloadview::headers::Disposition;
use downloadview::signature::{DjangoKey, Key, Keys, Link, Signer};
use proxy_tests::{Proxy, Request, Response, Server, Site, configuration, installed};

const SECRET: &str = "a-secret-of-the-tests-0123456789abcdef";
const HOUR: Duration = Duration::from_secs(3600);
/// Names that proxies spell in their own ways, and the links of each.
const NAMES: [(&str, &str); 7] = [
    ("plain.txt", "plain.txt"),
    ("a b.txt", "a%20b.txt"),
    ("a%20b.txt", "a%2520b.txt"),
    ("a+b.txt", "a%2Bb.txt"),
    ("été.txt", "%C3%A9t%C3%A9.txt"),
    ("a~b@c.txt", "a~b@c.txt"),
    ("a&b=c;d.txt", "a%26b%3Dc%3Bd.txt"),
];

/// The gateway with views that ask for links, before one proxy.
struct Stand {
    front: Server,
    gateway: Server,
    proxy: Proxy,
    _site: Site,
}

impl Stand {
    fn new(proxy: Proxy) -> Self {
        let signing = format!(
            "\n[signing]\nrealm = \"files.example\"\n\n[[signing.keys]]\nid = \"2026a\"\nsecret = \"{SECRET}\"\n"
        );
        let signed = configuration(proxy).replace(
            "cache_control = \"public, max-age=60\"",
            "cache_control = \"public, max-age=999999\"\nsignature = \"required\"",
        );
        let site = Site::new(&(signed + &signing));
        for (name, _) in NAMES {
            site.write(format!("media/{name}"), name);
        }
        let gateway = site.start_gateway();
        let front = site.start_proxy(proxy);
        Self {
            front,
            gateway,
            proxy,
            _site: site,
        }
    }

    /// What the gateway itself answers: 403 and nothing that a proxy would obey.
    fn assert_refused(&self, target: &str) {
        let answer = self.gateway.send(&Request::get(target));
        assert_eq!(answer.status, 403, "{target}: {}", answer.head());
        assert!(
            !answer.has(self.proxy.header()),
            "{target}: {}",
            answer.head()
        );
        let answer = self.front.send(&Request::get(target));
        assert!(!is_file(&answer), "{target}: {}", answer.head());
    }
}

/// Whether an answer has the bytes of one of the files.
fn is_file(answer: &Response) -> bool {
    let text = answer.text();
    answer.status == 200 && NAMES.iter().any(|(name, _)| text == *name)
}

fn signer() -> Signer {
    let keys = Keys::new(Key::new("2026a", SECRET).expect("a key"));
    Signer::new(keys).realm("files.example").expect("a realm")
}

fn link(target: &str) -> Link {
    signer().link(target).expires_in(HOUR)
}

fn signed(target: &str) -> String {
    link(target).sign().expect("a link")
}

/// Links of all names are good, the application reads nothing, and what they grant reaches the client.
fn links_are_good_through(proxy: Proxy) {
    let stand = Stand::new(proxy);
    for (name, path) in NAMES {
        let target = format!("/files/{path}?v=2&w=a+b%2F");
        let link = link(&target)
            .name("Größe ~!.csv")
            .disposition(Disposition::Inline);
        let link = link.sign().expect("a link");
        let answer = stand.front.get(&link);
        assert_eq!(
            (answer.status, &*answer.text()),
            (200, name),
            "{}",
            answer.head()
        );
        let disposition = answer.header("Content-Disposition");
        assert!(disposition.starts_with("inline;"), "{disposition}");
        assert!(
            disposition.contains("Gr%C3%B6%C3%9Fe%20~%21.csv"),
            "{disposition}"
        );
        assert_eq!(answer.header("Content-Type"), "text/csv; charset=utf-8");
        assert!(
            answer
                .header("Cache-Control")
                .starts_with("private, max-age="),
            "{}",
            answer.head()
        );
        assert_eq!(
            answer.all("Referrer-Policy"),
            ["no-referrer"],
            "{}",
            answer.head()
        );
        assert_eq!(answer.all("X-Robots-Tag"), ["noindex"], "{}", answer.head());
        let handed = stand.gateway.send(&Request::get(&link));
        assert!(
            handed.body.is_empty() && handed.has(proxy.header()),
            "{}",
            handed.head()
        );
        let part = stand
            .front
            .send(&Request::get(&link).header("Range", "bytes=0-2"));
        assert_eq!((part.status, part.body.len()), (206, 3), "{}", part.head());
        let head = stand.front.send(&Request::head(&link));
        assert_eq!(head.status, 200, "{}", head.head());
    }
}

/// What a client or another proxy may do to a link. Each is refused, or the same file.
fn respelled_links_through(proxy: Proxy) {
    let stand = Stand::new(proxy);
    let good = signed("/files/plain.txt");
    let space = signed("/files/a%20b.txt");
    let own = signed("/files/plain.txt?q=%2F&r=a+b");
    for (link, from, to) in [
        (&good, "/files/", "//files/"),
        (&good, "/files/", "/files//"),
        (&good, "/files/", "/files/./"),
        (&good, "/files/", "/files/x/../"),
        (&good, "/files/", "/files/%2e/"),
        (&good, "/files/", "/files%2F"),
        (&good, "/files/", "/f%69les/"),
        (&good, "plain", "%70lain"),
        (&good, ".txt", "%2Etxt"),
        (&good, ".txt?", ".txt/?"),
        (&good, ".txt?", ".txt;p=1?"),
        (&good, ".txt?", ".txt#?"),
        (&good, ".txt?", ".txt%23?"),
        (&good, ".txt?", ".txt%00?"),
        (&good, ".txt?", ".txt%0A?"),
        (&good, ".txt?", ".txt??"),
        (&good, ".txt?", ".txt?&"),
        (&good, ".txt?", ".txt?q=%zz&"),
        (&good, "X-Download-Key", "X%2DDownload-Key"),
        (&good, "X-Download-Key", "x-download-key"),
        (&good, "X-Download-Key=", "X-Download-Key[]="),
        (&good, "&", "&&"),
        (&good, "plain", "été"),
        (&space, "%20", "+"),
        (&space, "%20", "%2520"),
        (&space, "%20", "%20%20"),
        (&own, "%2F", "%2f"),
        (&own, "%2F", "/"),
        (&own, "a+b", "a%20b"),
        (&own, "a+b", "a%2Bb"),
        (&own, "q=%2F&r", "r=a+b&q"),
    ] {
        assert!(link.contains(from), "{from}");
        let target = link.replacen(from, to, 1);
        let answer = stand.front.send(&Request::get(&target));
        let same = if link == &space {
            "a b.txt"
        } else {
            "plain.txt"
        };
        if answer.status == 200 {
            assert_eq!(answer.text(), same, "{target}: {}", answer.head());
        } else {
            assert!(!is_file(&answer), "{target}: {}", answer.head());
        }
    }
}

/// Refused before there is any hand-off.
fn bad_links_through(proxy: Proxy) {
    let stand = Stand::new(proxy);
    let good = signed("/files/plain.txt");
    let signature = good.rsplit('=').next().expect("a signature");
    let other = signed("/files/a%20b.txt");
    let other = other.rsplit('=').next().expect("a signature");
    let unsigned = good.rsplit_once('&').expect("a signature").0;
    for target in [
        "/files/plain.txt".to_owned(),
        "/files/none.txt".to_owned(),
        unsigned.to_owned(),
        format!("{unsigned}&X-Download-Signature={other}"),
        format!("{good}A"),
        format!("{good}&X-Download-Signature={signature}"),
        format!("{good}&v=1"),
        good.replacen("plain.txt", "a%20b.txt", 1),
        good.replacen("Expires=", "Expires=9", 1),
        good.replacen('?', "?X-Download-Name=x.exe&", 1),
    ] {
        stand.assert_refused(&target);
    }
    let spoofed = Request::get("/files/plain.txt").header("X-Forwarded-Uri", &good);
    let spoofed = spoofed
        .header("X_Forwarded_Uri", &good)
        .header("X-Original-URL", &good);
    let answer = stand.front.send(&spoofed);
    assert_ne!(answer.status, 200, "{}", answer.head());
    let post = stand.front.send(&Request::new("POST", &good).body(b""));
    assert_eq!(post.status, 405, "{}", post.head());
}

/// Neither the log nor the memory grows with the number of bad links, and none of them stands in the log.
#[test]
fn ten_thousand_bad_links_leave_a_short_log_and_flat_memory() {
    const EACH: usize = 2_500;
    let (stand, began) = (Stand::new(Proxy::Nginx), Instant::now());
    let good = signed("/files/plain.txt");
    let ask = |from: usize| {
        for number in from..from + EACH {
            // Each is another link.
            let bad = format!("{}{number:05}", &good[..good.len() - 5]);
            assert_eq!(stand.gateway.get(&bad).status, 403, "{bad}");
        }
    };
    ask(0);
    let before = stand.gateway.resident();
    thread::scope(|scope| {
        for turn in 1..=4 {
            scope.spawn({
                let ask = &ask;
                move || ask(turn * EACH)
            });
        }
    });
    let grown = stand.gateway.resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
    let output = stand.gateway.output();
    // One a second, and what a gateway says when it starts.
    let (lines, most) = (
        output.lines().count() as u64,
        began.elapsed().as_secs() + 20,
    );
    assert!(lines <= most, "{lines} lines");
    assert!(!output.contains("X-Download-"), "{output}");
}

/// Links that other programs make are as good as ours.
fn links_of_examples_through(proxy: Proxy) {
    let stand = Stand::new(proxy);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let printed = |program: &str, script: &str| {
        let flag = if program == "node" { "-e" } else { "-c" };
        let mut command = Command::new(program);
        command.args([flag, script, SECRET]).current_dir(root);
        let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program}: {told}");
        String::from_utf8(output.stdout)
            .expect("UTF-8")
            .trim_end()
            .to_owned()
    };
    let python = "import sys; sys.path.insert(0, 'examples'); from sign import link\n\
                  print(link('/files/a%20b.txt', '2026a', sys.argv[1], realm='files.example', name='é ~\\'.txt'))";
    let node = "const { link } = require('./examples/sign.js');\n\
                console.log(link('/files/a%20b.txt', '2026a', process.argv[1], { realm: 'files.example', name: \"é ~'.txt\" }));";
    for (program, script) in [("python3", python), ("node", node)] {
        let link = printed(program, script);
        let answer = stand.front.get(&link);
        assert_eq!(
            (answer.status, &*answer.text()),
            (200, "a b.txt"),
            "{program}: {}",
            answer.head()
        );
        let disposition = answer.header("Content-Disposition");
        assert!(disposition.contains("%C3%A9%20~%27.txt"), "{disposition}");
    }
}

/// The texts that Django signs: each with its key and its second.
const DJANGO: &str = "\
import json, sys
from unittest import mock
from django.conf import settings
settings.configure(SECRET_KEY='unused')
from django.core import signing
for path in json.load(sys.stdin):
    with mock.patch('time.time', return_value=1800000000):
        print(json.dumps(signing.TimestampSigner(key=sys.argv[1]).sign(path)))
";

/// Django itself and this library make the same of any text, and each takes what the other made.
#[test]
fn django_and_this_library_sign_alike() {
    let time = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let key = DjangoKey::new(SECRET);
    let paths: Vec<_> = NAMES
        .iter()
        .map(|(_, path)| format!("/media/{path}"))
        .collect();
    let quoted: Vec<_> = paths.iter().map(|path| format!("{path:?}")).collect();
    let python = installed("django/bin/python").expect("a target folder");
    let mut django = Command::new(python)
        .args(["-c", DJANGO, SECRET])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Django is installed by `cargo xtask test --only django`");
    let mut stdin = django.stdin.take().expect("piped");
    write!(stdin, "[{}]", quoted.join(",")).expect("written");
    drop(stdin);
    let output = django.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let signed: Vec<_> = text.lines().map(|line| line.trim_matches('"')).collect();
    let expected: Vec<_> = paths.iter().map(|path| key.sign(path, time)).collect();
    assert_eq!(signed, expected);
    for (path, signed) in paths.iter().zip(signed) {
        let query = format!("X-Signature={signed}");
        assert_eq!(key.verify(path, &query, time), Ok(()), "{path}");
    }
}

macro_rules! through {
    ($($proxy:ident: $module:ident),*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn links_of_all_names_are_good_and_the_application_reads_nothing() {
                links_are_good_through(Proxy::$proxy);
            }

            #[test]
            fn a_link_that_is_respelled_is_refused_or_the_same_file() {
                respelled_links_through(Proxy::$proxy);
            }

            #[test]
            fn a_bad_link_is_refused_before_any_hand_off() {
                bad_links_through(Proxy::$proxy);
            }

            #[test]
            fn the_links_of_the_examples_are_good() {
                links_of_examples_through(Proxy::$proxy);
            }
        }
    )*};
}

through!(Nginx: nginx, Apache: apache, Lighttpd: lighttpd, Caddy: caddy);
