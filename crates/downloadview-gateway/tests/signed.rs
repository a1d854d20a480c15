//! Views that ask for signed links: the order of what is checked, and links that somebody tampered with.

use std::time::{Duration, SystemTime};

use clap::Parser as _;
use downloadview::DownloadBody;
use downloadview::error::{Denial, SignatureFault};
use downloadview::optimize::Outcome;
use downloadview::signature::{Audience, Key, Keys, Link, Signer};
use downloadview_gateway::app::{self, App, Peer};
use downloadview_gateway::cli::{Cli, Command, SignArgs};
use downloadview_gateway::config::Config;
use downloadview_gateway::{explain, sign};
use http::{Request, Response};
use proptest::prelude::*;
use tower_service::Service as _;

const SECRET: &str = "a-secret-of-the-tests-0123456789abcdef";
const HOUR: Duration = Duration::from_secs(3600);

const TABLES: &str = r#"
[signing]
realm = "files.example"
max_lifetime = "1d"
user_cookie = "sid"

[[signing.keys]]
id = "2026a"
secret = "a-secret-of-the-tests-0123456789abcdef"

[storages.media]
kind = "local"
root = "media"
base_url = "/media/"

[optimize]
backend = "nginx"

[[optimize.rules]]
storage = "media"
destination_url = "/_internal/media/"

[[views]]
route = "/files/{*path}"
kind = "storage"
storage = "media"
cache_control = "public, max-age=999999"
signature = "required"

[[views]]
route = "/both/{*path}"
kind = "storage"
storage = "media"
signature = "optional"

[[views]]
route = "/open/{*path}"
kind = "storage"
storage = "media"
"#;

struct Site {
    folder: tempfile::TempDir,
    config: Config,
    app: App,
}

impl Site {
    async fn new(tables: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let media = folder.path().join("media");
        std::fs::create_dir(&media).expect("made");
        for name in ["a b.txt", "b.txt", "a%20b.txt", "a+b.txt"] {
            std::fs::write(media.join(name), name).expect("written");
        }
        let config = Config::parse(tables, &folder.path().join("downloadview.toml"))
            .unwrap_or_else(|error| panic!("{error}"));
        let app = app::build(&config).await.expect("a service");
        Self {
            folder,
            config,
            app,
        }
    }

    async fn send(&self, request: Request<()>) -> Response<DownloadBody> {
        match self.app.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    async fn get(&self, target: &str) -> Response<DownloadBody> {
        let request = Request::get(target).body(()).expect("a request");
        self.send(request).await
    }

    /// Refused before anything was looked at or handed over.
    async fn assert_refused(&self, what: &str, request: Request<()>) {
        let response = self.send(request).await;
        let headers = response.headers();
        assert_eq!(response.status(), 403, "{what}");
        assert_eq!(headers["cache-control"], "no-store", "{what}");
        assert!(!headers.contains_key("x-accel-redirect"), "{what}");
        let outcome = response.extensions().get::<Outcome>().expect("an outcome");
        assert!(
            matches!(outcome.denial(), Some(Denial::Signature(_))),
            "{what}: {outcome:?}"
        );
    }
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

fn get(target: &str) -> Request<()> {
    Request::get(target).body(()).expect("a request")
}

#[tokio::test]
async fn a_good_link_is_delegated_and_states_what_it_grants() {
    let site = Site::new(TABLES).await;
    let link = link("/files/a%20b.txt")
        .name("Bericht für Ärzte.txt")
        .sign()
        .unwrap();
    let response = site.get(&link).await;
    let headers = response.headers();
    assert_eq!(response.status(), 200);
    assert_eq!(headers["x-accel-redirect"], "/_internal/media/a%20b.txt");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["x-robots-tag"], "noindex");
    let disposition = headers["content-disposition"].to_str().unwrap();
    assert!(
        disposition.contains("Bericht%20f%C3%BCr%20%C3%84rzte.txt"),
        "{disposition}"
    );
    let stated = headers["cache-control"].to_str().unwrap();
    let age = stated.strip_prefix("private, max-age=").expect(stated);
    assert!(
        (1..=3600).contains(&age.parse::<u64>().unwrap()),
        "{stated}"
    );
    assert_eq!(site.get("/open/b.txt").await.status(), 200);
}

#[tokio::test]
async fn method_and_path_come_before_the_signature_and_the_file_after_it() {
    let site = Site::new(TABLES).await;
    let of = |method: &str, target: &str| {
        Request::builder()
            .method(method)
            .uri(target)
            .body(())
            .expect("a request")
    };
    let missing = signed("/files/none.txt");
    let missing_unsigned = "/files/none.txt".to_owned();
    for (method, target, status) in [
        ("OPTIONS", "/files/b.txt".to_owned(), 405),
        ("POST", signed("/files/b.txt"), 405),
        ("GET", "/files/a//b".to_owned(), 404),
        ("GET", "/files/../b".to_owned(), 400),
        ("GET", "/files/a%2Fb".to_owned(), 400),
        ("GET", missing_unsigned, 403),
        ("GET", missing, 404),
        ("HEAD", signed("/files/b.txt"), 200),
    ] {
        let response = site.send(of(method, &target)).await;
        assert_eq!(response.status(), status, "{method} {target}");
        assert_eq!(
            response.headers().contains_key("x-accel-redirect"),
            status == 200
        );
    }
}

#[tokio::test]
async fn optional_is_for_requests_without_a_link_and_not_for_bad_links() {
    let site = Site::new(TABLES).await;
    assert_eq!(site.get("/both/b.txt").await.status(), 200);
    assert_eq!(site.get(&signed("/both/b.txt")).await.status(), 200);
    let bad = signed("/both/b.txt").replace("/b.txt", "/a%20b.txt");
    site.assert_refused("a link of another file", get(&bad))
        .await;
}

/// What went wrong elsewhere, by the number of the case.
#[tokio::test]
async fn the_twenty_cases_that_broke_others_are_refused() {
    let site = Site::new(TABLES).await;
    let good = signed("/files/b.txt");
    let own = signed("/files/b.txt?v=1");
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        get(&good.replacen(from, to, 1))
    };
    let refused = async |what: &str, request| site.assert_refused(what, request).await;
    let twice = format!("{good}&X-Download-Key=2026a");
    refused("1: a parameter twice", get(&twice)).await;
    refused("1: another in front", with("?", "?X-Download-Key=2026a&")).await;
    refused("2: empty parameters added", with("?", "?&&")).await;
    refused("2: an empty parameter at the end", get(&format!("{good}&"))).await;
    refused(
        "3: the caller's own expiry",
        with("?", "?expires=9999999999&"),
    )
    .await;
    refused(
        "3: the same, signed as its own",
        get(&own.replace("v=1", "expires=9999999999")),
    )
    .await;
    let expires = good
        .split("Expires=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    refused("4: an expiry of 0", with(expires, "0")).await;
    refused("5: a list", with("Signature=", "Signature[]=")).await;
    refused("6: an expiry that is not a date", with(expires, "tomorrow")).await;
    let month = Duration::from_secs(30 * 86_400);
    let long = signer().without_max_lifetime();
    let long = long.link("/files/b.txt").expires_in(month).sign().unwrap();
    refused("7: a life over the longest", get(&long)).await;
    // 8, timing: the comparison is that of `subtle`; here each first byte is refused alike.
    let signature = good.rsplit('=').next().unwrap();
    refused(
        "8: all but the first byte",
        with(signature, &format!("~{}", &signature[1..])),
    )
    .await;
    let post = Request::post(&good).body(()).unwrap();
    assert_eq!(
        site.send(post).await.status(),
        405,
        "9: a link of GET as another method"
    );
    refused(
        "10: the expiry in the path",
        with("/files/b.txt", &format!("/files/{expires}/b.txt")),
    )
    .await;
    refused("11: a path without `?`", get(&good.replacen('?', "&", 1))).await;
    let spaced = signed("/files/a%20b.txt");
    refused(
        "12: an escape escaped",
        get(&spaced.replace("%20", "%2520")),
    )
    .await;
    refused("13: a fragment", get(&good.replacen("b.txt", "b.txt#", 1))).await;
    for (case, name) in [
        ("14", "x-forwarded-uri"),
        ("14", "x-original-url"),
        ("15", "x_forwarded_uri"),
        ("16", "x-forwarded-prefix"),
    ] {
        let mut request = get("/files/b.txt");
        request.headers_mut().insert(name, good.parse().unwrap());
        refused(&format!("{case}: the link in {name}"), request).await;
    }
    for path in ["/files/./b.txt", "/files/%62.txt", "/./files/b.txt"] {
        let target = good.replacen("/files/b.txt", path, 1);
        let status = site.get(&target).await.status();
        assert!(matches!(status.as_u16(), 403 | 404), "17: {path}: {status}");
    }
    let alice = link("/files/b.txt").audience(Audience::user("alice").unwrap());
    let alice = alice.sign().unwrap();
    let by = |cookie: &[u8]| {
        let mut request = get(&alice);
        let value = http::HeaderValue::from_bytes(cookie).unwrap();
        request.headers_mut().append("cookie", value);
        request
    };
    assert_eq!(site.send(by(b"a=1; sid=alice")).await.status(), 200);
    refused("18: a broken cookie", by(b"sid=alice; x=\xff")).await;
    refused("18: no cookie", get(&alice)).await;
    refused("19: another's link", by(b"sid=bob")).await;
    refused("20: the cookie twice", by(b"sid=alice; sid=bob")).await;
    let mut lines = by(b"sid=alice");
    lines
        .headers_mut()
        .append("cookie", "sid=alice".parse().unwrap());
    refused("20: the header twice", lines).await;
}

#[tokio::test]
async fn realm_key_and_network_are_bound() {
    let site = Site::new(TABLES).await;
    let refused = async |what: &str, target: &str| site.assert_refused(what, get(target)).await;
    let other = |keys: Key, realm: &str| {
        let signer = Signer::new(Keys::new(keys)).realm(realm).unwrap();
        signer.link("/files/b.txt").expires_in(HOUR).sign().unwrap()
    };
    refused(
        "another realm",
        &other(Key::new("2026a", SECRET).unwrap(), "x"),
    )
    .await;
    refused("no realm", &other(Key::new("2026a", SECRET).unwrap(), "")).await;
    refused(
        "another id",
        &other(Key::new("2026b", SECRET).unwrap(), "files.example"),
    )
    .await;
    refused(
        "another secret",
        &other(Key::new("2026a", [b'x'; 32]).unwrap(), "files.example"),
    )
    .await;
    let office = link("/files/b.txt").audience(Audience::of_client([192, 0, 2, 1].into()));
    let office = office.sign().unwrap();
    refused("nobody knows where from", &office).await;
    let from = |address: [u8; 4]| {
        let mut app = site.app.clone().of_peer(Peer::Address(address.into()));
        let request = get(&office);
        async move {
            match app.call(request).await {
                Ok(response) => response.status().as_u16(),
                Err(never) => match never {},
            }
        }
    };
    assert_eq!(from([192, 0, 2, 99]).await, 200);
    assert_eq!(from([192, 0, 3, 1]).await, 403);
    let mut spoofed = get(&office);
    spoofed
        .headers_mut()
        .insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
    site.assert_refused("a spoofed address", spoofed).await;
}

#[tokio::test]
async fn the_reason_is_told_to_the_operator_and_expiry_alone_to_the_client() {
    use http_body_util::BodyExt as _;
    let site = Site::new(TABLES).await;
    let before = SystemTime::now() - 2 * HOUR;
    let old = link("/files/b.txt").dated(before).sign().unwrap();
    let response = site.get(&old).await;
    let outcome = response.extensions().get::<Outcome>().unwrap();
    assert_eq!(
        outcome.denial(),
        Some(&Denial::Signature(SignatureFault::Expired))
    );
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "this link has expired\n");
    let uri = old.parse().unwrap();
    let text = explain::explain(&site.config, &uri, None).await.unwrap();
    assert!(text.contains("signature required"), "{text}");
    assert!(text.contains("signature: it has expired"), "{text}");
    let signature = old.rsplit('=').next().unwrap();
    assert!(!text.contains(signature), "{text}");
    let good = signed("/files/b.txt").parse().unwrap();
    let text = explain::explain(&site.config, &good, None).await.unwrap();
    assert!(text.contains("permit    signature: may pass"), "{text}");
    assert!(site.folder.path().exists());
}

fn arguments(line: &[&str]) -> SignArgs {
    let line = ["downloadview", "sign"].iter().chain(line);
    match Cli::parse_from(line).command {
        Command::Sign(args) => args,
        other => panic!("{other:?}"),
    }
}

/// What `--explain` says of a link; and whether it is good, which is the exit code.
#[track_caller]
fn said(site: &Site, link: &str, asker: Option<&Audience>, is_good: bool) -> String {
    let explained = sign::explain(&site.config, link, asker).expect("there are keys");
    assert_eq!(explained.is_good, is_good, "{}", explained.text);
    explained.text
}

#[tokio::test]
async fn a_link_that_would_be_good_for_too_long_is_refused_by_the_name_of_the_setting() {
    let site = Site::new(&TABLES.replace("max_lifetime = \"1d\"\n", "")).await;
    for life in ["30d", "never"] {
        let line = ["/files/b.txt", "--expires", life];
        let error = sign::link(&site.config, &arguments(&line)).expect_err("too long");
        let told = "no link is good for longer than max_lifetime of [signing], which is 7 d";
        assert!(error.to_string().contains(told), "{error}");
        let help = "max_lifetime = \"off\" allows any time, and never";
        assert!(error.to_string().contains(help), "{error}");
    }
    let off = TABLES.replace("max_lifetime = \"1d\"", "max_lifetime = \"off\"");
    let site = Site::new(&off).await;
    for life in ["30d", "never"] {
        let line = ["/files/b.txt", "--expires", life];
        let link = sign::link(&site.config, &arguments(&line)).expect("a link");
        let told = said(&site, link.trim_end(), None, true);
        assert!(told.starts_with("good"), "{told}");
    }
}

#[tokio::test]
async fn whoever_makes_a_link_for_a_network_is_told_where_nobody_behind_a_proxy_could_use_it() {
    let line = ["/files/b.txt", "--expires", "1h", "--client", "192.0.2.7"];
    let warned = |site: &Site, line: &[&str]| sign::warning(&site.config, &arguments(line));
    let site = Site::new(TABLES).await;
    let warning = warned(&site, &line).expect("a warning");
    assert!(warning.contains("add trusted_proxies"), "{warning}");
    assert_eq!(warned(&site, &line[..3]), None);
    let trusting = format!("trusted_proxies = [\"127.0.0.1\"]\n{TABLES}");
    assert_eq!(warned(&Site::new(&trusting).await, &line), None);
}

/// Nobody would be let in by it, and nobody would be told.
#[tokio::test]
async fn a_link_for_somebody_whom_the_gateway_could_not_know_is_not_made() {
    let line = ["/files/b.txt", "--expires", "1h", "--audience", "alice"];
    let site = Site::new(&TABLES.replace("user_cookie = \"sid\"\n", "")).await;
    let error = sign::link(&site.config, &arguments(&line)).expect_err("no cookie");
    let help = "add user_cookie = \"sessionid\" to [signing]";
    assert!(error.to_string().contains(help), "{error}");
    let site = Site::new(TABLES).await;
    assert!(sign::link(&site.config, &arguments(&line)).is_ok());

    let line = ["/files/b.txt", "--expires", "1h", "--client", "192.0.2.7"];
    let socket = format!("listen = \"unix:/run/downloadview.sock\"\n{TABLES}");
    let site = Site::new(&socket).await;
    let error = sign::link(&site.config, &arguments(&line)).expect_err("no address");
    let help = "add trusted_proxies = [\"unix\"]";
    assert!(error.to_string().contains(help), "{error}");
    for fine in [
        TABLES.to_owned(),
        format!("trusted_proxies = [\"unix\"]\n{socket}"),
    ] {
        let site = Site::new(&fine).await;
        assert!(
            sign::link(&site.config, &arguments(&line)).is_ok(),
            "{fine}"
        );
    }
}

#[tokio::test]
async fn the_exit_code_says_whether_a_link_is_good() {
    let site = Site::new(TABLES).await;
    let file = site.folder.path().join("downloadview.toml");
    std::fs::write(&file, TABLES).expect("written");
    let good = signed("/files/b.txt");
    let open = signed("/open/b.txt");
    let bad = good.replace("b.txt", "c.txt");
    for (link, code) in [(&good, 0), (&bad, 1), (&open, 1)] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_downloadview"));
        let command = command
            .args(["sign", "--explain", link, "--config"])
            .arg(&file);
        let output = command.output().expect("started");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{link}: {text}");
    }
}

#[test]
fn the_help_says_what_a_link_needs() {
    use clap::CommandFactory as _;

    let mut command = Cli::command();
    let sign = command.find_subcommand_mut("sign").expect("it is there");
    let help = sign.render_help().to_string();
    assert!(help.contains("PATH --expires TIME"), "{help}");
    assert!(help.contains("required with PATH"), "{help}");
}

#[tokio::test]
async fn what_sign_prints_the_gateway_takes_and_explains() {
    let site = Site::new(TABLES).await;
    let line = [
        "/files/a%20b.txt",
        "--expires",
        "10m",
        "--name",
        "x.txt",
        "--inline",
    ];
    let printed = sign::link(&site.config, &arguments(&line)).unwrap();
    let response = site.get(printed.trim_end()).await;
    assert_eq!(response.status(), 200);
    let disposition = &response.headers()["content-disposition"];
    assert_eq!(disposition, "inline; filename=\"x.txt\"");
    let url = format!("https://files.example{}", printed.trim_end());
    let told = said(&site, &url, None, true);
    assert!(told.starts_with("good      by key 2026a\n"), "{told}");
    assert!(told.contains("says      X-Download-Name=x.txt\n"), "{told}");
    assert!(told.contains("route     /files/{*path}\n"), "{told}");
    let date = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(name));
        let (date, far) = line.expect("told").trim().rsplit_once(", ").expect("two");
        httpdate::parse_http_date(date).expect("a date");
        far.to_owned()
    };
    let since = date("since ");
    assert!(since == "now" || since.ends_with(" s ago"), "{told}");
    assert!(date("expires ").starts_with("in "), "{told}");
    let told = said(&site, &url.replace("x.txt", "y.txt"), None, false);
    assert!(
        told.starts_with("refused   the signature does not fit this path, these parameters, this audience or this key\n"),
        "{told}"
    );
    let told = said(&site, "/open/b.txt", None, false);
    assert!(
        told.starts_with("refused   the link is not signed\n"),
        "{told}"
    );
    assert!(told.contains("does not look at signatures"), "{told}");
    for line in [
        &["/open/b.txt", "--expires", "1h"][..],
        &["/nowhere", "--expires", "1h"],
        &["/files/%61", "--expires", "1h"],
        &["/files/b.txt", "--expires", "2d"],
        &["/files/b.txt", "--expires", "never"],
        &["/files/b.txt", "--expires", "1h", "--type", "html"],
        &["/files/b.txt", "--expires", "1h", "--name", ""],
    ] {
        assert!(
            sign::link(&site.config, &arguments(line)).is_err(),
            "{line:?}"
        );
    }
    let user = ["/files/b.txt", "--expires", "1h", "--audience", "alice"];
    let printed = sign::link(&site.config, &arguments(&user)).unwrap();
    let alice = Audience::user("alice").unwrap();
    let told = said(&site, printed.trim_end(), Some(&alice), true);
    assert!(told.starts_with("good"), "{told}");
    let told = said(&site, printed.trim_end(), None, false);
    assert!(
        told.starts_with("refused   it is bound to an audience"),
        "{told}"
    );
    let help = "give --audience USER (or --client IP)\n";
    assert!(told.contains(help), "{told}");
    for wrong in [
        &["/files/b.txt"][..],
        &[],
        &["--new-key", "--explain", "/a"],
        &["/a", "--expires", "soon"],
    ] {
        let line = ["downloadview", "sign"].iter().chain(wrong);
        assert!(Cli::try_parse_from(line).is_err(), "{wrong:?}");
    }
    assert_eq!(sign::new_key().unwrap().trim_end().len(), 43);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Any byte of a target or its signature, as a server would take it.
    #[test]
    fn any_single_byte_that_changes_is_refused_by_the_gateway(seed in 0_usize..4096, byte in 0x21_u8..0x7f) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("valid");
        let good = signed("/files/a%20b.txt");
        // Around the seed, so that each run covers the whole link.
        let site = runtime.block_on(Site::new(TABLES));
        for at in 0..good.len() {
            let byte = 0x21 + (byte - 0x21 + u8::try_from((at + seed) % 94).expect("valid")) % 94;
            let mut bytes = good.clone().into_bytes();
            if bytes[at] == byte {
                continue;
            }
            bytes[at] = byte;
            let changed = String::from_utf8(bytes).expect("valid");
            // What is no target at all, no server takes.
            let Ok(request) = Request::get(&*changed).body(()) else { continue };
            let response = runtime.block_on(site.send(request));
            let status = response.status().as_u16();
            prop_assert!(matches!(status, 400 | 403 | 404), "{}: {}", status, changed);
            prop_assert!(!response.headers().contains_key("x-accel-redirect"));
        }
    }
}
