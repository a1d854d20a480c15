//! `[views.authorize]` as its page and `explain` show it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;

use downloadview_gateway::config::Config;
use downloadview_gateway::explain::{Assumed, explain_to};

const PAGE: &str = include_str!("../../../docs/authorize.md");

#[test]
fn every_configuration_of_the_page_is_valid() {
    let blocks = PAGE.split("```toml\n").skip(1);
    let blocks: Vec<_> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 5);
    for block in blocks {
        // A folder that is there.
        let block = &block.replace("/srv/private", "/");
        if let Err(error) = Config::parse(block, Path::new("/nowhere/downloadview.toml")) {
            panic!("{block}\n{error}");
        }
    }
}

/// Says yes to alice and no to everybody else.
fn authorizer() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(stream.try_clone().expect("a descriptor")).lines();
            let lines = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty());
            let asked: Vec<_> = lines.collect();
            let has = |line: &str| asked.iter().any(|it| it == line);
            let is_alice = has("cookie: session=alice") && has("x-forwarded-for: 192.0.2.7");
            let head = match (
                is_alice,
                has("cookie: session=carol"),
                has("cookie: session=dave"),
            ) {
                (true, ..) => "204 Yes",
                (_, true, _) => "301 Moved\r\nLocation: /private/a.txt/",
                (.., true) => "302 Login\r\nLocation: /login",
                _ => "403 No",
            };
            let answer = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).expect("it listens");
        }
    });
    address
}

async fn explained(cookie: &str) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("a.txt"), "text").expect("written");
    let text = format!(
        "[[views]]\nroute = '/private/{{*path}}'\nkind = 'path'\nroot = '.'\n[views.authorize]\nurl = 'http://{}/may?key=hunter2'",
        authorizer()
    );
    let config = Config::parse(&text, &dir.path().join("downloadview.toml")).expect("valid");
    let assumed = Assumed {
        headers: vec![(
            "cookie".parse().expect("a name"),
            cookie.parse().expect("a value"),
        )],
        client: Some([192, 0, 2, 7].into()),
        ..Assumed::default()
    };
    let uri = "/private/a.txt".parse().expect("a path");
    let told = Box::pin(explain_to(&config, &uri, &assumed)).await;
    let told = told.expect("explained");
    assert!(
        !told.contains("hunter2") && !told.contains("session="),
        "{told}"
    );
    let told = told.replace(dir.path().to_str().expect("a text"), "");
    let shown = |line: &&str| !line.contains("127.0.0.1") && !line.starts_with("  ");
    told.lines().filter(shown).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn explain_asks_and_shows_who_may_and_who_may_not() {
    insta::assert_snapshot!(explained("session=alice").await, @r#"
    GET /private/a.txt
    route     /private/{*path} (/downloadview.toml:1)
    view      path: below 
    client    192.0.2.7
    permit    authorize: may pass
    file      a.txt
    decision
    outcome   streamed by the gateway: there is no proxy
    answer    200 OK
    "#);
    insta::assert_snapshot!(explained("session=bob").await, @r#"
    GET /private/a.txt
    route     /private/{*path} (/downloadview.toml:1)
    view      path: below 
    client    192.0.2.7
    decision
    outcome   denied: authorizer: it answers 403 Forbidden
    answer    403 Forbidden
    "#);
    let moved = explained("session=carol").await;
    let why = "outcome   denied: authorizer: its answer (301 Moved Permanently) means neither yes nor no\nanswer    502 Bad Gateway";
    assert!(moved.ends_with(why), "{moved}");
    let login = explained("session=dave").await;
    let why = "outcome   denied: authorizer: it answers 302 Found, and the client is sent to /login\nanswer    302 Found";
    assert!(login.ends_with(why), "{login}");
}
