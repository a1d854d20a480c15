//! Every mistake that a configuration file can hold, with the place and how to fix it that are shown for it.

use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use downloadview_gateway::config::{Config, ConfigError, DatabaseKind, ViewKind};

/// Relative paths of the tests start in a folder that does not exist.
const FILE: &str = "/nowhere/downloadview.toml";

const EVERY_KEY: &str = include_str!("every_key.toml");

/// A view that makes a text of other tables complete.
const VIEW: &str =
    "[[views]]\nroute = \"/hello\"\nkind = \"virtual\"\ntext = \"hi\"\nbasename = \"a.txt\"\n";

fn refusal(text: &str) -> ConfigError {
    match Config::parse(text, Path::new(FILE)) {
        Err(error) => error,
        Ok(_) => panic!("accepted:\n{text}"),
    }
}

/// One line for each problem: place, message, help.
fn table(text: &str) -> String {
    let mut table = String::new();
    for problem in refusal(text).problems() {
        let place = format!("{}:{}", problem.line(), problem.column());
        let _ = writeln!(table, "{place} {}", problem.message());
        if let Some(help) = problem.help() {
            let _ = writeln!(table, "    -> {help}");
        }
    }
    table
}

fn tables<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(table).collect()
}

/// The file of the other tests, with one line in place of the one that starts with `key` after `after`.
fn with(after: &str, key: &str, line: &str) -> String {
    let start = EVERY_KEY.find(after).expect("a line of the file");
    let start = start
        + EVERY_KEY[start..]
            .find(&format!("\n{key} = "))
            .expect("a line of the file")
        + 1;
    let end = start + EVERY_KEY[start..].find('\n').expect("a line of the file");
    format!("{}{line}{}", &EVERY_KEY[..start], &EVERY_KEY[end..])
}

/// A storage of these keys, and what is wrong with it.
fn storage(keys: &str) -> String {
    table(&format!("[storages.it]\n{keys}\n{VIEW}"))
}

#[test]
fn keys_of_a_bucket_come_in_pairs() {
    let s3 = |keys: &str| {
        storage(&format!(
            "kind = \"s3\"\nbucket = \"archive\"\nregion = \"us-east-1\"\n{keys}"
        ))
    };
    let report = [
        s3("access_key_id = \"AKIA\""),
        s3("secret_access_key = \"hunter2\""),
        s3("session_token = \"hunter2\""),
        s3(
            "access_key_id = \"AKIA\"\nsecret_access_key = \"hunter2\"\nsecret_access_key_env = \"PATH\"",
        ),
        s3("anonymous = true\naccess_key_id = \"AKIA\"\nsecret_access_key = \"hunter2\""),
        s3("acess_key_id = \"AKIA\"\nsecret_acces_key = \"hunter2\""),
        s3("base_url = \"/archive/\""),
        storage("kind = \"s3\"\nbucket = \"archive\"\nanonymous = true"),
    ];
    insta::assert_snapshot!(report.concat(), @r#"
    1:1 missing key `secret_access_key` in [storages.it]
        -> add it: secret_access_key = "…", or secret_access_key_env = "ARCHIVE_SECRET"
    1:1 missing key `access_key_id` in [storages.it]
        -> add it: access_key_id = "AKIA…"
    1:1 this bucket has a session token, and no key that it belongs to
        -> add `access_key_id` and `secret_access_key_env`
    1:1 this bucket has both `secret_access_key` and `secret_access_key_env`
        -> keep one of the two
    1:1 this bucket has keys, and is `anonymous`
        -> take one of the two out
    5:1 unknown key `acess_key_id` in [storages.it]
        -> did you mean `access_key_id`?
    6:1 unknown key `secret_acces_key` in [storages.it]
        -> did you mean `secret_access_key`?
    5:1 unknown key `base_url` in [storages.it]
        -> [storages.it] knows `kind`, `bucket`, `endpoint`, `region`, `virtual_hosted`, `anonymous`, `access_key_id`, `secret_access_key`, `secret_access_key_env`, `session_token`, `session_token_env`, `allow_http`, `prefix`, `link_lifetime`, `allow_private`, `redirects`, `concurrency`, `forbidden`, `connect_timeout`, `first_byte_timeout`, `idle_timeout` and `max_size`
    1:1 nothing says which region of Amazon's the bucket is in
        -> add region = "eu-central-1" or set AWS_REGION; or add the `endpoint` of another store
    "#);
}

#[test]
fn rules_for_files_of_other_servers_say_who_can_fetch_them() {
    const STORAGES: &str = "[storages.archive]\nkind = \"s3\"\nbucket = \"archive\"\nregion = \"us-east-1\"\nanonymous = true\n\
        [storages.mirror]\nkind = \"http\"\nurl = \"https://origin.example/files/\"\nheaders = { X-Key = \"hunter2\" }\n\
        [storages.media]\nkind = \"local\"\nroot = \"/\"\n";
    let rule = |backend: &str, keys: &str| {
        let optimize = format!("[optimize]\nbackend = \"{backend}\"\n[[optimize.rules]]\n{keys}\n");
        table(&format!("{STORAGES}{optimize}{VIEW}"))
    };
    let archive =
        |backend: &str, keys: &str| rule(backend, &format!("storage = \"archive\"\n{keys}"));
    let report = [
        archive("apache", "destination_dir = \"/srv\""),
        archive("lighttpd", "destination_url = \"/_internal/\""),
        archive("nginx", "destination_dir = \"/srv\""),
        archive(
            "nginx",
            "destination_url = \"/_internal/\"\nredirect = true",
        ),
        archive("nginx", "redirect = false"),
        archive(
            "none",
            "redirect = true\nlimit_rate = \"1MiB\"\ncharset = \"utf-8\"\nbackend = \"nginx\"",
        ),
        rule("nginx", "storage = \"media\"\nredirect = true"),
        rule("nginx", "storage = \"mirror\"\nredirect = true"),
        rule(
            "nginx",
            "source_url = \"https://origin.example/\"\ndestination_url = \"/_internal/\"",
        ),
        rule(
            "nginx",
            "source_url = \"https://me:hunter2@origin.example/\"\nredirect = true",
        ),
    ];
    insta::assert_snapshot!(report.concat(), @r#"
    16:11 apache cannot fetch files of other servers
        -> write redirect = true in place of the destination: clients fetch them themselves; or take the rule out: the gateway streams them
    16:11 lighttpd cannot fetch files of other servers
        -> write redirect = true in place of the destination: clients fetch them themselves; or take the rule out: the gateway streams them
    17:19 these files are on another server, below no folder
        -> write destination_url = "/_internal/..." in place of `destination_dir`, or redirect = true
    15:1 more than one key of this rule says where the proxy finds them: `destination_url` and `redirect`
        -> write exactly one of `destination_url`, `destination_dir` and `redirect = true`
    15:1 no key of this rule says where the proxy finds them
        -> write exactly one of `destination_url`, `destination_dir` and `redirect = true`
    18:14 `limit_rate`: the client fetches the file itself, no proxy is told anything
        -> take it out
    19:11 `charset`: the client fetches the file itself, no proxy is told anything
        -> take it out
    20:11 `backend`: clients are redirected without a proxy's help
        -> take it out
    17:12 clients can be sent to another server, and these files are on this machine
        -> write `destination_url` (nginx, Caddy) or `destination_dir` (Apache, lighttpd) in place of `redirect`
    16:11 headers go along with each request to this server, and nobody but the gateway has them
        -> take the rule out: the gateway streams these files
    16:14 headers go along with each request to this server, and nobody but the gateway has them
        -> take the rule out: the gateway streams these files
    16:14 `source_url`: the URL holds a user or a password
        -> take it out; a header may go along with each request: Authorization
    "#);
    for (backend, keys) in [
        ("none", "redirect = true"),
        ("apache", "redirect = true"),
        ("nginx", "destination_url = \"/_internal/\""),
    ] {
        let text = format!(
            "{STORAGES}[optimize]\nbackend = \"{backend}\"\n[[optimize.rules]]\nstorage = \"archive\"\n{keys}\n{VIEW}"
        );
        let config =
            Config::parse(&text, Path::new(FILE)).unwrap_or_else(|error| panic!("{error}"));
        let origin = config.optimize.rules[0].remote().expect("it is one");
        assert_eq!(origin.to_string(), "https://s3.us-east-1.amazonaws.com");
    }
}

/// [`with`] for several lines of one table, each in a file of its own.
fn each_with(after: &str, lines: &[&str]) -> String {
    let key = |line: &str| {
        line.split(" = ")
            .next()
            .expect("a line of the file")
            .to_owned()
    };
    let texts: Vec<_> = lines
        .iter()
        .map(|line| with(after, &key(line), line))
        .collect();
    tables(texts.iter().map(String::as_str))
}

#[test]
fn an_authorizer_that_cannot_be_asked_is_refused_with_what_to_write() {
    let views = [
        "authorize = \"http://127.0.0.1:9000/may\"",
        "[views.authorize]",
        "[views.authorize]\nurl = \"127.0.0.1:9000\"",
        "[views.authorize]\nurl = \"ftp://a/\"",
        "[views.authorize]\nurl = \"http://u:p@a/\"",
        "[views.authorize]\nurl = \"http://a/may#b\"",
        "[views.authorize]\nurl = \"http://a/m y\"",
        "[views.authorize]\nurl = \"unix:\"",
        "[views.authorize]\nurl = \"http://a/\"\nhost = \"both\"\nlogin = \"login\"\ncache = \"1h\"\ntimeout = \"0s\"\n\
         concurrency = 0\nca_file = \"none.pem\"\nrequire_header = \"X User\"\nforward_header = []",
        "[views.authorize]\nurl = \"http://a/\"\nforward_headers = [\"Range\", \"X_User\", \"X-Forwarded-For\", \"Host\", \"Cookie\"]",
    ];
    let texts = views.map(|keys| format!("{VIEW}{keys}\n"));
    insta::assert_snapshot!(tables(texts.iter().map(String::as_str)), @r#"
    6:13 `authorize`: the URL stands in a table
        -> write [views.authorize] and url = "http://127.0.0.1:9000/may" below it
    6:1 missing key `url` in [views.authorize]
        -> add it: url = "http://127.0.0.1:9000/may"
    7:7 `url`: the URL names no server
        -> write "http://127.0.0.1:9000/may", "https://…" or "unix:/run/app.sock:/may"
    7:7 `url`: `ftp://` is not HTTP
        -> start with `/`, `http://` or `https://`
    7:7 `url`: the URL holds a user or a password
        -> take it out; a header may go along with each request: Authorization
    7:7 `url`: the URL holds a `#`, which no server is sent
        -> take it out
    7:7 `url`: what follows the server is not the path of a URL
        -> write "http://127.0.0.1:9000/may", "https://…" or "unix:/run/app.sock:/may"
    7:7 `url`: "" is not a path
        -> write a path: "/srv/media"
    8:8 `host`: `both` is not whose host is told
        -> use "own" or "client"
    9:9 `login`: "login" is not a place to log in
        -> write a path or a URL, with {uri} or {url} for the page: "/login?next={uri}"
    10:9 `cache`: whoever logs out would keep access for longer than 5 minutes
        -> write "5m" or less
    11:11 `timeout`: with no time at all nothing could ever succeed
        -> write at least "1ms"
    12:15 `concurrency`: 0 is not a number of requests at once
        -> write a number from 1 to 1048576
    13:11 `ca_file`: cannot read /nowhere/none.pem: No such file or directory (os error 2)
        -> name a file in PEM that the user who runs the gateway may read
    14:18 `require_header`: "X User" is not a header name
        -> use letters, digits and `-`: "X-Api-Key"
    15:1 unknown key `forward_header` in [views.authorize]
        -> did you mean `forward_headers`?
    8:20 `forward_headers`: Range cannot go along: it belongs to the connection, or to the file that is asked for
        -> take it out of the list
    8:29 `forward_headers`: X_User cannot go along: many programs take `_` for `-`, so it could be taken for another
        -> take it out of the list
    8:39 `forward_headers`: X-Forwarded-For cannot go along: it is ours to say
        -> take it out of the list
    8:58 `forward_headers`: Host cannot go along: it belongs to the connection, or to the file that is asked for
        -> take it out of the list
    "#);
}

#[test]
fn a_trusted_proxy_is_an_address_or_a_network() {
    let lists = [
        "\"127.0.0.1\"",
        "[\"localhost\", \"10.0.0.1/8\", \"::1/129\", 7, \"Unix\"]",
    ];
    let texts = lists.map(|list| format!("trusted_proxies = {list}\n{VIEW}"));
    insta::assert_snapshot!(tables(texts.iter().map(String::as_str)), @r#"
    1:19 `trusted_proxies`: expected a list, found a string
        -> give `trusted_proxies` a list
    1:20 `trusted_proxies`: `localhost` is neither an address nor a network
        -> write "127.0.0.1", "10.0.0.0/8", "fd00::/8" or "unix"
    1:33 `trusted_proxies`: `10.0.0.1/8` has bits beyond the first 8
        -> write the network's own address, or "10.0.0.1" for that one alone
    1:47 `trusted_proxies`: `::1/129` is neither an address nor a network
        -> write "127.0.0.1", "10.0.0.0/8", "fd00::/8" or "unix"
    1:58 `trusted_proxies`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    1:61 `trusted_proxies`: `Unix` is neither an address nor a network
        -> write "127.0.0.1", "10.0.0.0/8", "fd00::/8" or "unix"
    "#);
}

#[test]
fn keys_of_links_that_cannot_work_are_refused_without_showing_them() {
    let key = "[[signing.keys]]\nid = \"a\"\nsecret = \"hunter2hunter2hunter2hunter2hunter2\"\n";
    let texts = [
        format!("{VIEW}signature = \"required\"\n"),
        format!("{VIEW}signature = \"always\"\n[signing]\n{key}"),
        format!("{VIEW}[signing]\nrealm = \"a\\nb\"\nmax_lifetime = \"7\"\nlifetime = \"7d\"\n"),
        format!(
            "{VIEW}[signing]\nprefix = \"files/\"\nuser_cookie = \"a b\"\nignore_after = [\"*\", \"utm_*\"]\n{key}"
        ),
        format!("{VIEW}[signing]\nresume_grace = \"soon\"\n{key}{key}"),
        format!("{VIEW}[[signing.keys]]\nid = \"a b\"\nsecret = \"hunter2\"\n"),
        format!(
            "{VIEW}[[signing.keys]]\nid = \"a\"\nsecret = \"{}\"\n",
            "k".repeat(31)
        ),
        format!(
            "{VIEW}[[signing.keys]]\nid = \"a\"\nsecrets = \"hunter2\"\nvalid_from = \"yesterday\"\n"
        ),
        format!("{VIEW}[[signing.keys]]\nid = \"a\"\nsecret_env = \"DOWNLOADVIEW_TEST_UNSET\"\n"),
        format!(
            "{VIEW}[[signing.keys]]\nid = \"a\"\nsecret_file = \"/nowhere/a.key\"\nsecret_env = \"CARGO_PKG_VERSION\"\n"
        ),
    ];
    let told = tables(texts.iter().map(String::as_str));
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told, @r#"
    6:13 `signature`: the file has no keys, so every link would be refused
        -> add [signing] and [[signing.keys]] with id and secret_env
    6:13 `signature`: `always` does not say whether a link must be signed
        -> use "required" or "optional"
    6:1 [signing] has no key
        -> add [[signing.keys]] with id and secret_env; `downloadview sign --new-key` makes a secret
    7:9 `realm`: the realm holds a line break or another control character
        -> write the name of the site: "files.example"
    8:16 `max_lifetime`: `7` is not a duration
        -> write a whole number with its unit, ms, s, m, h or d: "60s"
    9:1 unknown key `lifetime` in [signing]
        -> did you mean `max_lifetime`?
    7:10 `prefix`: "files/" is not what a proxy takes off a path
        -> begin with a slash and end without one, percent-encoded: "/files"
    8:15 `user_cookie`: "a b" is not the name of a cookie
        -> write the name of the session's cookie: "sessionid"
    9:17 `ignore_after`: "*" is not the name of a parameter
        -> write "fbclid", or "utm_*" for all that begin so
    7:16 `resume_grace`: `soon` is not a duration
        -> write a whole number with its unit, ms, s, m, h or d: "60s"
    11:1 two keys have the id `a`
        -> give each key its own id
    7:6 `id`: "a b" is not the id of a key
        -> use 1 to 32 letters, digits, `-` and `_`: "2026b"
    8:10 `secret`: a secret of 7 bytes can be guessed
        -> write at least 32: downloadview sign --new-key
    8:10 `secret`: a secret of 31 bytes can be guessed
        -> write at least 32: downloadview sign --new-key
    6:1 a key has one of `secret`, `secret_env` and `secret_file`
        -> write secret_env = "LINK_KEY", the name of an environment variable
    8:1 unknown key `secrets` in [[signing.keys]]
        -> did you mean `secret`?
    9:14 `valid_from`: "yesterday" is not a day or a second of UTC
        -> write "2026-11-26" or "2026-11-26T08:00:00Z"
    8:14 `secret_env`: the environment variable `DOWNLOADVIEW_TEST_UNSET` is not set
        -> set it, to the same value wherever this file is used
    6:1 a key has one of `secret`, `secret_env` and `secret_file`
        -> write secret_env = "LINK_KEY", the name of an environment variable
    8:15 `secret_file`: cannot read /nowhere/a.key: No such file or directory (os error 2)
        -> let the user who runs the gateway read this file, and nobody else
    9:14 `secret_env`: in the environment variable `CARGO_PKG_VERSION`: a secret of 5 bytes can be guessed
        -> write at least 32: downloadview sign --new-key
    "#);
}

#[test]
fn takes_every_key() {
    let config = Config::parse(EVERY_KEY, Path::new(FILE)).unwrap();
    let mut lines = vec![format!("{:?}", config.listen)];
    lines.push(config.trusted_proxies.to_string());
    lines.extend(
        config
            .storages
            .values()
            .map(|storage| format!("{:?}", **storage)),
    );
    lines.extend(
        config
            .databases
            .iter()
            .map(|database| format!("{database:?}")),
    );
    lines.extend(config.rules().map(|rule| format!("{rule:?}")));
    lines.extend(config.optimize.front.announced().map(|(name, proxy)| {
        let (backend, secret) = (proxy.backend, &proxy.secret);
        format!(
            "{name}: {backend:?}, {secret:?} of {}",
            secret.expose().len()
        )
    }));
    lines.extend(config.views.iter().map(|view| {
        let mut view = view.clone();
        view.rules.clear();
        format!("{view:?}")
    }));
    lines.push(format!(
        "{:?} {:?}",
        config.optimize.unmatched, config.optimize.keep_headers
    ));
    lines.push(format!("{:?}", config.spool));
    lines.push(format!("{:?}", config.server));
    lines.push(format!("{:?}", config.log));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Tcp(127.0.0.1:8000)
    127.0.0.1, 10.0.0.0/8, fd00::/8, unix
    StorageConfig { name: "media", base_url: Some("/media/"), kind: Local(LocalStorageConfig { root: "/usr", symlinks: Within, unreadable: Forbidden }) }
    StorageConfig { name: "mirror", base_url: None, kind: Http(HttpConfig { url: RemoteUrl { origin: RemoteOrigin { scheme: Https, host: "origin.example", port: 443 }, path: "/files/" }, headers: [OriginHeader { name: "x-reader", value: Sensitive }, OriginHeader { name: "authorization", value: Sensitive }], allow_http: false, settings: OriginSettings { allow_private: false, connect_timeout: Some(1s), first_byte_timeout: Some(2s), idle_timeout: Some(3s), redirects: 2, concurrency: Some(64), max_size: Some(1073741824), forbidden: Forbidden } }) }
    StorageConfig { name: "notes", base_url: Some("/notes/"), kind: Memory { files: {"a.txt": "text", "sub/b.txt": "more text"} } }
    StorageConfig { name: "public", base_url: None, kind: S3(S3Config { bucket: "public", endpoint: None, region: "us-west-2", virtual_hosted: false, credentials: Anonymous, settings: BucketSettings { allow_http: false, prefix: "", link_lifetime: 60s, origin: OriginSettings { allow_private: false, connect_timeout: None, first_byte_timeout: None, idle_timeout: None, redirects: 0, concurrency: None, max_size: None, forbidden: NotFound } } }) }
    StorageConfig { name: "vault", base_url: None, kind: S3(S3Config { bucket: "vault", endpoint: Some(RemoteOrigin { scheme: Http, host: "127.0.0.1", port: 9000 }), region: "eu-central-1", virtual_hosted: false, credentials: Keys { id: Secret(..), secret: Secret(..), session_token: Some(Secret(..)) }, settings: BucketSettings { allow_http: true, prefix: "media/2026", link_lifetime: 90s, origin: OriginSettings { allow_private: true, connect_timeout: None, first_byte_timeout: None, idle_timeout: None, redirects: 0, concurrency: None, max_size: None, forbidden: NotFound } } }) }
    ("main", DatabaseConfig { url: DatabaseUrl(postgres://db.example:5433/app), max_connections: 4, connect_timeout: 1s, query_timeout: 2.5s, span: 1123..1183, line: 51 })
    ("other", DatabaseConfig { url: DatabaseUrl(mysql://db.example/app), max_connections: 10, connect_timeout: 3s, query_timeout: 5s, span: 1277..1303, line: 57 })
    RuleConfig { source: Storage { name: "media", root: "/usr" }, destination: Dir("/srv/media"), backend: Some(Apache), stat: true, limit_rate: None, escaping: Some(Percent), nginx: NginxRule { buffering: None, expires: None, charset: None }, line: 102 }
    RuleConfig { source: Url("/media/"), destination: Url("/_internal/media/"), backend: Some(Nginx), stat: true, limit_rate: Some(BytesPerSecond(1048576)), escaping: None, nginx: NginxRule { buffering: Some(true), expires: Some(3600s), charset: Some(Charset("utf-8")) }, line: 65 }
    RuleConfig { source: Dir("/nowhere/seen/by/the/proxy/only"), destination: Dir("/srv/dir"), backend: Some(Lighttpd), stat: false, limit_rate: Some(Unlimited), escaping: None, nginx: NginxRule { buffering: None, expires: None, charset: None }, line: 74 }
    RuleConfig { source: Remote { url: RemoteUrl { origin: RemoteOrigin { scheme: Http, host: "127.0.0.1", port: 9000 }, path: "/vault/media/2026/" }, storage: Some("vault") }, destination: Url("/_internal/vault/"), backend: Some(Nginx), stat: true, limit_rate: None, escaping: None, nginx: NginxRule { buffering: None, expires: None, charset: None }, line: 81 }
    RuleConfig { source: Remote { url: RemoteUrl { origin: RemoteOrigin { scheme: Https, host: "cdn.example", port: 443 }, path: "/" }, storage: None }, destination: Redirect, backend: None, stat: true, limit_rate: None, escaping: None, nginx: NginxRule { buffering: None, expires: None, charset: None }, line: 86 }
    RuleConfig { source: Spool("/tmp"), destination: Dir("/mnt/spool"), backend: Some(Apache), stat: true, limit_rate: None, escaping: Some(Percent), nginx: NginxRule { buffering: None, expires: None, charset: None }, line: 214 }
    RuleConfig { source: Spool("/tmp"), destination: Dir("/mnt/spool"), backend: Some(Lighttpd), stat: true, limit_rate: None, escaping: None, nginx: NginxRule { buffering: None, expires: None, charset: None }, line: 214 }
    RuleConfig { source: Spool("/tmp"), destination: Url("/_internal/spool/"), backend: Some(Nginx), stat: true, limit_rate: None, escaping: None, nginx: NginxRule { buffering: None, expires: None, charset: None }, line: 214 }
    RuleConfig { source: Storage { name: "media", root: "/usr" }, destination: Url("/_internal/view/"), backend: Some(Nginx), stat: true, limit_rate: None, escaping: None, nginx: NginxRule { buffering: None, expires: None, charset: None }, line: 118 }
    front: Nginx, Secret(..) of 16
    light: Lighttpd, Secret(..) of 44
    side: Apache, Secret(..) of 16
    ViewConfig { route: Route { pattern: "/files/{*path}", parameters: ["path"] }, kind: Storage { storage: "media", name: Parameter("path") }, disposition: Inline, basename: Some("report.pdf"), content_type: Some("application/pdf"), content_encoding: Some("gzip"), cache_control: Some("private, max-age=60"), headers: [], optimize: true, spool: None, prepare: false, delete_after_send: false, rules: [], signature: None, authorize: None, line: 107 }
    ViewConfig { route: Route { pattern: "/always", parameters: [] }, kind: Storage { storage: "notes", name: Fixed("a.txt") }, disposition: Attachment, basename: None, content_type: None, content_encoding: None, cache_control: None, headers: [], optimize: true, spool: None, prepare: false, delete_after_send: false, rules: [], signature: None, authorize: None, line: 123 }
    ViewConfig { route: Route { pattern: "/one", parameters: [] }, kind: PathFile { path: "/nowhere/one.pdf" }, disposition: Attachment, basename: None, content_type: None, content_encoding: None, cache_control: None, headers: [], optimize: true, spool: None, prepare: false, delete_after_send: false, rules: [], signature: None, authorize: None, line: 129 }
    ViewConfig { route: Route { pattern: "/many/{name}", parameters: ["name"] }, kind: PathRoot { root: "/usr", parameter: "name" }, disposition: Attachment, basename: None, content_type: None, content_encoding: None, cache_control: None, headers: [], optimize: true, spool: None, prepare: false, delete_after_send: false, rules: [], signature: None, authorize: None, line: 134 }
    ViewConfig { route: Route { pattern: "/documents/{slug}", parameters: ["slug"] }, kind: Object(ObjectConfig { database: "main", table: TableName { schema: Some("library"), name: "document", span: 2795..2813 }, lookup: Identifier { name: "slug", span: 2823..2829 }, storage: "media", file: Identifier { name: "file", span: 2861..2867 }, basename: Some(Identifier { name: "title", span: 2885..2892 }), content_type: Some(Identifier { name: "media_type", span: 2914..2926 }), content_encoding: Some(Identifier { name: "coding", span: 2952..2960 }), size: Some(Identifier { name: "bytes", span: 2974..2981 }), modified: Some(Identifier { name: "changed", span: 2999..3008 }), etag: Some(Identifier { name: "checksum", span: 3022..3032 }) }), disposition: Attachment, basename: None, content_type: None, content_encoding: None, cache_control: None, headers: [], optimize: true, spool: None, prepare: false, delete_after_send: false, rules: [], signature: None, authorize: None, line: 139 }
    ViewConfig { route: Route { pattern: "/records/{*key}", parameters: ["key"] }, kind: Object(ObjectConfig { database: "other", table: TableName { schema: None, name: "record", span: 3113..3121 }, lookup: Identifier { name: "key", span: 3131..3136 }, storage: "notes", file: Identifier { name: "key", span: 3168..3173 }, basename: None, content_type: None, content_encoding: None, size: None, modified: None, etag: None }), disposition: Attachment, basename: None, content_type: None, content_encoding: None, cache_control: None, headers: [], optimize: true, spool: None, prepare: false, delete_after_send: false, rules: [], signature: None, authorize: None, line: 154 }
    ViewConfig { route: Route { pattern: "/hello", parameters: [] }, kind: Virtual { text: "Hello, world!" }, disposition: Attachment, basename: Some("hello.txt"), content_type: None, content_encoding: None, cache_control: None, headers: [], optimize: true, spool: None, prepare: false, delete_after_send: false, rules: [], signature: None, authorize: None, line: 163 }
    ViewConfig { route: Route { pattern: "/remote/{tenant}/{*rest}", parameters: ["tenant", "rest"] }, kind: Http(HttpViewConfig { url: UrlTemplate { origin: RemoteOrigin { scheme: Https, host: "cdn.example", port: 443 }, path: [Text("/of/"), Parameter("tenant"), Text("/"), Parameter("rest")], query: Some(Secret(..)) }, headers: [OriginHeader { name: "x-reader", value: Sensitive }], allow_http: false, settings: OriginSettings { allow_private: false, connect_timeout: None, first_byte_timeout: None, idle_timeout: Some(3s), redirects: 0, concurrency: None, max_size: None, forbidden: NotFound } }), disposition: Attachment, basename: None, content_type: None, content_encoding: None, cache_control: None, headers: [], optimize: false, spool: None, prepare: false, delete_after_send: false, rules: [], signature: None, authorize: Some(AuthorizeConfig { url: AuthorizerUrl(http://127.0.0.1:9000/may?…), forward_headers: Some(["cookie", "x-api-key"]), host: Client, login: Some("/login?next={uri}"), require_header: Some("x-user"), connect_timeout: Some(500ms), timeout: Some(2s), concurrency: Some(64), cache: Some(10s), ca_file: None }), line: 185 }
    ViewConfig { route: Route { pattern: "/copied", parameters: [] }, kind: Virtual { text: "Hello, spool!" }, disposition: Attachment, basename: Some("hello.txt"), content_type: None, content_encoding: None, cache_control: None, headers: [], optimize: true, spool: Some(Always), prepare: true, delete_after_send: true, rules: [], signature: None, authorize: None, line: 205 }
    ViewConfig { route: Route { pattern: "/signed", parameters: [] }, kind: Virtual { text: "Hello!" }, disposition: Attachment, basename: Some("hello.txt"), content_type: None, content_encoding: None, cache_control: None, headers: [], optimize: true, spool: None, prepare: false, delete_after_send: false, rules: [], signature: Some(Optional), authorize: None, line: 242 }
    Refuse ["X-Robots-Tag"]
    Some(SpoolConfig { dir: "/tmp", max_bytes: Some(21474836480), max_file_bytes: Some(2147483648), min_free_bytes: Some(0), max_files: Some(1000), max_age: Some(300s), stale_if_error: Some(3600s), lease: Some(120s), fill: While, max_idle_fill: Some(10s), sync: false, destination_url: "/_internal/spool/", destination_dir: Some("/mnt/spool"), line: 214 })
    ServerSettings { max_connections: 100, shutdown_timeout: 0ns, header_timeout: 500ms, idle_timeout: 120s, write_timeout: None, download_timeout: Some(86400s), write_buffer: 8192, notsent_lowat: None, sendfile: false, threads: 1 }
    LogSettings { format: Json, level: "warn,downloadview=debug" }
    "#);
}

#[test]
fn suggests_the_key_for_one_typo_in_each() {
    let mut report = String::new();
    for (index, line) in EVERY_KEY.lines().enumerate() {
        let Some((key, value)) = line.split_once(" = ") else {
            continue;
        };
        let typo = format!("{}x{}", &key[..1], &key[1..]);
        let mut lines: Vec<_> = EVERY_KEY.lines().map(str::to_owned).collect();
        lines[index] = format!("{typo} = {value}");
        let error = refusal(&lines.join("\n"));
        let problem = error
            .problems()
            .iter()
            .find(|problem| {
                problem.line() == index + 1 && problem.message().starts_with("unknown key")
            })
            .unwrap_or_else(|| panic!("{typo} is not reported:\n{error}"));
        assert_eq!(
            problem.help(),
            Some(format!("did you mean `{key}`?").as_str())
        );
        let _ = writeln!(
            report,
            "{}:{} {}",
            problem.line(),
            problem.column(),
            problem.message()
        );
    }
    insta::assert_snapshot!(report, @r#"
    2:1 unknown key `lxisten` in the file
    3:1 unknown key `txrusted_proxies` in the file
    6:1 unknown key `kxind` in [storages.media]
    7:1 unknown key `rxoot` in [storages.media]
    8:1 unknown key `bxase_url` in [storages.media]
    9:1 unknown key `sxymlinks` in [storages.media]
    10:1 unknown key `uxnreadable` in [storages.media]
    13:1 unknown key `kxind` in [storages.notes]
    14:1 unknown key `bxase_url` in [storages.notes]
    15:1 unknown key `fxiles` in [storages.notes]
    18:1 unknown key `kxind` in [storages.mirror]
    19:1 unknown key `uxrl` in [storages.mirror]
    20:1 unknown key `axllow_private` in [storages.mirror]
    21:1 unknown key `hxeaders` in [storages.mirror]
    22:1 unknown key `hxeaders_env` in [storages.mirror]
    23:1 unknown key `cxonnect_timeout` in [storages.mirror]
    24:1 unknown key `fxirst_byte_timeout` in [storages.mirror]
    25:1 unknown key `ixdle_timeout` in [storages.mirror]
    26:1 unknown key `rxedirects` in [storages.mirror]
    27:1 unknown key `cxoncurrency` in [storages.mirror]
    28:1 unknown key `mxax_size` in [storages.mirror]
    29:1 unknown key `fxorbidden` in [storages.mirror]
    32:1 unknown key `kxind` in [storages.vault]
    33:1 unknown key `bxucket` in [storages.vault]
    34:1 unknown key `exndpoint` in [storages.vault]
    35:1 unknown key `rxegion` in [storages.vault]
    36:1 unknown key `vxirtual_hosted` in [storages.vault]
    37:1 unknown key `axccess_key_id` in [storages.vault]
    38:1 unknown key `sxecret_access_key` in [storages.vault]
    39:1 unknown key `sxession_token_env` in [storages.vault]
    40:1 unknown key `axllow_http` in [storages.vault]
    41:1 unknown key `axllow_private` in [storages.vault]
    42:1 unknown key `pxrefix` in [storages.vault]
    43:1 unknown key `lxink_lifetime` in [storages.vault]
    46:1 unknown key `kxind` in [storages.public]
    47:1 unknown key `bxucket` in [storages.public]
    48:1 unknown key `rxegion` in [storages.public]
    49:1 unknown key `axnonymous` in [storages.public]
    52:1 unknown key `uxrl` in [databases.main]
    53:1 unknown key `mxax_connections` in [databases.main]
    54:1 unknown key `cxonnect_timeout` in [databases.main]
    55:1 unknown key `qxuery_timeout` in [databases.main]
    58:1 unknown key `uxrl` in [databases.other]
    61:1 unknown key `bxackend` in [optimize]
    62:1 unknown key `uxnmatched` in [optimize]
    63:1 unknown key `kxeep_headers` in [optimize]
    66:1 unknown key `sxource_url` in [[optimize.rules]]
    67:1 unknown key `dxestination_url` in [[optimize.rules]]
    68:1 unknown key `bxackend` in [[optimize.rules]]
    69:1 unknown key `lximit_rate` in [[optimize.rules]]
    70:1 unknown key `bxuffering` in [[optimize.rules]]
    71:1 unknown key `exxpires` in [[optimize.rules]]
    72:1 unknown key `cxharset` in [[optimize.rules]]
    75:1 unknown key `sxource_dir` in [[optimize.rules]]
    76:1 unknown key `dxestination_dir` in [[optimize.rules]]
    77:1 unknown key `bxackend` in [[optimize.rules]]
    78:1 unknown key `lximit_rate` in [[optimize.rules]]
    79:1 unknown key `sxtat` in [[optimize.rules]]
    82:1 unknown key `sxtorage` in [[optimize.rules]]
    83:1 unknown key `dxestination_url` in [[optimize.rules]]
    84:1 unknown key `bxackend` in [[optimize.rules]]
    87:1 unknown key `sxource_url` in [[optimize.rules]]
    88:1 unknown key `rxedirect` in [[optimize.rules]]
    91:1 unknown key `bxackend` in [optimize.proxies.front]
    92:1 unknown key `sxecret` in [optimize.proxies.front]
    95:1 unknown key `bxackend` in [optimize.proxies.light]
    96:1 unknown key `sxecret_env` in [optimize.proxies.light]
    99:1 unknown key `bxackend` in [optimize.proxies.side]
    100:1 unknown key `sxecret` in [optimize.proxies.side]
    103:1 unknown key `sxtorage` in [[optimize.proxies.side.rules]]
    104:1 unknown key `dxestination_dir` in [[optimize.proxies.side.rules]]
    105:1 unknown key `exscaping` in [[optimize.proxies.side.rules]]
    108:1 unknown key `rxoute` in [[views]]
    109:1 unknown key `kxind` in [[views]]
    110:1 unknown key `sxtorage` in [[views]]
    111:1 unknown key `dxisposition` in [[views]]
    112:1 unknown key `bxasename` in [[views]]
    113:1 unknown key `cxontent_type` in [[views]]
    114:1 unknown key `cxontent_encoding` in [[views]]
    115:1 unknown key `cxache_control` in [[views]]
    116:1 unknown key `oxptimize` in [[views]]
    119:1 unknown key `sxtorage` in [[views.rules]]
    120:1 unknown key `dxestination_url` in [[views.rules]]
    121:1 unknown key `bxackend` in [[views.rules]]
    124:1 unknown key `rxoute` in [[views]]
    125:1 unknown key `kxind` in [[views]]
    126:1 unknown key `sxtorage` in [[views]]
    127:1 unknown key `nxame` in [[views]]
    130:1 unknown key `rxoute` in [[views]]
    131:1 unknown key `kxind` in [[views]]
    132:1 unknown key `pxath` in [[views]]
    135:1 unknown key `rxoute` in [[views]]
    136:1 unknown key `kxind` in [[views]]
    137:1 unknown key `rxoot` in [[views]]
    140:1 unknown key `rxoute` in [[views]]
    141:1 unknown key `kxind` in [[views]]
    142:1 unknown key `dxatabase` in [[views]]
    143:1 unknown key `txable` in [[views]]
    144:1 unknown key `lxookup` in [[views]]
    145:1 unknown key `sxtorage` in [[views]]
    146:1 unknown key `fxile_field` in [[views]]
    147:1 unknown key `bxasename_field` in [[views]]
    148:1 unknown key `cxontent_type_field` in [[views]]
    149:1 unknown key `cxontent_encoding_field` in [[views]]
    150:1 unknown key `sxize_field` in [[views]]
    151:1 unknown key `mxodified_field` in [[views]]
    152:1 unknown key `extag_field` in [[views]]
    155:1 unknown key `rxoute` in [[views]]
    156:1 unknown key `kxind` in [[views]]
    157:1 unknown key `dxatabase` in [[views]]
    158:1 unknown key `txable` in [[views]]
    159:1 unknown key `lxookup` in [[views]]
    160:1 unknown key `sxtorage` in [[views]]
    161:1 unknown key `fxile_field` in [[views]]
    164:1 unknown key `rxoute` in [[views]]
    165:1 unknown key `kxind` in [[views]]
    166:1 unknown key `txext` in [[views]]
    167:1 unknown key `bxasename` in [[views]]
    170:1 unknown key `mxax_connections` in [server]
    171:1 unknown key `sxhutdown_timeout` in [server]
    172:1 unknown key `hxeader_timeout` in [server]
    173:1 unknown key `ixdle_timeout` in [server]
    174:1 unknown key `wxrite_timeout` in [server]
    175:1 unknown key `dxownload_timeout` in [server]
    176:1 unknown key `wxrite_buffer` in [server]
    177:1 unknown key `nxotsent_lowat` in [server]
    178:1 unknown key `sxendfile` in [server]
    179:1 unknown key `txhreads` in [server]
    182:1 unknown key `fxormat` in [log]
    183:1 unknown key `lxevel` in [log]
    186:1 unknown key `rxoute` in [[views]]
    187:1 unknown key `kxind` in [[views]]
    188:1 unknown key `uxrl` in [[views]]
    189:1 unknown key `rxequest_headers_env` in [[views]]
    190:1 unknown key `axllow_http` in [[views]]
    191:1 unknown key `ixdle_timeout` in [[views]]
    192:1 unknown key `oxptimize` in [[views]]
    195:1 unknown key `uxrl` in [views.authorize]
    196:1 unknown key `fxorward_headers` in [views.authorize]
    197:1 unknown key `hxost` in [views.authorize]
    198:1 unknown key `lxogin` in [views.authorize]
    199:1 unknown key `rxequire_header` in [views.authorize]
    200:1 unknown key `cxonnect_timeout` in [views.authorize]
    201:1 unknown key `tximeout` in [views.authorize]
    202:1 unknown key `cxoncurrency` in [views.authorize]
    203:1 unknown key `cxache` in [views.authorize]
    206:1 unknown key `rxoute` in [[views]]
    207:1 unknown key `kxind` in [[views]]
    208:1 unknown key `txext` in [[views]]
    209:1 unknown key `bxasename` in [[views]]
    210:1 unknown key `sxpool` in [[views]]
    211:1 unknown key `pxrepare` in [[views]]
    212:1 unknown key `dxelete_after_send` in [[views]]
    215:1 unknown key `dxir` in [spool]
    216:1 unknown key `mxax_bytes` in [spool]
    217:1 unknown key `mxax_file_bytes` in [spool]
    218:1 unknown key `mxin_free_bytes` in [spool]
    219:1 unknown key `mxax_files` in [spool]
    220:1 unknown key `mxax_age` in [spool]
    221:1 unknown key `sxtale_if_error` in [spool]
    222:1 unknown key `lxease` in [spool]
    223:1 unknown key `fxill` in [spool]
    224:1 unknown key `mxax_idle_fill` in [spool]
    225:1 unknown key `sxync` in [spool]
    226:1 unknown key `dxestination_url` in [spool]
    227:1 unknown key `dxestination_dir` in [spool]
    230:1 unknown key `rxealm` in [signing]
    231:1 unknown key `mxax_lifetime` in [signing]
    232:1 unknown key `rxesume_grace` in [signing]
    233:1 unknown key `ixgnore_after` in [signing]
    234:1 unknown key `pxrefix` in [signing]
    235:1 unknown key `uxser_cookie` in [signing]
    238:1 unknown key `ixd` in [[signing.keys]]
    239:1 unknown key `sxecret` in [[signing.keys]]
    240:1 unknown key `vxalid_from` in [[signing.keys]]
    243:1 unknown key `rxoute` in [[views]]
    244:1 unknown key `kxind` in [[views]]
    245:1 unknown key `txext` in [[views]]
    246:1 unknown key `bxasename` in [[views]]
    247:1 unknown key `sxignature` in [[views]]
    "#);
}

#[test]
fn headers_do_not_go_through_the_web_in_the_clear() {
    let view = |keys: &str| {
        table(&format!(
            "[[views]]\nroute = \"/{{path}}\"\nkind = \"http\"\nrequest_headers = {{ Authorization = \"hunter2\" }}\n{keys}"
        ))
    };
    let storage = |keys: &str| {
        storage(&format!(
            "kind = \"http\"\nheaders_env = {{ Authorization = \"CARGO_PKG_VERSION\" }}\n{keys}"
        ))
    };
    let report = [
        storage("url = \"http://origin.example/files/\""),
        storage("url = \"http://origin.example/files/\"\nallow_http = false"),
        storage("url = \"http://origin.example/files/\"\nallow_private = true"),
        storage("url = \"http://8.8.8.8/files/\"\nallow_http = \"true\""),
        view("url = \"http://origin.example/{path}\""),
    ];
    insta::assert_snapshot!(report.concat(), @r#"
    4:7 headers go along with each request in the clear: who listens on the way can use them too
        -> write "https://…", or allow_http = true beside it
    4:7 headers go along with each request in the clear: who listens on the way can use them too
        -> write "https://…", or allow_http = true beside it
    4:7 headers go along with each request in the clear: who listens on the way can use them too
        -> write "https://…", or allow_http = true beside it
    5:14 `allow_http`: expected true or false, found a string
        -> write it without the quotes: true
    5:7 headers go along with each request in the clear: who listens on the way can use them too
        -> write "https://…", or allow_http = true beside it
    "#);
    for taken in [
        "url = \"https://origin.example/files/\"",
        "url = \"http://origin.example/files/\"\nallow_http = true",
        "url = \"http://127.0.0.1:9000/files/\"\nallow_private = true",
    ] {
        let headers = "headers = { Authorization = \"hunter2\" }";
        let text = format!("[storages.it]\nkind = \"http\"\n{headers}\n{taken}\n{VIEW}");
        assert!(Config::parse(&text, Path::new(FILE)).is_ok(), "{taken}");
    }
    let without_headers =
        format!("[storages.it]\nkind = \"http\"\nurl = \"http://origin.example/\"\n{VIEW}");
    assert!(Config::parse(&without_headers, Path::new(FILE)).is_ok());
}

#[test]
fn a_mistake_has_one_report_that_says_what_to_write() {
    let http = |keys: &str| {
        storage(&format!(
            "kind = \"http\"\nurl = \"https://origin.example/\"\n{keys}"
        ))
    };
    let s3 = |endpoint: &str| {
        storage(&format!(
            "kind = \"s3\"\nbucket = \"archive\"\nanonymous = true\nendpoint = \"{endpoint}\""
        ))
    };
    let rule = |backend: &str, keys: &str| {
        let optimize = format!(
            "[optimize]\nbackend = \"{backend}\"\n[[optimize.rules]]\nsource_url = \"https://origin.example/\"\n{keys}\n"
        );
        let front = match backend {
            "announced" => {
                "[optimize.proxies.front]\nbackend = \"nginx\"\nsecret = \"0123456789abcdef\"\n"
            }
            _ => "",
        };
        table(&format!("{optimize}{front}{VIEW}"))
    };
    let report = [
        s3("minio.example:9000"),
        s3("minio.example"),
        s3("me:hunter2@minio.example"),
        s3("minio.example/?sig=hunter2"),
        s3("/minio"),
        http("forbidden = \"404\""),
        http("forbidden = \"no\""),
        http("allow_private = \"true\""),
        http("redirects = true"),
        rule("nginx", "redirect = \"yes\""),
        rule("announced", "redirect = \"yes\""),
        rule("nginx", "redirect = \"true\""),
        rule("nginx", "redirect = false"),
    ];
    insta::assert_snapshot!(report.concat(), @r#"
    5:12 `endpoint`: `minio.example:9000` does not begin with a scheme
        -> write "https://minio.example:9000", or "http://minio.example:9000"
    5:12 `endpoint`: `minio.example` does not begin with a scheme
        -> write "https://minio.example", or "http://minio.example"
    5:12 `endpoint`: it names no server
        -> write "https://origin.example/"
    5:12 `endpoint`: it names no server
        -> write "https://origin.example/"
    5:12 `endpoint`: it names no server
        -> write "https://origin.example/"
    4:13 `forbidden`: expected an integer, found a string
        -> write it without the quotes: 404
    4:13 `forbidden`: expected an integer, found a string
        -> give `forbidden` an integer
    4:17 `allow_private`: expected true or false, found a string
        -> write it without the quotes: true
    4:13 `redirects`: this is how many redirects of that server are followed, not whether
        -> write a number from 0 to 5; a rule with redirect = true sends clients there
    5:12 `redirect`: expected true or false, found a string
        -> give `redirect` true or false
    5:12 `redirect`: expected true or false, found a string
        -> give `redirect` true or false
    5:12 `redirect`: expected true or false, found a string
        -> write it without the quotes: true
    3:1 no key of this rule says where the proxy finds them
        -> write exactly one of `destination_url`, `destination_dir` and `redirect = true`
    "#);
}

#[test]
fn reports_wrong_types() {
    let text = "\
listen = 8000
storages = []
optimize = \"nginx\"
views = [1, { route = 2, kind = true }]
[server]
max_connections = \"many\"
threads = 1.5
write_buffer = []
[log]
format = 1979-05-27
";
    insta::assert_snapshot!(table(text), @r#"
    1:10 `listen`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    2:12 `storages`: expected a table, found a list
        -> give `storages` a table
    3:12 `optimize`: expected a table, found a string
        -> give `optimize` a table
    4:10 `views`: expected a table, found an integer
        -> give `views` a table
    4:23 `route`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    4:33 `kind`: expected a string, found true or false
        -> give `kind` a string
    6:19 `max_connections`: expected an integer, found a string
        -> give `max_connections` an integer
    7:11 `threads`: expected an integer, found a number with a fraction
        -> give `threads` an integer
    8:16 `write_buffer`: expected a number or a string, found a list
        -> give `write_buffer` a number or a string
    10:10 `format`: expected a string, found a date
        -> give `format` a string
    "#);
}

#[test]
fn reports_single_values() {
    let mut report = each_with("# Every", &["listen = \"localhost\"", "listen = \"unix:\""]);
    report += &each_with(
        "[storages.media]",
        &[
            "kind = \"lokal\"",
            "root = \"missing\"",
            "root = \"/dev/null\"",
            "root = \"\"",
            "base_url = \"media/\"",
            "base_url = \"/media\"",
            "base_url = \"/a/../b/\"",
            "base_url = \"/a/%2e%2e/b/\"",
            "base_url = \"/a/%2Fb/\"",
            "base_url = \"/a//b/\"",
            "base_url = \"/a?b/\"",
            "base_url = \"/a#b/\"",
            "base_url = \"/a b/\"",
            "base_url = \"/a\\u0001b/\"",
            "base_url = \"https://cdn.example/media/\"",
            "symlinks = \"follow\"",
            "unreadable = 500",
        ],
    );
    report += &each_with(
        "[storages.notes]",
        &["files = { \"../a.txt\" = \"text\", \"b.txt\" = 1 }"],
    );
    report += &each_with(
        "[optimize]",
        &[
            "backend = \"ngnix\"",
            "backend = \"apache\"",
            "unmatched = \"ignore\"",
            "keep_headers = [\"X Robots\", \"Content-Type\", \"etag\", \"X-Accel-Redirect\", 1]",
        ],
    );
    report += &each_with(
        "[[optimize.rules]]",
        &[
            "source_url = \"ftp://host/\"",
            "source_url = \"https://\"",
            "source_url = \"https://host\"",
            "source_url = \"https://host/a\"",
            "destination_url = \"/_internal\"",
            "destination_url = \"/\"",
            "destination_url = \"/_internal/m%C3%A9dia/\"",
            "backend = \"none\"",
            "backend = \"announced\"",
            "backend = \"caddy\"",
            "limit_rate = \"1MB\"",
            "limit_rate = -1",
            "limit_rate = \"99999999999GiB\"",
            "expires = \"1 hour\"",
            "expires = 3600",
            "charset = \"\"",
        ],
    );
    report += &each_with(
        "[[optimize.rules]]\nsource_dir",
        &["destination_dir = \"/\""],
    );
    report += &each_with(
        "[optimize.proxies.front]",
        &[
            "backend = \"none\"",
            "backend = \"announced\"",
            "secret = \"0123456789abcde\"",
            "secret = \"0123456789 abcdef\"",
            "secret = 123456789",
        ],
    );
    report += &each_with(
        "[optimize.proxies.light]",
        &[
            "secret_env = \"DOWNLOADVIEW_TEST_UNSET\"",
            "secret_env = \"CARGO_PKG_VERSION\"",
            "secret_env = \"CARGO_PKG_DESCRIPTION\"",
        ],
    );
    report += &each_with("[[optimize.proxies.side.rules]]", &["escaping = \"loose\""]);
    report += &each_with(
        "[[views]]",
        &[
            "storage = \"meida\"",
            "disposition = \"attachement\"",
            "basename = \"../report.pdf\"",
            "content_type = \"pdf\"",
            "content_type = \"text/plain; a=\\u0007\"",
            "content_encoding = \"gzip, br\"",
            "cache_control = \"private\\r\\nX-Evil: 1\"",
        ],
    );
    report += &each_with(
        "route = \"/always\"",
        &["storage = \"archive\"", "name = \"/a.txt\""],
    );
    report += &each_with("route = \"/one\"", &["path = \"/\""]);
    report += &each_with(
        "[databases.main]",
        &[
            "max_connections = 0",
            "max_connections = -1",
            "max_connections = \"many\"",
            "connect_timeout = \"0s\"",
            "connect_timeout = 3",
            "query_timeout = \"0ms\"",
            "query_timeout = \"off\"",
        ],
    );
    report += &each_with(
        "[[views]]\nroute = \"/documents",
        &[
            "database = \"mian\"",
            "database = \"archive\"",
            "database = \"sqlite:///srv/app.db\"",
            "table = \"a.b.document\"",
            "table = \".document\"",
            "table = \"my\\\"table\"",
            "table = [\"document\"]",
            "lookup = \"sl'ug\"",
            "lookup = \"document.slug\"",
            "storage = \"archive\"",
            "file_field = \"\"",
            "file_field = 1",
            "basename_field = \"a`b\"",
            "content_type_field = \"a\\\\b\"",
            "size_field = \"a\\u0000b\"",
            &format!("etag_field = \"{}\"", "e".repeat(129)),
        ],
    );
    report += &each_with(
        "[server]",
        &[
            "max_connections = 0",
            "shutdown_timeout = \"30\"",
            "header_timeout = \"0s\"",
            "idle_timeout = \"off\"",
            "write_timeout = \"none\"",
            "download_timeout = \"0s\"",
            "write_buffer = 4096",
            "notsent_lowat = 0",
            "threads = 0",
        ],
    );
    report += &each_with(
        "[storages.mirror]",
        &[
            "url = \"origin.example/files/\"",
            "url = \"ftp://origin.example/files/\"",
            "url = \"https://me:hunter2@origin.example/\"",
            "url = \"https://origin.example/files\"",
            "url = \"https://origin.example/a/../b/\"",
            "url = \"https://origin.example/a/?b/\"",
            "url = \"http://0x7f.1/\"",
            "headers = { Host = \"hunter2\" }",
            "headers = { \"X Reader\" = \"hunter2\" }",
            "headers = { authorization = \"hunter2\" }",
            "headers = { X-Reader = \"hunter2\\n\" }",
            "headers = \"hunter2\"",
            "headers_env = { X-Other = \"DOWNLOADVIEW_TEST_UNSET\" }",
            "headers_env = { X-Other = \"CARGO_PKG_README\" }",
            "connect_timeout = \"0s\"",
            "first_byte_timeout = 15",
            "idle_timeout = \"off\"",
            "redirects = 6",
            "concurrency = 0",
            "max_size = \"1GB\"",
            "forbidden = 401",
        ],
    );
    report += &each_with(
        "[storages.vault]",
        &[
            "bucket = \"a b\"",
            "endpoint = \"http://127.0.0.1:9000/bucket\"",
            "endpoint = \"http://AKIA:hunter2@127.0.0.1\"",
            "region = \"\"",
            "access_key_id = \"\"",
            "secret_access_key = \"hunter 2\"",
            "secret_access_key = 2",
            "session_token_env = \"DOWNLOADVIEW_TEST_UNSET\"",
            "allow_http = false",
            "allow_private = false",
            "prefix = \"/media/\"",
            "link_lifetime = \"90500ms\"",
            "link_lifetime = \"8d\"",
        ],
    );
    report += &each_with(
        "route = \"/remote",
        &[
            "url = \"https://{tenant}.example/{rest}\"",
            "url = \"https://cdn.example\"",
            "url = \"https://cdn.example/{tenant}/{rest\"",
            "url = \"https://cdn.example/{tenant}/{path}\"",
            "url = \"https://cdn.example/{rest}\"",
            "url = \"https://cdn.example/{tenant}?path={rest}\"",
            "url = \"https://cdn.example/{tenant}/{rest}#top\"",
            "url = \"https://cdn.example/{tenant}/../{rest}\"",
        ],
    );
    report += &each_with("[log]", &["format = \"text\"", "level = \"loud\""]);
    insta::assert_snapshot!(report, @r#"
    2:10 `listen`: `localhost` is not an address to listen on
        -> write an IP address and a port, "127.0.0.1:8000", or "unix:/run/downloadview.sock"
    2:10 `listen`: "" is not a path
        -> write a path: "/srv/media"
    6:8 `kind`: unknown value `lokal`
        -> did you mean "local"?
    7:8 `root`: there is no folder /nowhere/missing
        -> create it (mkdir -p /nowhere/missing) or correct the path
    7:8 `root`: /dev/null is not a folder
        -> name the folder that holds the files
    7:8 `root`: "" is not a path
        -> write a path: "/srv/media"
    8:12 `base_url`: `media/` does not start with `/`
        -> write "/media/"
    8:12 `base_url`: `/media` does not end on a segment boundary
        -> write "/media/", so that no neighbour with a longer name is meant
    8:12 `base_url`: `/a/../b/` holds the segment `..`
        -> write it without `.`, `..`, empty segments, encoded slashes and control bytes
    8:12 `base_url`: `/a/%2e%2e/b/` holds the segment `%2e%2e`
        -> write it without `.`, `..`, empty segments, encoded slashes and control bytes
    8:12 `base_url`: `/a/%2Fb/` holds the segment `%2Fb`
        -> write it without `.`, `..`, empty segments, encoded slashes and control bytes
    8:12 `base_url`: `/a//b/` holds the segment ``
        -> write it without `.`, `..`, empty segments, encoded slashes and control bytes
    8:12 `base_url`: `/a?b/` holds `?`, which ends the path of a URL
        -> write only the path, and `%3F` or `%23` for the character itself
    8:12 `base_url`: `/a#b/` holds `#`, which ends the path of a URL
        -> write only the path, and `%3F` or `%23` for the character itself
    8:12 `base_url`: "/a b/" holds a character that no URL holds bare
        -> percent-encode it: `%20` for a space
    8:12 `base_url`: "/a\u{1}b/" holds a character that no URL holds bare
        -> percent-encode it: `%20` for a space
    8:12 `base_url`: `https://cdn.example/media/` names a server
        -> write only the path, from the slash after the host on
    9:12 `symlinks`: unknown value `follow`
        -> use `refuse` or `within`
    10:14 `unreadable`: 500 is not an answer to an unreadable file
        -> use 404, as if it did not exist, or 403
    15:24 `../a.txt`: "../a.txt" is not a name in a storage
        -> write it relative to the storage, without `..` and empty segments: "reports/may.pdf"
    15:42 `b.txt`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    1:1 [spool] keeps copies for a proxy, and there is none in front
        -> name it in [optimize]: backend = "nginx"; or take [spool] out
    61:11 `backend`: unknown value `ngnix`
        -> did you mean "nginx"?
    90:11 `proxies`: announced proxies need `backend = "announced"` in [optimize]
        -> write that, or take these tables out
    62:13 `unmatched`: unknown value `ignore`
        -> use `stream`, `warn` or `refuse`
    63:17 `keep_headers`: "X Robots" is not a header name that a proxy can carry over
        -> use letters, digits, `-` and `_`: "X-Robots-Tag"
    63:29 `keep_headers`: the proxy keeps Content-Type by itself
        -> take it out of the list
    63:45 `keep_headers`: the proxy says etag itself, of the file it sends
        -> take it out of the list
    63:53 `keep_headers`: X-Accel-Redirect is between the gateway and the proxy, no client may see it
        -> take it out of the list
    63:73 `keep_headers`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    66:14 `source_url`: `ftp://` is not HTTP
        -> start with `/`, `http://` or `https://`
    66:14 `source_url`: `https://` names no host
        -> write "https://origin.example/"
    66:14 `source_url`: `https://host` does not end on a segment boundary
        -> write "https://host/"
    66:14 `source_url`: `/a` does not end on a segment boundary
        -> write "https://host/a/", so that no neighbour with a longer name is meant
    67:19 `destination_url`: `/_internal` does not end on a segment boundary
        -> write "/_internal/", so that no neighbour with a longer name is meant
    67:19 `destination_url`: `/` would hide the whole site from clients
        -> name a folder of URLs that nothing else uses: "/_internal/"
    67:19 `destination_url`: `/_internal/m%C3%A9dia/` holds a character that proxies spell in several ways
        -> use letters, digits, `-`, `.`, `_` and `~`: no client ever sees this path
    68:11 `backend`: without a proxy there is nothing to hand off
        -> name the proxy: "nginx", "apache", "lighttpd" or "caddy"
    68:11 `backend`: `announced` stands for several proxies
        -> name one of them: "nginx", "apache", "lighttpd" or "caddy"
    68:11 `backend`: no announced proxy is caddy, so nothing would use this rule
        -> add a table [optimize.proxies.NAME] with backend = "caddy"
    69:14 `limit_rate`: `1MB` is not a size
        -> write a number of bytes, or a whole number of KiB, MiB or GiB: "64KiB"
    69:14 `limit_rate`: `-1` is negative
        -> write a number from 0 upwards
    69:14 `limit_rate`: `99999999999GiB` is not a size
        -> write a number of bytes, or a whole number of KiB, MiB or GiB: "64KiB"
    71:11 `expires`: `1 hour` is not a duration
        -> write a whole number with its unit, ms, s, m, h or d: "60s"
    71:11 `expires`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    72:11 `charset`: "" is not a charset
        -> write its name: "utf-8"
    76:19 `destination_dir`: the proxy may send every file below this folder, and this is every file
        -> name the folder that holds the files: "/srv/media"
    91:11 `backend`: without a proxy there is nothing to hand off
        -> name the proxy: "nginx", "apache", "lighttpd" or "caddy"
    91:11 `backend`: `announced` stands for several proxies
        -> name one of them: "nginx", "apache", "lighttpd" or "caddy"
    92:10 `secret`: a secret of 15 bytes can be guessed
        -> write at least 16: openssl rand -hex 32
    92:10 `secret`: the secret holds something other than visible ASCII characters
        -> use letters and digits: openssl rand -hex 32
    92:10 `secret`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    96:14 `secret_env`: the environment variable `DOWNLOADVIEW_TEST_UNSET` is not set
        -> set it, to the same value wherever this file is used
    96:14 `secret_env`: in the environment variable `CARGO_PKG_VERSION`: a secret of 5 bytes can be guessed
        -> write at least 16: openssl rand -hex 32
    96:14 `secret_env`: in the environment variable `CARGO_PKG_DESCRIPTION`: the secret holds something other than visible ASCII characters
        -> use letters and digits: openssl rand -hex 32
    105:12 `escaping`: unknown value `loose`
        -> use `raw` or `strict`
    110:11 `storage`: there is no storage `meida`
        -> did you mean "media"?
    111:15 `disposition`: unknown value `attachement`
        -> did you mean "attachment"?
    112:12 `basename`: "../report.pdf" is not a file name
        -> write a name without slashes and control characters: "report.pdf"
    113:16 `content_type`: "pdf" is not a media type
        -> write type/subtype: "application/pdf", "text/plain; charset=utf-8"
    113:16 `content_type`: "text/plain; a=\u{7}" is not a media type
        -> write type/subtype: "application/pdf", "text/plain; charset=utf-8"
    114:20 `content_encoding`: "gzip, br" is not a content coding
        -> write one word: "gzip", "br", "zstd"
    115:17 `cache_control`: "private\r\nX-Evil: 1" is not a header value
        -> use one or more visible ASCII characters, without spaces at the ends
    126:11 `storage`: there is no storage `archive`
        -> add a table [storages.archive], or use `media`, `mirror`, `notes`, `public` or `vault`
    127:8 `name`: "/a.txt" is not a name in a storage
        -> write it relative to the storage, without `..` and empty segments: "reports/may.pdf"
    132:8 `path`: / is a folder
        -> name one file, or use `root` with a route parameter to serve a folder
    53:19 `max_connections`: 0 is not a number of connections
        -> write a number from 1 upwards: 10
    53:19 `max_connections`: -1 is not a number of connections
        -> write a number from 1 upwards: 10
    53:19 `max_connections`: expected an integer, found a string
        -> give `max_connections` an integer
    54:19 `connect_timeout`: with no time at all nothing could ever succeed
        -> write at least "1ms"
    54:19 `connect_timeout`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    55:17 `query_timeout`: with no time at all nothing could ever succeed
        -> write at least "1ms"
    55:17 `query_timeout`: `off` is not a duration
        -> write a whole number with its unit, ms, s, m, h or d: "60s"
    142:12 `database`: there is no database `mian`
        -> did you mean "main"?
    142:12 `database`: there is no database `archive`
        -> add a table [databases.archive], or use `main` or `other`
    142:12 `database`: a URL stands where the name of a database belongs
        -> write database = "main", and the URL into a table [databases.main]
    143:9 `table`: "a.b.document" holds more than one dot
        -> write "table" or "schema.table"; `url` names the database
    143:9 `table`: "" is not a name of a schema
        -> write the name as it is, without quotes, backslashes and control characters
    143:9 `table`: "my\"table" is not a name of a table
        -> write the name as it is, without quotes, backslashes and control characters
    143:9 `table`: expected a string, found a list
        -> give `table` a string
    144:10 `lookup`: "sl'ug" is not a name of a column
        -> write the name as it is, without quotes, backslashes and control characters
    144:10 `lookup`: "document.slug" holds a dot, which no column's name may
        -> write the column alone, without its table: "slug"
    145:11 `storage`: there is no storage `archive`
        -> add a table [storages.archive], or use `media`, `mirror`, `notes`, `public` or `vault`
    146:14 `file_field`: "" is not a name of a column
        -> write the name as it is, without quotes, backslashes and control characters
    146:14 `file_field`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    147:18 `basename_field`: "a`b" is not a name of a column
        -> write the name as it is, without quotes, backslashes and control characters
    148:22 `content_type_field`: "a\\b" is not a name of a column
        -> write the name as it is, without quotes, backslashes and control characters
    150:14 `size_field`: "a\0b" is not a name of a column
        -> write the name as it is, without quotes, backslashes and control characters
    152:14 `etag_field`: a name of 129 characters is longer than that of any column
        -> write at most 128 characters
    170:19 `max_connections`: 0 is too few
        -> write a number from 1 upwards
    171:20 `shutdown_timeout`: `30` is not a duration
        -> write a whole number with its unit, ms, s, m, h or d: "60s"
    172:18 `header_timeout`: with no time at all nothing could ever succeed
        -> write at least "1ms"
    173:16 `idle_timeout`: `off` is not a duration
        -> write a whole number with its unit, ms, s, m, h or d: "60s"
    174:17 `write_timeout`: `none` is not a duration
        -> write a whole number with its unit, ms, s, m, h or d: "60s"
    175:20 `download_timeout`: with no time at all nothing could ever succeed
        -> write at least "1ms"
    176:16 `write_buffer`: 4096 bytes are too few
        -> write "8KiB" or more
    177:17 `notsent_lowat`: a limit of unsent bytes lies between 1 byte and 4 GiB
        -> write "128KiB", or "off" for no limit
    179:11 `threads`: 0 is too few
        -> write a number from 1 upwards
    19:7 `url`: `origin.example/files/` does not begin with a scheme
        -> write "https://origin.example/files/", or "http://origin.example/files/"
    19:7 `url`: `ftp://` is not HTTP
        -> start with `/`, `http://` or `https://`
    19:7 `url`: the URL holds a user or a password
        -> take it out; a header may go along with each request: Authorization
    19:7 `url`: `/files` does not end on a segment boundary
        -> write "https://origin.example/files/", so that no neighbour with a longer name is meant
    19:7 `url`: `/a/../b/` holds the segment `..`
        -> write it without `.`, `..`, empty segments, encoded slashes and control bytes
    19:7 `url`: the URL holds a query, and files lie below a path
        -> write only the path, and `%3F` for the character itself
    19:7 `127.0.0.1` is this machine, or lies in a private network
        -> write allow_private = true beside it, if that is meant
    21:20 `Host`: each request has its own Host
        -> take it out
    21:26 `X Reader`: "X Reader" is not a header name
        -> use letters, digits and `-`: Authorization = "…"
    22:33 `Authorization`: this header is there twice
        -> keep one of the two
    21:24 `X-Reader`: this is not a header value
        -> use one or more visible ASCII characters, without spaces at the ends
    21:11 `headers`: expected a table, found a string
        -> give `headers` a table
    22:27 `X-Other`: the environment variable `DOWNLOADVIEW_TEST_UNSET` is not set
        -> set it, to the same value wherever this file is used
    22:27 `X-Other`: in the environment variable `CARGO_PKG_README`: this is not a header value
        -> use one or more visible ASCII characters, without spaces at the ends
    23:19 `connect_timeout`: with no time at all nothing could ever succeed
        -> write at least "1ms"
    24:22 `first_byte_timeout`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    25:16 `idle_timeout`: `off` is not a duration
        -> write a whole number with its unit, ms, s, m, h or d: "60s"
    26:13 `redirects`: 6 is not a number of redirects to follow
        -> write a number from 0 to 5
    27:15 `concurrency`: 0 is not a number of requests at once
        -> write a number from 1 to 1048576
    28:12 `max_size`: `1GB` is not a size
        -> write a number of bytes, or a whole number of KiB, MiB or GiB: "64KiB"
    29:13 `forbidden`: 401 is not an answer to a forbidden file
        -> use 404, as if it did not exist, or 403
    33:10 `bucket`: "a b" is not a bucket's name
        -> write 3 or more letters, digits, hyphens and dots: "archive"
    34:12 `endpoint`: more than a scheme, a host and a port stands there
        -> write "http://127.0.0.1:9000"
    34:12 `endpoint`: the URL holds a user or a password
        -> take it out; a header may go along with each request: Authorization
    35:10 `region`: "" is not a region
        -> write its name: "eu-central-1"
    37:17 `access_key_id`: it is empty, or holds something other than visible ASCII characters
        -> write it as the server's operator gave it to you, without spaces
    38:21 `secret_access_key`: it is empty, or holds something other than visible ASCII characters
        -> write it as the server's operator gave it to you, without spaces
    38:21 `secret_access_key`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    39:21 `session_token_env`: the environment variable `DOWNLOADVIEW_TEST_UNSET` is not set
        -> set it, to the same value wherever this file is used
    34:12 the endpoint speaks in the clear: who listens can read every file and use each link
        -> write "https://…", or allow_http = true beside it
    34:12 `127.0.0.1` is this machine, or lies in a private network
        -> write allow_private = true beside it, if that is meant
    42:10 `prefix`: "/media/" is not a prefix of keys
        -> write segments of letters, digits, `-`, `.`, `_` and `~`, without slashes at the ends: "media/2026"
    43:17 `link_lifetime`: a link lives for whole seconds, and at most for 7 days
        -> write "60s"
    43:17 `link_lifetime`: a link lives for whole seconds, and at most for 7 days
        -> write "60s"
    188:7 `url`: `https://{tenant}.example/{rest}` names no host
        -> write "https://origin.example/"
    188:7 `url`: the URL has no path
        -> write a slash after the host, and what follows
    188:7 `url`: a brace is not closed
        -> write a parameter of the route as `{path}`, and `%7B` for the brace itself
    188:7 the route `/remote/{tenant}/{*rest}` has no parameter `path`
        -> use `tenant` or `rest`
    188:7 the parameter `rest` of the route is not in the URL
        -> write it into the path: "https://cdn.example/{rest}"
    188:7 the parameter `tenant` of the route is not in the URL
        -> write it into the path: "https://cdn.example/{tenant}"
    188:7 `url`: a query with braces or `#`: parameters go into the path only
        -> write the query as it is, and `%7B` for a brace
    188:7 `url`: `/x/x#top` holds `#`, which ends the path of a URL
        -> write only the path, and `%3F` or `%23` for the character itself
    188:7 `url`: `/x/../x` holds the segment `..`
        -> write it without `.`, `..`, empty segments, encoded slashes and control bytes
    182:10 `format`: unknown value `text`
        -> use `auto`, `human` or `json`
    183:9 `level`: `loud` is not a log level
        -> write off, error, warn, info, debug or trace, or directives such as "info,downloadview=debug"
    "#);
}

#[test]
fn reports_headers_and_media_types() {
    let headers = [
        "X-Accel-Redirect = \"/secret\"",
        "Content-Length = \"5\"",
        "ETag = \"v1\"",
        "Content-Type = \"text/html\"",
        "\"a b\" = \"c\"",
        "\"X'a\" = \"c\"",
        "Proxy-Connection = \"close\"",
        "x-a = \"1\"\nX-A = \"2\"",
        "Link = \"a\\nSet-Cookie: b\"",
        "Link = true",
        "Link = 5",
        "Link = [\"a\", 5]",
    ];
    let headers = headers.map(|line| format!("[headers]\n{line}\n{VIEW}"));
    let types = [
        "charset = \"utf 8\"",
        "charset = true",
        "extension = {}",
        "extensions = { gcode = \"gcode\" }",
        "extensions = { \"\" = \"a/b\" }",
        "extensions = { a = 5 }",
    ];
    let types = types.map(|line| format!("[media_types]\n{line}\n{VIEW}"));
    let texts = headers.iter().chain(&types).map(String::as_str);
    insta::assert_snapshot!(tables(texts), @r#"
    2:20 `X-Accel-Redirect`: X-Accel-Redirect is between the gateway and the proxy, no client may see it
        -> take it out; a rule says which file the proxy sends
    2:18 `Content-Length`: Content-Length follows from the file and the request
        -> take it out
    2:8 `ETag`: ETag follows from the file and the request
        -> take it out
    2:16 `Content-Type`: Content-Type has a key of its own
        -> use the view's `content_type`
    2:9 `a b`: "a b" is not a header name
        -> use letters, digits, `-` and `_`: X-Robots-Tag = "noindex"
    2:9 `X'a`: "X'a" is not a header name
        -> use letters, digits, `-` and `_`: X-Robots-Tag = "noindex"
    2:20 `Proxy-Connection`: Proxy-Connection follows from the file and the request
        -> take it out
    2:7 `x-a`: the table has this header in another spelling too
        -> keep one of the two; several values stand in a list
    2:8 `Link`: "a\nSet-Cookie: b" is not a header value
        -> use one or more visible ASCII characters, without spaces at the ends
    2:8 `Link`: `true` is not a header value
        -> write the header's value, or false to leave the header out
    2:8 `Link`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    2:14 `Link`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    2:11 `charset`: media types: `utf 8` is not the name of a charset
        -> write its name: "utf-8", "iso-8859-15"
    2:11 `charset`: `true` is not the name of a charset
        -> write charset = "utf-8", or false for none
    2:1 unknown key `extension` in [media_types]
        -> did you mean `extensions`?
    2:24 `gcode`: media types: `gcode` is not a media type, such as `text/csv`
        -> write the extension without a dot, and a type: gcode = "text/x-gcode"
    2:21 ``: media types: `` is not a file extension
        -> write the extension without a dot, and a type: gcode = "text/x-gcode"
    2:20 `a`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    "#);
}

#[test]
fn reports_routes() {
    let routes = [
        "files/{*path}",
        "/files/{*path}/more",
        "/files/{path",
        "/files/{}",
        "/files/{path*}",
        "/files/{a}{b}",
        "/files/{a}-{b}",
        "/files/{a}/{a}",
        "/files/:path",
        "/files/*path",
        "/my files",
        "/files?x",
        "/fichiers/\u{e9}t\u{e9}",
    ];
    let texts = routes.map(|route| {
        format!(
            "[[views]]\nroute = \"{route}\"\nkind = \"virtual\"\ntext = \"\"\nbasename = \"a\"\n"
        )
    });
    insta::assert_snapshot!(tables(texts.iter().map(String::as_str)), @r#"
    2:9 `route`: `files/{*path}` does not start with `/`
        -> write "/files/{*path}"
    2:9 `route`: `/files/{*path}/more` is not a route: Catch-all parameters are only allowed at the end of a route
        -> put `{*name}` last, after a slash: "/files/{*path}"
    2:9 `route`: `/files/{path` is not a route: Parameters must be registered with a valid name
        -> close each `{name}`, and write `{{` for the brace itself
    2:9 `route`: `/files/{}` is not a route: Parameters must be registered with a valid name
        -> close each `{name}`, and write `{{` for the brace itself
    2:9 `route`: `/files/{path*}` is not a route: Parameters must be registered with a valid name
        -> did you mean "/files/{*path}"?
    2:9 `route`: `/files/{a}{b}` is not a route: Only one parameter is allowed per path segment
        -> let one parameter end its segment: "/files/{name}", "/v-{version}"
    2:9 `route`: `/files/{a}-{b}` is not a route: Only one parameter is allowed per path segment
        -> let one parameter end its segment: "/files/{name}", "/v-{version}"
    2:9 `route`: `/files/{a}/{a}` has two parameters `a`
        -> give each parameter a name of its own
    2:9 `route`: `/files/:path` has a segment that starts with `:` or `*`
        -> write a parameter as `{name}`, the rest of the path as `{*name}`
    2:9 `route`: `/files/*path` has a segment that starts with `:` or `*`
        -> write a parameter as `{name}`, the rest of the path as `{*name}`
    2:9 `route`: "/my files" holds a character that no URL's path holds bare
        -> percent-encode it: `%20` for a space, `%3F` for `?`, `%23` for `#`
    2:9 `route`: "/files?x" holds a character that no URL's path holds bare
        -> percent-encode it: `%20` for a space, `%3F` for `?`, `%23` for `#`
    2:9 `route`: "/fichiers/été" holds a character that no URL's path holds bare
        -> percent-encode it: `%20` for a space, `%3F` for `?`, `%23` for `#`
    "#);
}

#[test]
fn reports_routes_that_overlap_or_lack_a_parameter() {
    let storage = "[storages.notes]\nkind = \"memory\"\nfiles = {}\n";
    let views = |routes: &[&str]| {
        let views = routes.iter().map(|route| {
            format!("[[views]]\nroute = \"{route}\"\nkind = \"storage\"\nstorage = \"notes\"\n")
        });
        format!("{storage}{}", views.collect::<String>())
    };
    let texts = [
        views(&["/a/{x}", "/a/{x}"]),
        views(&["/a/{x}", "/b/{y}", "/a/{y}"]),
        views(&["/fixed"]),
        views(&["/{a}/{b}"]),
        "[[views]]\nroute = \"/fixed\"\nkind = \"path\"\nroot = \"/\"\n".to_owned(),
    ];
    insta::assert_snapshot!(tables(texts.iter().map(String::as_str)), @r#"
    9:9 route `/a/{x}` overlaps `/a/{x}` of line 5
        -> give one of the two another path
    13:9 route `/a/{y}` overlaps `/a/{x}` of line 5
        -> give one of the two another path
    5:9 `/fixed` has no parameter; exactly one must name the file in the storage (or give `name`)
        -> end the route in `{*path}`, or in `{name}` for names without a slash
    5:9 `/{a}/{b}` has 2 parameters; exactly one must name the file in the storage (or give `name`)
        -> end the route in `{*path}`, or in `{name}` for names without a slash
    2:9 `/fixed` has no parameter; exactly one must name the file below `root`
        -> end the route in `{*path}`, or in `{name}` for names without a slash
    "#);
}

#[test]
fn reports_views_that_would_serve_the_copies_of_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, copies) = (folder.path().join("pub"), folder.path().join("pub/copies"));
    fs::create_dir_all(&copies).expect("made");
    std::os::unix::fs::symlink(&copies, folder.path().join("elsewhere")).expect("made");
    fs::create_dir(folder.path().join("public")).expect("made");
    let text = |dir: &str| {
        format!(
            "[storages.it]\nkind = \"local\"\nroot = {root:?}\n[spool]\ndir = {dir:?}\n\
             [optimize]\nbackend = \"nginx\"\n[[views]]\nroute = \"/a/{{*path}}\"\nkind = \"storage\"\nstorage = \"it\"\n\
             [[views]]\nroute = \"/b/{{*path}}\"\nkind = \"path\"\nroot = {root:?}\n"
        )
    };
    for dir in ["pub", "pub/copies", "elsewhere"] {
        let dir = folder.path().join(dir);
        let told = table(&text(&dir.to_string_lossy()));
        assert_eq!(
            told.matches("in which [spool] of line 4 keeps").count(),
            2,
            "{told}"
        );
    }
    // The view's folder may be told by a link too.
    let linked = folder.path().join("linked");
    std::os::unix::fs::symlink(&root, &linked).expect("made");
    let by_link =
        text(&copies.to_string_lossy()).replace(&format!("{root:?}"), &format!("{linked:?}"));
    assert_eq!(table(&by_link).matches("in which [spool]").count(), 2);
    // Nor may it be one of the spool's own.
    let told = table(&text(&folder.path().to_string_lossy()));
    assert_eq!(
        told.matches("a part of the folder where [spool] of line 4")
            .count(),
        2,
        "{told}"
    );
    // A name that only begins alike.
    let beside = folder.path().join("public");
    Config::parse(&text(&beside.to_string_lossy()), Path::new(FILE)).expect("accepted");
}

#[test]
fn reports_missing_and_contradicting_keys() {
    let rule = |keys: &str| {
        format!(
            "[storages.notes]\nkind = \"memory\"\nfiles = {{}}\n[optimize]\nbackend = \"nginx\"\n[[optimize.rules]]\n{keys}\n{VIEW}"
        )
    };
    let view = |keys: &str| {
        format!("[storages.notes]\nkind = \"memory\"\nfiles = {{}}\n[[views]]\n{keys}\n")
    };
    let texts = [
        String::new(),
        format!("[storages.media]\n{VIEW}"),
        format!("[storages.media]\nkind = \"local\"\n{VIEW}"),
        format!("[storages.media]\nkind = \"memory\"\nroot = \"/\"\n{VIEW}"),
        format!("[spool]\nmax_bytes = \"1GiB\"\n{VIEW}"),
        rule(""),
        rule(
            "source_url = \"/a/\"\nsource_dir = \"/\"\ndestination_url = \"/b/\"\ndestination_dir = \"/srv/b\"",
        ),
        rule("source_dir = \"/\"\ndestination_dir = \"/srv/\""),
        rule("source_dir = \"missing\"\ndestination_url = \"/b/\""),
        rule("storage = \"notes\"\ndestination_url = \"/b/\""),
        rule("storage = \"archive\"\ndestination_url = \"/b/\""),
        rule("source_dir = \"/\"\ndestination_url = \"/hello/\"")
            .replace("\"/hello\"", "\"/hello/world\""),
        rule("source_dir = \"/\"\ndestination_url = \"/b/\"\nescaping = \"raw\""),
        view(""),
        view("route = \"/a\"\nkind = \"path\""),
        view("route = \"/a\"\nkind = \"path\"\npath = \"a\"\nroot = \"/\""),
        view("route = \"/{a}\"\nkind = \"storage\""),
        view("route = \"/a\"\nkind = \"virtual\""),
        view(
            "route = \"/{a}\"\nkind = \"storage\"\nstorage = \"notes\"\noptimize = false\n[[views.rules]]\nsource_dir = \"/\"\ndestination_url = \"/b/\"",
        ),
    ];
    insta::assert_snapshot!(tables(texts.iter().map(String::as_str)), @r#"
    1:1 there is nothing to download: no [[views]]
        -> add a view
    1:1 missing key `kind` in [storages.media]
        -> add it: kind = "local"
    1:1 missing key `root` in [storages.media]
        -> add it: root = "/srv/media"
    1:1 missing key `files` in [storages.media]
        -> add it: files = { "a.txt" = "text" }
    3:1 unknown key `root` in [storages.media]
        -> [storages.media] knows `kind`, `base_url` and `files`
    1:1 missing key `dir` in [spool]
        -> add it: dir = "/var/cache/downloadview"
    6:1 no key of this rule says which files it takes
        -> write exactly one of `source_url`, `source_dir` and `storage`
    6:1 no key of this rule says where the proxy finds them
        -> write exactly one of `destination_url`, `destination_dir` and `redirect = true`
    6:1 more than one key of this rule says which files it takes: `source_url` and `source_dir`
        -> write exactly one of `source_url`, `source_dir` and `storage`
    6:1 more than one key of this rule says where the proxy finds them: `destination_url` and `destination_dir`
        -> write exactly one of `destination_url`, `destination_dir` and `redirect = true`
    8:19 nginx takes internal URLs, no file paths
        -> write destination_url = "/_internal/..." in place of `destination_dir`
    7:14 `source_dir`: there is no folder /nowhere/missing
        -> create it (mkdir -p /nowhere/missing) or correct the path
    7:11 no proxy can read the files of `notes`, which are in memory
        -> take the rule out: the gateway streams these files
    7:11 `storage`: there is no storage `archive`
        -> add a table [storages.archive], or use `notes`
    10:9 route `/hello/world` lies below `/hello/`, which the rule of line 6 keeps from clients
        -> choose a `destination_url` that no route starts with: "/_internal/"
    9:12 `escaping`: nginx percent-decodes every name, whatever its version
        -> take it out
    4:1 missing key `route` in [[views]]
        -> add it: route = "/files/{*path}"
    4:1 missing key `kind` in [[views]]
        -> add it: kind = "storage"
    4:1 a path view has either one `path` or one `root`
        -> write path = "/srv/report.pdf" for one file, or root = "/srv/reports" for a folder
    4:1 a path view has either one `path` or one `root`
        -> write path = "/srv/report.pdf" for one file, or root = "/srv/reports" for a folder
    4:1 missing key `storage` in [[views]]
        -> add it: storage = "media"
    4:1 missing key `text` in [[views]]
        -> add it: text = "Hello, world!"
    4:1 missing key `basename` in [[views]]
        -> add it: basename = "hello.txt"
    4:1 this view has rules and `optimize = false`, which forbids them
        -> take one of the two out
    "#);
}

#[test]
fn reports_urls_of_databases() {
    let urls = [
        "app.db",
        "postgress://localhost/app",
        "oracle://localhost/app",
        "sqlite:///nowhere/app.db",
        "sqlite://app.db",
        "sqlite:app.db",
        "sqlite:///dev",
        "sqlite://",
        "sqlite::memory:",
        "sqlite:///srv/app.db?mode=memory",
        "sqlite:///srv/app.db?mode=rx",
        "sqlite:///srv/app.db?cach=shared",
        "sqlite:///srv/%ff.db",
        "postgres:///app",
        "postgres://localhost",
        "postgres://localhost/",
        "mysql://localhost/app/document",
        "mysql://localhost:port/app",
        "mysql://localhost/app?ssl_mode=REQUIRED",
        "mysql://localhost/app?password=hunter2",
        "postgres://ada:hunt/er2@localhost/app",
        "postgres://ada:hunt@er2@localhost/app",
        "postgres://ada:hunt#er2@localhost/app",
        "postgres://ada:hunt%er2@localhost/app",
        "postgres://ada:hunt er2@localhost/app",
        "postgres://ada:hunter2@localhost/app#document",
    ];
    let texts = urls.map(|url| format!("[databases.main]\nurl = \"{url}\"\n{VIEW}"));
    insta::assert_snapshot!(tables(texts.iter().map(String::as_str)), @r#"
    2:7 `url`: the URL does not start with the kind of a database
        -> write "sqlite:///srv/app.db" or "postgres://user:password@localhost/app"
    2:7 `url`: the URL names no kind of database that is known
        -> did you mean "postgres://"?
    2:7 `url`: the URL names no kind of database that is known
        -> use sqlite://, postgres:// or mysql://
    2:7 `url`: there is no file /nowhere/app.db
        -> let the application create its database first, or correct the path
    2:7 `url`: there is no file /nowhere/app.db
        -> let the application create its database first, or correct the path
    2:7 `url`: there is no file /nowhere/app.db
        -> let the application create its database first, or correct the path
    2:7 `url`: /dev is a folder
        -> name the file in it that holds the database
    2:7 `url`: the URL names no file
        -> write "sqlite:///srv/app.db"
    2:7 `url`: each connection to a database in memory would see an empty one of its own
        -> name a file: "sqlite:///srv/app.db"
    2:7 `url`: each connection to a database in memory would see an empty one of its own
        -> name a file: "sqlite:///srv/app.db"
    2:7 `url`: the URL's option `mode` has an unknown value
        -> use `ro`, `rw` or `rwc`
    2:7 `url`: the URL holds an unknown option after the `?`
        -> did you mean `cache`?
    2:7 `url`: the URL's percent-encoding or its folder is not valid UTF-8
        -> write each character as the `%XX` of its bytes in UTF-8: `%C3%A9` for `é`
    2:7 `url`: the URL names no host
        -> write "postgres://user:password@localhost/app", or by its socket "postgres://%2Frun%2Fpostgresql/app"
    2:7 `url`: the URL names no database
        -> end it in the name of the database: "postgres://user:password@localhost/app"
    2:7 `url`: the URL names no database
        -> end it in the name of the database: "postgres://user:password@localhost/app"
    2:7 `url`: the URL names more than a database after the host
        -> end it in the name of the database: "mysql://user:password@localhost/app"
    2:7 `url`: this is not a URL: invalid port number
        -> percent-encode what is special in user and password: `%40` for `@`, `%2F` for `/`, `%3F` for `?`, `%23` for `#`
    2:7 `url`: the URL holds an unknown option after the `?`
        -> did you mean `ssl-mode`?
    2:7 `url`: the URL holds an unknown option after the `?`
        -> known are `ssl-mode`, `ssl-ca`, `ssl-cert`, `ssl-key`, `socket` and `statement-cache-capacity`
    2:7 `url`: the URL holds an `@`, `/`, `?` or `#` that is not percent-encoded
        -> percent-encode what is special in user and password: `%40` for `@`, `%2F` for `/`, `%3F` for `?`, `%23` for `#`
    2:7 `url`: the URL holds an `@`, `/`, `?` or `#` that is not percent-encoded
        -> percent-encode what is special in user and password: `%40` for `@`, `%2F` for `/`, `%3F` for `?`, `%23` for `#`
    2:7 `url`: the URL holds an `@`, `/`, `?` or `#` that is not percent-encoded
        -> percent-encode what is special in user and password: `%40` for `@`, `%2F` for `/`, `%3F` for `?`, `%23` for `#`
    2:7 `url`: the URL holds a `%` without two hexadecimal digits after it
        -> write `%25` for the character itself
    2:7 `url`: the URL holds a character that no URL holds bare
        -> percent-encode it: `%20` for a space, `%C3%A9` for `é`
    2:7 `url`: the URL holds a `#`, and what follows it would be ignored
        -> write `%23` for the character itself
    "#);
}

#[test]
fn reports_databases_and_objects_that_lack_something() {
    let database = "[databases.main]\nurl = \"postgres://localhost/app\"\n";
    let storage = "[storages.media]\nkind = \"memory\"\nfiles = {}\n";
    let object = |route: &str, keys: &str| {
        format!("{database}{storage}[[views]]\nroute = \"{route}\"\nkind = \"object\"\n{keys}")
    };
    let looked_up_by = |route: &str, lookup: &str| {
        let keys =
            "database = \"main\"\ntable = \"document\"\nstorage = \"media\"\nfile_field = \"file\"";
        object(route, &format!("{keys}\nlookup = \"{lookup}\"\n"))
    };
    let texts = [
        format!("databases = \"postgres://localhost/app\"\n{VIEW}"),
        format!("[databases]\nurl = \"postgres://localhost/app\"\n{VIEW}"),
        format!("[[databases.main]]\nurl = \"postgres://localhost/app\"\n{VIEW}"),
        format!("[databases.main]\n{VIEW}"),
        format!("[databases.main]\nurl = 1\npool = 3\n{VIEW}"),
        format!("[databases.main]\nulr = \"postgres://localhost/app\"\n{VIEW}"),
        format!("[databases.main]\nurl = \"postgres://h/a\"\nurl_env = \"URL\"\n{VIEW}"),
        format!("[databases.main]\nurl_env = \"DOWNLOADVIEW_TEST_UNSET\"\n{VIEW}"),
        format!("[databases.main]\nurl_env = \"CARGO_PKG_REPOSITORY\"\n{VIEW}"),
        format!("[databases.main]\nurl_env = \"postgres://ada:hunter2@h/a\"\n{VIEW}"),
        object("/documents/{slug}", ""),
        object(
            "/documents/{slug}",
            "size_field = \"bytes\"\nfiled_field = \"file\"\n",
        ),
        object("/documents/{slug}", "database = \"main\"\n").replace(database, ""),
        looked_up_by("/documents", "slug"),
        looked_up_by("/documents/{id}", "slug"),
        looked_up_by("/documents/{*path}", "slug"),
        looked_up_by("/{year}/{slug}", "slug"),
        looked_up_by("/documents/{slug}", "my slug"),
    ];
    insta::assert_snapshot!(tables(texts.iter().map(String::as_str)), @r#"
    1:13 `databases`: expected a table, found a string
        -> give `databases` a table
    2:7 `url`: a database is a table of its own
        -> write [databases.main], and below it url = "sqlite:///srv/app.db"
    1:1 `main`: a database is a table of its own
        -> write [databases.main], and below it url = "sqlite:///srv/app.db"
    1:1 missing key `url` in [databases.main]
        -> add it: url = "sqlite:///srv/app.db", or url_env = "DATABASE_URL"
    2:7 `url`: expected a string, found an integer
        -> write it in quotes, a duration with its unit: "60s"
    3:1 unknown key `pool` in [databases.main]
        -> [databases.main] knows `url`, `url_env`, `max_connections`, `connect_timeout` and `query_timeout`
    2:1 unknown key `ulr` in [databases.main]
        -> did you mean `url`?
    1:1 a database has either `url` or `url_env`
        -> keep one of the two
    3:11 `url_env`: the environment variable `URL` is not set
        -> set it, to the same value wherever this file is used
    2:11 `url_env`: the environment variable `DOWNLOADVIEW_TEST_UNSET` is not set
        -> set it, to the same value wherever this file is used
    2:11 `url_env`: in the environment variable `CARGO_PKG_REPOSITORY`: the URL names no kind of database that is known
        -> use sqlite://, postgres:// or mysql://
    2:11 `url_env`: this is not a name of an environment variable
        -> write url_env = "DATABASE_URL", and the URL itself into that variable
    6:1 missing key `database` in [[views]]
        -> add it: database = "main"
    6:1 missing key `table` in [[views]]
        -> add it: table = "document"
    6:1 missing key `lookup` in [[views]]
        -> add it: lookup = "slug"
    6:1 missing key `storage` in [[views]]
        -> add it: storage = "media"
    6:1 missing key `file_field` in [[views]]
        -> add it: file_field = "file"
    6:1 missing key `database` in [[views]]
        -> add it: database = "main"
    6:1 missing key `table` in [[views]]
        -> add it: table = "document"
    6:1 missing key `lookup` in [[views]]
        -> add it: lookup = "slug"
    6:1 missing key `storage` in [[views]]
        -> add it: storage = "media"
    10:1 unknown key `filed_field` in [[views]]
        -> did you mean `file_field`?
    4:1 missing key `table` in [[views]]
        -> add it: table = "document"
    4:1 missing key `lookup` in [[views]]
        -> add it: lookup = "slug"
    4:1 missing key `storage` in [[views]]
        -> add it: storage = "media"
    4:1 missing key `file_field` in [[views]]
        -> add it: file_field = "file"
    7:12 `database`: there is no database `main`
        -> add a table [databases.main]
    7:9 `/documents` has no parameter; `lookup` needs `slug` alone
        -> write route = "/documents/{slug}"
    7:9 `/documents/{id}` has the parameter `id`; `lookup` needs `slug` alone
        -> write route = "/documents/{slug}"
    7:9 `/documents/{*path}` has the parameter `path`; `lookup` needs `slug` alone
        -> write route = "/documents/{*slug}"
    7:9 `/{year}/{slug}` has 2 parameters; `lookup` needs `slug` alone
        -> write route = "/{slug}"
    7:9 `/documents/{slug}` has the parameter `slug`; `lookup` needs `my slug` alone
        -> look rows up by a column whose name a route can hold: `slug`
    "#);
}

#[test]
fn a_database_need_not_be_used_and_its_file_starts_at_the_folder_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("app.db"), "").unwrap();
    let text = format!("[databases.main]\nurl = \"sqlite://app.db\"\n{VIEW}");
    let config = Config::parse(&text, &folder.path().join("downloadview.toml")).unwrap();
    let database = &config.databases["main"];
    let file = folder.path().join("app.db");
    assert_eq!(database.url.kind(), DatabaseKind::Sqlite);
    assert_eq!(
        database.url.expose(),
        format!("sqlite://{}", file.display())
    );
    assert_eq!(database.max_connections.get(), 10);
    assert_eq!(database.connect_timeout, Duration::from_secs(3));
    assert_eq!(database.query_timeout, Duration::from_secs(5));
    assert_eq!(database.line, 1);
}

#[test]
fn a_mistake_found_later_is_reported_like_any_other() {
    let config = Config::parse(EVERY_KEY, Path::new(FILE)).unwrap();
    let objects = config.views.iter().filter_map(|view| match &view.kind {
        ViewKind::Object(object) => Some(object),
        _ => None,
    });
    let objects: Vec<_> = objects.collect();
    let database = &config.databases["main"];
    let problem =
        |span: &Range<usize>, message: String| (span.clone(), message, "correct it".to_owned());
    let error = config.refuse(vec![
        problem(
            &objects[1].table.span,
            format!("there is no table `{}`", objects[1].table),
        ),
        problem(
            &objects[0].lookup.span,
            format!("there is no column `{}`", objects[0].lookup),
        ),
        problem(&database.span, format!("{} is down", database.url)),
        problem(
            &(EVERY_KEY.len() + 7..EVERY_KEY.len() + 9),
            "past the end".to_owned(),
        ),
    ]);
    insta::assert_snapshot!(error, @r#"
    error: postgres://db.example:5433/app is down
      --> /nowhere/downloadview.toml:52:7
       |
    52 | url = ************************************************************
       |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: correct it

    error: there is no column `slug`
       --> /nowhere/downloadview.toml:144:10
        |
    144 | lookup = "slug"
        |          ^^^^^^
        |
        = help: correct it

    error: there is no table `record`
       --> /nowhere/downloadview.toml:158:9
        |
    158 | table = "record"
        |         ^^^^^^^^
        |
        = help: correct it

    error: past the end
       --> /nowhere/downloadview.toml:247:24
        |
    247 | signature = "optional"
        |                       ^
        |
        = help: correct it
    "#);
}

#[test]
fn reports_what_a_backend_cannot_do() {
    let texts = ["nginx", "apache", "lighttpd", "caddy"].map(|backend| {
        format!(
            "[optimize]\nbackend = \"{backend}\"\n[[optimize.rules]]\nsource_url = \"https://host/\"\n\
             destination_url = \"/b/\"\nlimit_rate = \"1MiB\"\nbuffering = true\nexpires = \"1h\"\n\
             charset = \"utf-8\"\nescaping = \"raw\"\n[[optimize.rules]]\nsource_dir = \"/\"\n\
             destination_dir = \"/srv\"\n{VIEW}"
        )
    });
    let reports = texts.each_ref().map(|text| table(text));
    insta::assert_snapshot!(reports.join("---\n"), @r#"
    10:12 `escaping`: nginx percent-decodes every name, whatever its version
        -> take it out
    13:19 nginx takes internal URLs, no file paths
        -> write destination_url = "/_internal/..." in place of `destination_dir`
    ---
    4:14 apache cannot fetch files of other servers
        -> write redirect = true in place of the destination: clients fetch them themselves; or take the rule out: the gateway streams them
    6:14 `limit_rate`: apache cannot be told a rate for one download
        -> take it out, or limit the rate in the proxy's own configuration
    7:13 `buffering`: apache has no such setting, only nginx has
        -> take it out
    8:11 `expires`: apache has no such setting, only nginx has
        -> take it out
    9:11 `charset`: apache has no such setting, only nginx has
        -> take it out; a charset may stand in the view's content_type: "text/plain; charset=utf-8"
    ---
    4:14 lighttpd cannot fetch files of other servers
        -> write redirect = true in place of the destination: clients fetch them themselves; or take the rule out: the gateway streams them
    7:13 `buffering`: lighttpd has no such setting, only nginx has
        -> take it out
    8:11 `expires`: lighttpd has no such setting, only nginx has
        -> take it out
    9:11 `charset`: lighttpd has no such setting, only nginx has
        -> take it out; a charset may stand in the view's content_type: "text/plain; charset=utf-8"
    10:12 `escaping`: lighttpd percent-decodes every name, whatever its version
        -> take it out
    ---
    6:14 `limit_rate`: caddy cannot be told a rate for one download
        -> take it out, or limit the rate in the proxy's own configuration
    7:13 `buffering`: caddy has no such setting, only nginx has
        -> take it out
    8:11 `expires`: caddy has no such setting, only nginx has
        -> take it out
    9:11 `charset`: caddy has no such setting, only nginx has
        -> take it out; a charset may stand in the view's content_type: "text/plain; charset=utf-8"
    13:19 caddy takes internal URLs, no file paths
        -> write destination_url = "/_internal/..." in place of `destination_dir`
    "#);
}

#[test]
fn reports_announced_proxies_that_cannot_work() {
    let optimize = |keys: &str| format!("[optimize]\n{keys}\n{VIEW}");
    let front = |keys: &str| {
        optimize(&format!(
            "backend = \"announced\"\n[optimize.proxies.front]\n{keys}"
        ))
    };
    let good = "backend = \"nginx\"\nsecret = \"0123456789abcdef\"\n";
    let rule = |keys: &str| format!("{good}[[optimize.rules]]\nsource_dir = \"/\"\n{keys}");
    let texts = [
        optimize("backend = \"announced\""),
        optimize("backend = \"announced\"\nproxies = []"),
        optimize(&format!("backend = \"nginx\"\n[optimize.proxies.front]\n{good}")),
        optimize(&format!("backend = \"announced\"\n[optimize.proxies.\"a b\"]\n{good}")),
        front(""),
        front("backend = \"nginx\""),
        front(&format!("{good}secret_env = \"CARGO_PKG_REPOSITORY\"")),
        front(&rule("destination_url = \"/b/\"")),
        front(&rule("destination_dir = \"/b\"\nbackend = \"apache\"")),
        front(&format!(
            "{good}[[optimize.proxies.front.rules]]\nsource_dir = \"/\"\ndestination_url = \"/b/\"\nbackend = \"nginx\""
        )),
        front(&format!(
            "{good}[[optimize.proxies.front.rules]]\nsource_dir = \"/\"\ndestination_dir = \"/b\""
        )),
        front(&format!(
            "{good}[[optimize.proxies.front.rules]]\nsource_dir = \"/\"\ndestination_url = \"/hello/\""
        ))
        .replace("\"/hello\"", "\"/hello/world\""),
    ];
    insta::assert_snapshot!(tables(texts.iter().map(String::as_str)), @r#"
    1:1 `backend = "announced"` without a proxy that could announce itself
        -> add a table [optimize.proxies.front] with `backend` and `secret_env`
    3:11 `proxies`: expected a table, found a list
        -> give `proxies` a table
    3:11 `proxies`: announced proxies need `backend = "announced"` in [optimize]
        -> write that, or take these tables out
    3:1 `a b`: "a b" is not a name of a proxy
        -> use letters, digits, `-`, `.` and `_`: [optimize.proxies.front]
    3:1 missing key `backend` in [optimize.proxies.front]
        -> add it: backend = "nginx"
    3:1 missing key `secret` in [optimize.proxies.front]
        -> add it: secret = "…", or secret_env = "FRONT_SECRET"
    3:1 missing key `secret` in [optimize.proxies.front]
        -> add it: secret = "…", or secret_env = "FRONT_SECRET"
    3:1 the proxy `front` has both `secret` and `secret_env`
        -> keep one of the two
    6:1 this rule names no backend, and several proxies may be announced
        -> add backend = "nginx": the rule then counts for the announced proxies of that kind
    9:11 `backend`: no announced proxy is apache, so nothing would use this rule
        -> add a table [optimize.proxies.NAME] with backend = "apache"
    9:11 `backend`: the rules of a proxy are for that proxy
        -> take it out, or move the rule to [[optimize.rules]]
    8:19 nginx takes internal URLs, no file paths
        -> write destination_url = "/_internal/..." in place of `destination_dir`
    10:9 route `/hello/world` lies below `/hello/`, which the rule of line 6 keeps from clients
        -> choose a `destination_url` that no route starts with: "/_internal/"
    "#);
}

/// The excerpt of a report may hold any line of the file.
#[test]
fn shows_no_secret() {
    let table =
        "[optimize]\nbackend = \"announced\"\n[optimize.proxies.front]\nbackend = \"nginx\"\n";
    let texts = [
        format!("{table}secret = \"hunter2\"\n{VIEW}"),
        format!("{table}secret = \"hunter2 hunter2 hunter2\"\n{VIEW}"),
        format!("{table}sceret = \"hunter2hunter2hunter2\"\n{VIEW}"),
        format!("{table}secret = [\"hunter2\"]\n{VIEW}"),
        format!("{table}secret = \"hunter2\n{VIEW}"),
        format!("{table}secret = \"hunter2hunter2hunter2\"\nsecret = \"hunter2\"\n{VIEW}"),
        format!(
            "[optimize]\nbackend = \"announced\"\nproxies = {{ front = {{ secret = \"hunter2\", backend = \"ngnix\" }} }}\n{VIEW}"
        ),
        format!("[optimize]\nbackend = \"announced\"\nproxies = {{ front = \"hunter2\" }}\n{VIEW}"),
        format!("[databases.main]\nurl = \"oracle://ada:hunter2@h/a\"\n{VIEW}"),
        format!("[databases.main]\nurl = \"postgres://ada:hunter2@h\"\n{VIEW}"),
        format!("[databases.main]\nurl = [\"hunter2\"]\n{VIEW}"),
        format!("[databases.main]\nulr = \"hunter2\"\n{VIEW}"),
        format!("[databases.main]\nurl_env = \"hunter2@h/a\"\n{VIEW}"),
        format!("[databases]\nurl = \"hunter2\"\n{VIEW}"),
        format!("databases = [\"hunter2\"]\n{VIEW}"),
        format!("databases = {{ main = {{ pool = 3, url = \"hunter2\" }} }}\n{VIEW}"),
        format!("database = {{ main = {{ url = \"postgres://ada:hunter2@h/a\" }} }}\n{VIEW}"),
        format!("[databases.main]\nurl = \"hunter2\nmax_connections = 1\n{VIEW}"),
        format!("[databases.main]\nurl = 1\nurl = \"hunter2\"\n{VIEW}"),
        format!("x = [\nulr = \"postgres://ada:hunter2@h/a\"\n{VIEW}"),
        "[[views]]\nroute = \"/{a}\"\nkind = \"object\"\ndatabase = \"postgres://ada:hunter2@h/a\"\n"
            .to_owned(),
    ];
    let of_servers = [
        "kind = \"s3\"\nsecret_access_key = \"hunter2 \"",
        "kind = \"s3\"\nsecret_acess_key = \"hunter2\"",
        "kind = \"s3\"\nsession_token = [\"hunter2\"]",
        "kind = \"s3\"\nendpoint = \"https://AKIA:hunter2@h/\"",
        "kind = \"s3\"\nendpoint = \"https://hunter2@h/\"",
        "kind = \"s3\"\nsecret_access_key = \"hunter2",
        "kind = \"http\"\nurl = \"https://ada:hunter2@h/\"",
        "kind = \"http\"\nurl = \"https://hunter2@h/\"",
        "kind = \"http\"\nurl = \"https://h/?key=hunter2\"",
        "kind = \"http\"\nurl = 1\nheaders = { Authorization = \"hunter2\" }",
        "kind = \"http\"\nurl = 1\n[storages.it.headers]\n\"X Key\" = \"hunter2\"",
        "kind = \"http\"\nurl = 1\n[storages.it.haeders]\nX-Key = \"hunter2\"",
        "kind = \"http\"\nurl = 1\nhaeders = { X-Key = \"hunter2\" }",
        "kind = \"http\"\nurl = 1\nheaders = \"hunter2\"",
        "kind = \"http\"\nurl = \"https://h/\"\n[storages.it.headers]\nX-Key = \"hunter2",
    ];
    let of_servers = of_servers.map(|keys| format!("[storages.it]\n{keys}\n{VIEW}"));
    let of_views = [
        "url = \"https://h/{b}?key=hunter2\"",
        "url = \"https://ada:hunter2@h/{a}\"",
        "url = \"https://h/{a}?key=hunter2#\"",
        "url = 1\nrequest_headers = { X-Key = \"hunter2\" }",
        "url = 1\nrequest_haeders = { X-Key = \"hunter2\" }",
    ];
    let of_views =
        of_views.map(|keys| format!("[[views]]\nroute = \"/{{a}}\"\nkind = \"http\"\n{keys}\n"));
    for text in texts.into_iter().chain(of_servers).chain(of_views) {
        let error = refusal(&text);
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("unter2"), "{shown}");
        }
    }
}

#[test]
fn a_mistake_found_later_shows_no_secret() {
    let url = "postgres://ada:hunter2@h/a?application_name=hunter2";
    let text = format!(
        "databases = {{ main = {{ url = \"{url}\" }} }}\n\
         [optimize]\nbackend = \"announced\"\n\
         proxies = {{ front = {{ backend = \"nginx\", secret = \"hunter2hunter2hunter2\" }} }}\n{VIEW}"
    );
    let config = Config::parse(&text, Path::new(FILE)).unwrap();
    assert_eq!(config.databases["main"].url.expose(), url);
    let everywhere = (0..text.len(), "down".to_owned(), "start it".to_owned());
    let error = config.refuse(vec![everywhere]);
    assert!(error.to_string().contains("url = ***"), "{error}");
    for shown in [
        error.to_string(),
        format!("{error:?}"),
        format!("{config:?}"),
    ] {
        assert!(!shown.contains("unter2"), "{shown}");
    }
}

#[test]
fn reports_mistakes_of_the_language() {
    insta::assert_snapshot!(tables([
        "listen = 127.0.0.1:8000\n",
        "a = 1\na = 2\n",
        "[views\n",
        "x = \"a\n"
    ]), @r#"
    1:15 invalid float, expected nothing
        -> strings stand in quotes, [tables] and [[lists of tables]] in brackets: https://toml.io
    2:1 duplicate key
        -> keep one of the two
    1:7 unclosed table, expected `]`
        -> strings stand in quotes, [tables] and [[lists of tables]] in brackets: https://toml.io
    1:7 invalid basic string, expected `"`
        -> strings stand in quotes, [tables] and [[lists of tables]] in brackets: https://toml.io
    "#);
}

#[test]
fn shows_all_mistakes_of_one_run_with_excerpts() {
    let text = "\
listen = \"127.0.0.1\"

[storages.media]
kind = \"local\"
rot = \"/srv/media\"

[[views]]
route = \"/a/{x}\"
kind = \"virtual\"
text = \"a\"
basename = \"a.txt\"

[[views]]
route = \"/a/{y}\"
kind = \"virtual\"
text = \"\u{e9}t\u{e9}\"
basename = \"a.txt\"
dispositon = \"inline\"
";
    insta::assert_snapshot!(refusal(text), @r#"
    error: `listen`: `127.0.0.1` is not an address to listen on
     --> /nowhere/downloadview.toml:1:10
      |
    1 | listen = "127.0.0.1"
      |          ^^^^^^^^^^^
      |
      = help: write an IP address and a port, "127.0.0.1:8000", or "unix:/run/downloadview.sock"

    error: unknown key `rot` in [storages.media]
     --> /nowhere/downloadview.toml:5:1
      |
    5 | rot = "/srv/media"
      | ^^^
      |
      = help: did you mean `root`?

    error: route `/a/{y}` overlaps `/a/{x}` of line 8
      --> /nowhere/downloadview.toml:14:9
       |
     8 | route = "/a/{x}"
       |         -------- the same paths
    ...
    14 | route = "/a/{y}"
       |         ^^^^^^^^
       |
       = help: give one of the two another path

    error: unknown key `dispositon` in [[views]]
      --> /nowhere/downloadview.toml:18:1
       |
    18 | dispositon = "inline"
       | ^^^^^^^^^^
       |
       = help: did you mean `disposition`?
    "#);
}

#[test]
fn says_which_file_cannot_be_read() {
    let error = Config::load(Path::new("/nowhere/downloadview.toml")).unwrap_err();
    insta::assert_snapshot!(error, @r#"
    error: cannot read /nowhere/downloadview.toml: No such file or directory (os error 2)
     |
     = help: name the file with --config FILE or DOWNLOADVIEW_CONFIG
    "#);
}

#[test]
fn reports_a_spool_that_cannot_work() {
    let spool = |keys: &str| format!("[optimize]\nbackend = \"nginx\"\n[spool]\n{keys}\n{VIEW}");
    let texts = [
        format!("[spool]\ndir = \"/tmp\"\n{VIEW}"),
        spool("dir = \"/nowhere\""),
        spool("dir = \"/\""),
        spool("dir = \"/tmp\"\nmax_bytes = 0\nmax_files = 0\nlease = \"0s\""),
        spool("dir = \"/tmp\"\nfill = \"after\"\nmax_age = \"soon\"\nsync = \"yes\""),
        spool("dir = \"/tmp\"\ndestination_url = \"/\"\nmax_byte = 5"),
        spool("dir = \"/tmp\"\ndestination_url = \"/hello/\"")
            .replace("\"/hello\"", "\"/hello/world\""),
        format!("{VIEW}spool = \"keyed\"\n"),
        format!("{VIEW}spool = \"sometimes\"\n"),
    ];
    insta::assert_snapshot!(tables(texts.iter().map(String::as_str)), @r#"
    1:1 [spool] keeps copies for a proxy, and there is none in front
        -> name it in [optimize]: backend = "nginx"; or take [spool] out
    4:7 `dir`: there is no folder /nowhere
        -> create it (mkdir -p /nowhere) or correct the path
    4:7 `dir`: the proxy may send every file below this folder, and this is every file
        -> name a folder for the copies alone: "/var/cache/downloadview"
    5:13 `max_bytes`: without room for a byte nothing could be copied
        -> write a size, "2GiB", or take [spool] out
    6:13 `max_files`: 0 is too few
        -> write a number from 1 upwards
    7:9 `lease`: with no time at all nothing could ever succeed
        -> write at least "1ms"
    5:8 `fill`: unknown value `after`
        -> use `before` or `while`
    6:11 `max_age`: `soon` is not a duration
        -> write a whole number with its unit, ms, s, m, h or d: "60s"
    7:8 `sync`: expected true or false, found a string
        -> give `sync` true or false
    5:19 `destination_url`: `/` would hide the whole site from clients
        -> name a folder of URLs that nothing else uses: "/_internal/"
    6:1 unknown key `max_byte` in [spool]
        -> did you mean `max_bytes`?
    7:9 route `/hello/world` lies below `/hello/`, which the rule of line 3 keeps from clients
        -> choose a `destination_url` that no route starts with: "/_internal/"
    2:9 route `/hello` asks for copies (`spool`), and there is no [spool]
        -> add [spool] with dir = "/var/cache/downloadview", or take `spool` out
    6:9 `spool`: unknown value `sometimes`
        -> use `off`, `keyed` or `always`
    "#);
}

/// What is wrong with `[storages.media]` of these keys, if anything is.
fn told_of_media(keys: &str) -> String {
    let text = format!(
        "[storages.media]\n{keys}\n[[views]]\nroute = \"/{{*path}}\"\nkind = \"storage\"\nstorage = \"media\"\n"
    );
    let read = Config::parse(&text, Path::new(FILE));
    read.map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn a_kind_that_is_not_in_this_build_is_an_error_that_names_its_feature() {
    for (kind, is_built) in [
        ("gcs", cfg!(feature = "gcs")),
        ("azure", cfg!(feature = "azure")),
    ] {
        let found = told_of_media(&format!("kind = \"{kind}\""));
        let told = found.contains(&format!("--features {kind}"));
        assert!(!found.is_empty() && told != is_built, "{found}");
    }
}

#[cfg(feature = "gcs")]
#[test]
fn a_bucket_of_google_says_who_signs_once() {
    let with = |keys: &str| told_of_media(&format!("kind = \"gcs\"\nbucket = \"archive\"\n{keys}"));
    assert_eq!(with("anonymous = true\nprefix = \"2026\""), "");
    assert_eq!(with("credentials_file = \"/dev/null\""), "");
    for (keys, part) in [
        ("credentials_file = \"missing.json\"", "cannot read"),
        (
            "credentials_file = \"/dev/null\"\nanonymous = true",
            "take one of the two out",
        ),
        (
            "endpoint = \"http://gcs.example\"\nanonymous = true",
            "in the clear",
        ),
        ("region = \"eu\"", "unknown key `region`"),
        ("link_lifetime = \"8d\"", "7 days"),
    ] {
        let found = with(keys);
        assert!(found.contains(part), "{keys}: {found}");
    }
}

#[cfg(feature = "azure")]
#[test]
fn a_container_of_azure_says_who_opens_it_once_and_no_secret_is_shown() {
    let with =
        |keys: &str| told_of_media(&format!("kind = \"azure\"\ncontainer = \"media\"\n{keys}"));
    let key = "account = \"archive\"\naccount_key = \"c2VjcmV0IGtleQ==\"";
    let token = "account = \"archive\"\nsas_token = \"sv=1&sig=s3cr3t\"";
    assert_eq!(with(key), "");
    assert_eq!(with(token), "");
    let emulator = "endpoint = \"http://127.0.0.1:10000/devstoreaccount1\"\nallow_private = true";
    assert_eq!(with(&format!("{key}\n{emulator}\nallow_http = true")), "");
    for (keys, part) in [
        (format!("{key}\n{emulator}"), "in the clear"),
        (format!("{key}\nanonymous = true"), "keep one of them"),
        ("account_key = \"c2VjcmV0IGtleQ==\"".to_owned(), "`account`"),
        (
            "account = \"archive\"\naccount_key = \"s3cr3t!\"".to_owned(),
            "not valid base64",
        ),
        (
            "account = \"archive\"\nsas_token = \"s3cr3t\"".to_owned(),
            "with `sig=`",
        ),
        (
            format!("{key}\ncontainer_name = \"s3cr3t\""),
            "container_name",
        ),
        (
            format!(
                "{token}\n[optimize]\nbackend = \"none\"\n[[optimize.rules]]\nstorage = \"media\"\nredirect = true"
            ),
            "good for more than one file",
        ),
    ] {
        let found = with(&keys);
        assert!(found.contains(part), "{keys}: {found}");
        assert!(
            !found.contains("s3cr3t") && !found.contains("c2Vjcm"),
            "{found}"
        );
    }
}

/// Where there is nothing to match, nothing would be refused, without a word.
#[test]
fn what_is_to_be_refused_is_not_streamed_for_want_of_a_rule() {
    let (refuse, storage) = (
        "[optimize]\nbackend = \"nginx\"\nunmatched = \"refuse\"\n",
        "[storages.media]\nkind = \"memory\"\nbase_url = \"/media/\"\n[storages.media.files]\na = \"a\"\n",
    );
    let rule = "[[optimize.rules]]\nsource_url = \"/media/\"\ndestination_url = \"/_internal/\"\n";
    let own = rule.replace("optimize.rules", "views.rules");
    let views = |first: &str, second: &str| {
        let of = |route: &str, lines: &str| {
            format!(
                "[[views]]\nroute = \"{route}\"\nkind = \"storage\"\nstorage = \"media\"\nname = \"a\"\n{lines}"
            )
        };
        of("/a", first) + &of("/b", second)
    };
    let told = |optimize: &str, first: &str, second: &str| {
        let text = format!("{optimize}{storage}{}", views(first, second));
        match Config::parse(&text, Path::new("/nowhere/downloadview.toml")) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    };
    let found = told(refuse, "", "optimize = false\n");
    assert!(
        found.contains("the files of route `/a` would be streamed although"),
        "{found}"
    );
    assert!(!found.contains("route `/b`"), "{found}");
    assert!(
        found.contains("write optimize = false into the view"),
        "{found}"
    );
    for (optimize, first, second) in [
        (refuse.to_owned(), &*own, ""),
        (format!("{refuse}{rule}"), "", ""),
        (refuse.replace("refuse", "warn"), "", ""),
    ] {
        assert_eq!(told(&optimize, first, second), "", "{optimize} {second}");
    }
}
