//! Other ways to ask: again and again, over sockets and TLS; and a check that is cut short.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use proxy_tests::{Certificates, Proxy, Server, Site, configuration, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::found::{check, front, through};
use crate::stand::{Stand, changed};

const POLL: Duration = Duration::from_millis(20);

/// Whether a report that is complete has something wrong in it.
fn last_report(server: &Server) -> Option<(usize, bool)> {
    let output = server.output();
    let whole = &output[..output.rfind('\n')?];
    let last: Value = serde_json::from_str(whole.lines().last()?).expect("JSON");
    let findings = last["findings"].as_array().expect("findings");
    let is_wrong = findings.iter().any(|finding| finding["verdict"] == "wrong");
    Some((whole.lines().count(), is_wrong))
}

#[test]
fn a_watch_tells_of_what_breaks_and_of_its_repair() {
    let Stand {
        proxy,
        front: server,
        gateway: _gateway,
        site,
    } = Stand::new(Proxy::Nginx, |_, printed| printed);
    let mut arguments = front(proxy, &server);
    arguments.push("--watch=1s".to_owned());
    let mut watch = site.start_check(&arguments);
    until("two reports, all right", || {
        last_report(&watch).is_some_and(|(count, is_wrong)| count >= 2 && !is_wrong)
    });
    let address = server.address();
    drop(server);
    until("one of what broke", || {
        last_report(&watch).is_some_and(|(_, is_wrong)| is_wrong)
    });
    let printed = site.printed(proxy, address);
    let _server = site.start_proxy_with(proxy, &printed, address);
    until("one of the repair", || {
        last_report(&watch).is_some_and(|(_, is_wrong)| !is_wrong)
    });
    assert_eq!(watch.terminate().code(), Some(2), "{}", watch.output());
    assert_eq!(files(&site), 0);
}

fn files(site: &Site) -> usize {
    fs::read_dir(site.path("media")).expect("a folder").count()
}

/// A proxy that answers `/` and nothing else: who asks for more waits.
fn silent() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().flatten() {
            kept.extend(answered(stream));
        }
    });
    address
}

fn answered(mut stream: TcpStream) -> Option<TcpStream> {
    let mut asked = String::new();
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    lines.read_line(&mut asked).ok()?;
    if asked.starts_with("GET / ") {
        let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).ok()?;
        return None;
    }
    Some(stream)
}

#[test]
fn what_was_placed_goes_with_a_check_that_is_cut_short() {
    let site = Site::new(&configuration(Proxy::Nginx));
    site.give("media");
    let _gateway = site.start_gateway();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut cut = site.start_check(&through("nginx", silent()));
        until("files are placed", || files(&site) > 0);
        let id = Pid::from_raw(cut.id().try_into().expect("an id")).expect("an id");
        kill_process(id, signal).expect("it is there");
        until("it ends", || cut.ends_within(POLL));
        assert_eq!(cut.terminate().code(), Some(2), "{signal:?}");
        assert_eq!(files(&site), 0, "{signal:?}");
    }
}

/// A socket that leads to an address.
fn socket(path: &Path, to: SocketAddr) {
    let listener = UnixListener::bind(path).expect("a socket");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    fs::set_permissions(path, mode).expect("ours");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Ok(server) = TcpStream::connect(to) {
                let _ = pass(&stream, &server);
            }
        }
    });
}

fn pass(client: &UnixStream, server: &TcpStream) -> std::io::Result<()> {
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    Ok(())
}

#[test]
fn gateway_and_proxy_are_asked_over_unix_sockets() {
    let stand = Stand::new(Proxy::Nginx, |_, printed| printed);
    let [app, front] = ["app.socket", "front.socket"].map(|name| stand.site.path(name));
    socket(&app, stand.gateway.address());
    socket(&front, stand.front.address());
    let arguments = [
        format!("--app=unix:{}", app.display()),
        format!("--proxy=nginx=unix:{}", front.display()),
    ];
    check(&stand.site, &arguments).assert_right("sockets");
    let missing = format!("--proxy=nginx=unix:{}", stand.site.path("none").display());
    check(&stand.site, &[missing]).assert_guilty("proxy", &["cannot connect", "start nginx"]);
}

#[test]
fn a_proxy_is_asked_over_tls_by_whom_the_certificates_trust() {
    let mut root = None;
    let stand = Stand::new(Proxy::Nginx, |site, printed| {
        let made = Certificates::for_name(site, "localhost");
        let lines = format!(
            " ssl;\n        ssl_certificate {};\n        ssl_certificate_key {};\n",
            made.chain.display(),
            made.key.display()
        );
        let listen = printed
            .lines()
            .find(|line| line.trim_start().starts_with("listen "));
        let listen = listen.expect("it listens").trim_end_matches(';').to_owned();
        root = Some(made.root);
        changed(&printed, &format!("{listen};"), &format!("{listen}{lines}"))
    });
    let port = stand.front.address().port();
    let url = format!("--proxy=nginx=https://localhost:{port}");
    let trust = format!("--ca-file={}", root.expect("made").display());
    check(&stand.site, &[url.clone(), trust]).assert_right("TLS");
    check(&stand.site, &[url]).assert_guilty("proxy", &["certificate"]);
}
