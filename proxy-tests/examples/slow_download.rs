//! A download of ten minutes whose store is cut off in the middle: does the client get every byte?
//!
//! ```text
//! cargo run --package proxy-tests --example slow_download
//! ```
//!
//! The gateway streams an object of a server that speaks S3 (`s3s`), whose connection ends after five minutes. The client
//! reads a 600th of it each second, so less is on the way than is left when the connection ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use proxy_tests::{ACCESS_KEY_ID, BUCKET, Relay, S3s, SECRET_ACCESS_KEY, Site, noise};

const SECONDS: usize = 600;
/// So much that all buffers between store and client hold a tenth of it at most.
const SIZE: usize = SECONDS * 256 * 1024;
const TAG: &str = "0123456789abcdef";

fn main() -> ExitCode {
    match download() {
        Ok(verdict) => {
            println!("{verdict}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn download() -> Result<String> {
    let file = noise(SIZE);
    let s3s = S3s::start();
    s3s.put_tagged("slow.bin", &file, TAG);
    let store = Relay::start(s3s.address());
    let site = Site::new(&configuration(&store));
    let _gateway = site.start_gateway();

    let started = Instant::now();
    let mut stream = TcpStream::connect(site.app())?;
    let patience = Duration::from_secs(60);
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(b"GET /files/slow.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let head = head(&mut stream)?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "{head}");
    ensure!(
        head.contains(&format!("content-length: {SIZE}\r\n")),
        "{head}"
    );

    let mut part = vec![0; SIZE / SECONDS];
    for (second, expected) in file.chunks(part.len()).enumerate() {
        let due = started + Duration::from_secs(second as u64 + 1);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if second == SECONDS / 2 {
            store.cut_connections();
        }
        let read = stream.read_exact(&mut part);
        read.with_context(|| format!("the download ended in second {second}"))?;
        ensure!(part == expected, "other bytes in second {second}");
    }
    let more = stream.read(&mut part)?;
    ensure!(more == 0, "{more} bytes too many");
    verdict(&s3s, started.elapsed())
}

fn configuration(store: &Relay) -> String {
    format!(
        "listen = \"@LISTEN@\"\n[storages.media]\nkind = \"s3\"\nbucket = \"{BUCKET}\"\nendpoint = \"http://{}\"\n\
         allow_http = true\nallow_private = true\naccess_key_id = \"{ACCESS_KEY_ID}\"\n\
         secret_access_key = \"{SECRET_ACCESS_KEY}\"\n\
         [[views]]\nroute = \"/files/{{*path}}\"\nkind = \"storage\"\nstorage = \"media\"\n",
        store.address()
    )
}

/// Byte by byte, so that nothing of the body is taken along.
fn head(stream: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).context("no head came")?;
        head.extend_from_slice(&byte);
    }
    Ok(String::from_utf8_lossy(&head)
        .to_ascii_lowercase()
        .replacen("http", "HTTP", 1))
}

/// Two requests: of all, and of what was left, under the condition that it is still the same.
fn verdict(s3s: &S3s, took: Duration) -> Result<String> {
    let asked = s3s.asked();
    let [first, again] = asked.as_slice() else {
        anyhow::bail!("{} requests: {asked:#?}", asked.len());
    };
    ensure!(first.header("Range").is_none(), "{first:#?}");
    let range = again.header("Range").unwrap_or_default();
    let rest = range
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix(&format!("-{}", SIZE - 1)));
    let rest: usize = rest
        .and_then(|first| first.parse().ok())
        .with_context(|| format!("{again:#?}"))?;
    ensure!(rest >= SIZE / 2, "{again:#?}");
    ensure!(
        again.header("If-Match") == Some(&*format!("\"{TAG}\"")),
        "{again:#?}"
    );
    Ok(format!(
        "{SIZE} bytes in {} s, all as stored; cut off in the middle, the gateway asked for the rest from byte {rest} on",
        took.as_secs()
    ))
}
