//! The clients: a few that download and compare, many that misbehave.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{Scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use proxy_tests::{HungMount, Request, Response, Site};

/// The files are named by their size.
const SIZES: [usize; 6] = [0, 1, 4_095, 65_537, 1 << 20, 8 << 20];
const LARGEST: usize = SIZES[SIZES.len() - 1];
const HEALTHY: usize = 4;
/// How many there are of each kind that misbehaves: together more than the gateway has connections for.
const BAD: usize = 24;
/// How many complaints are printed.
const SHOWN: usize = 10;

/// Bytes of which no stretch is like another.
fn content(size: usize) -> Vec<u8> {
    let mut state = size as u64 | 1;
    let byte = |_| {
        // Knuth's MMIX: a linear congruential generator, whose upper bits are good enough.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..size).map(byte).collect()
}

pub(crate) fn write_files(site: &Site) {
    for size in SIZES {
        let name = format!("media/{size}");
        site.write(&name, content(size));
        // Only then is its date a strong validator.
        site.age(&name);
    }
}

/// What the clients saw.
#[derive(Default)]
pub(crate) struct Tally {
    right: AtomicUsize,
    wrong: AtomicUsize,
    misbehaved: AtomicUsize,
    number: AtomicUsize,
    reloaded: AtomicUsize,
    missed: AtomicUsize,
    complaints: Mutex<Vec<String>>,
}

impl Tally {
    /// The number of the next configuration.
    pub(crate) fn next_reload(&self) -> usize {
        self.number.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether a configuration came to count.
    pub(crate) fn reloaded(&self, counts: bool, number: usize) {
        if counts {
            self.reloaded.fetch_add(1, Ordering::Relaxed);
        } else {
            self.missed.fetch_add(1, Ordering::Relaxed);
            self.complain(format!("configuration {number} does not come to count"));
        }
    }

    pub(crate) fn is_right(&self) -> bool {
        self.right.load(Ordering::Relaxed) > 0 && self.wrong.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn reloads_are_right(&self) -> bool {
        self.reloaded.load(Ordering::Relaxed) > 0 && self.missed.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn print(&self) {
        let load = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        println!(
            "downloads: {} right, {} wrong; {} clients misbehaved\nreloads: {} in all, {} of {} awaited ones counted",
            load(&self.right),
            load(&self.wrong),
            load(&self.misbehaved),
            load(&self.number),
            load(&self.reloaded),
            load(&self.reloaded) + load(&self.missed),
        );
    }

    fn download(&self, result: Result<()>) {
        match result {
            Ok(()) => {
                self.right.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                self.wrong.fetch_add(1, Ordering::Relaxed);
                self.complain(format!("{error:#}"));
            }
        }
    }

    fn complain(&self, what: String) {
        let complaints = self.complaints.lock();
        let mut complaints = complaints.unwrap_or_else(PoisonError::into_inner);
        if complaints.len() < SHOWN {
            println!("FAILED {what}");
            complaints.push(what);
        }
    }
}

/// Every client of one run.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) gateway: SocketAddr,
    pub(crate) over: &'a AtomicBool,
    pub(crate) tally: &'a Tally,
}

impl<'a> Load<'a> {
    pub(crate) fn start<'scope>(self, scope: &'scope Scope<'scope, '_>)
    where
        'a: 'scope,
    {
        for _ in 0..HEALTHY {
            scope.spawn(move || self.healthy());
        }
        for misbehave in [abort, dawdle, stall, half_a_head, ask_what_hangs] {
            for number in 0..BAD {
                scope.spawn(move || self.bad(misbehave, number));
            }
        }
    }

    fn goes_on(self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn healthy(self) {
        let files: Vec<_> = SIZES.map(|size| (size, content(size))).into();
        while self.goes_on() {
            for (size, content) in &files {
                for check in [whole, part, conditional] {
                    self.tally
                        .download(check(self.gateway, *size, content).context(*size));
                    sleep(Duration::from_millis(20));
                }
            }
        }
    }

    /// A connection that breaks is what it is for, so errors tell nothing here.
    fn bad(self, misbehave: fn(SocketAddr, usize) -> Result<()>, number: usize) {
        while self.goes_on() {
            let _ = misbehave(self.gateway, number);
            self.tally.misbehaved.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(50));
        }
    }
}

/// Each kind of download once, and the storage on the mount too.
pub(crate) fn first_downloads(gateway: SocketAddr, tally: &Tally) {
    let ready = || -> Result<()> {
        let answer = Request::get("/slow/ready.txt").send(gateway)?;
        ensure!(answer.text() == HungMount::READY, answer.head());
        Ok(())
    };
    tally.download(ready());
    for size in SIZES {
        for check in [whole, part, conditional] {
            tally.download(check(gateway, size, &content(size)).context(size));
        }
    }
}

/// Connections that stay: downloads that nobody reads, and requests to the mount that hangs.
pub(crate) fn stalled(gateway: SocketAddr) -> Vec<TcpStream> {
    let targets = [format!("/files/{LARGEST}"), "/slow/lost".to_owned()];
    let targets = targets.iter().cycle().take(8);
    let streams = targets.map(|target| {
        let mut stream = open(gateway, target)?;
        if target.starts_with("/files") {
            stream.read_exact(&mut [0; 1])?;
        }
        anyhow::Ok(stream)
    });
    streams.flatten().collect()
}

fn ask(gateway: SocketAddr, request: &Request, status: u16) -> Result<Response> {
    let answer = request
        .send(gateway)
        .with_context(|| format!("{request:?}"))?;
    let came = || format!("{request:?}: {}", answer.head());
    ensure!(answer.status == status, came());
    Ok(answer)
}

fn get(size: usize) -> Request {
    Request::get(&format!("/files/{size}"))
}

fn whole(gateway: SocketAddr, size: usize, content: &[u8]) -> Result<()> {
    let answer = ask(gateway, &get(size), 200)?;
    ensure!(answer.body == content, "other bytes: {}", answer.head());
    Ok(())
}

fn part(gateway: SocketAddr, size: usize, content: &[u8]) -> Result<()> {
    let (first, last) = (size / 3, size - size / 4);
    if first >= last {
        return Ok(());
    }
    let range = format!("bytes={first}-{}", last - 1);
    let answer = ask(gateway, &get(size).header("Range", &range), 206)?;
    let right = answer.body == content[first..last];
    ensure!(right, "other bytes of {range}: {}", answer.head());
    Ok(())
}

fn conditional(gateway: SocketAddr, size: usize, content: &[u8]) -> Result<()> {
    let head = ask(gateway, &Request::head(&format!("/files/{size}")), 200)?;
    let tags = head.all("ETag");
    let tag = tags.first().context("no ETag")?;
    let same = ask(gateway, &get(size).header("If-None-Match", tag), 304)?;
    ensure!(same.body.is_empty(), "a 304 with a body: {}", same.head());
    let half = size / 2;
    if half == size {
        return Ok(());
    }
    let rest = get(size).header("Range", &format!("bytes={half}-"));
    let same = ask(gateway, &rest.clone().header("If-Range", tag), 206)?;
    ensure!(same.body == content[half..], "other bytes: {}", same.head());
    let other = ask(gateway, &rest.header("If-Range", "\"other\""), 200)?;
    ensure!(other.body == content, "other bytes: {}", other.head());
    Ok(())
}

fn open(gateway: SocketAddr, target: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(gateway)?;
    stream.set_read_timeout(Some(Duration::from_secs(15)))?;
    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())?;
    Ok(stream)
}

/// Goes away after some bytes, of which many are still on their way.
fn abort(gateway: SocketAddr, number: usize) -> Result<()> {
    let mut stream = open(gateway, &format!("/files/{LARGEST}"))?;
    let mut some = vec![0; 1 + number * 10_000];
    stream.read_exact(&mut some)?;
    Ok(())
}

/// Reads little at a time, and has enough after some seconds.
fn dawdle(gateway: SocketAddr, number: usize) -> Result<()> {
    let mut stream = open(gateway, &format!("/files/{LARGEST}"))?;
    let until = Instant::now() + Duration::from_secs(2 + number as u64 % 4);
    let mut little = [0; 2_000];
    while Instant::now() < until && stream.read(&mut little)? > 0 {
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Stops reading until it is cut.
fn stall(gateway: SocketAddr, _: usize) -> Result<()> {
    let mut stream = open(gateway, &format!("/files/{LARGEST}"))?;
    stream.read_exact(&mut [0; 100])?;
    sleep(Duration::from_secs(7));
    Ok(())
}

/// Waits for the gateway to lose patience.
fn half_a_head(gateway: SocketAddr, number: usize) -> Result<()> {
    const HEAD: &[u8] = b"GET /files/1 HTTP/1.1\r\nHost: gateway.example\r\nUser";
    let mut stream = TcpStream::connect(gateway)?;
    stream.set_read_timeout(Some(Duration::from_secs(15)))?;
    stream.write_all(&HEAD[..1 + number * 2 % HEAD.len()])?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn ask_what_hangs(gateway: SocketAddr, number: usize) -> Result<()> {
    let mut stream = open(gateway, &format!("/slow/lost-{number}"))?;
    let _ = stream.read(&mut [0; 100])?;
    Ok(())
}
