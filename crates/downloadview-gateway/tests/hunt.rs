//! Looks for a wrong byte: the gateway sends files that are replaced, cut and thrown out of the page cache meanwhile, to
//! clients that ask for all kinds of parts, several at once, read at their own pace and leave.
//!
//! A byte is made of its file, the file's version and its place, and is never 0. What a client got must be of one
//! version, from the first byte to the last. `DOWNLOADVIEW_HUNT` says how many answers to ask for (default 100),
//! `DOWNLOADVIEW_HUNT_SEED` where chance begins, `DOWNLOADVIEW_HUNT_FOLDER` where half of the files lie (default
//! `/dev/shm`, a tmpfs).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use downloadview_gateway::app;
use downloadview_gateway::config::{Config, Listen, ServerSettings};
use downloadview_gateway::server::{Listener, serve};
use rustix::fs::{Advice, fadvise};
use tokio::sync::oneshot;

const DEADLINE: Duration = Duration::from_secs(60);
const SIZES: [u64; 8] = [
    1_000, 65_535, 65_536, 70_001, 1_048_576, 1_048_577, 3_333_333, 9_000_001,
];

/// Chance that can be repeated (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

fn mixed(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The bytes from `start` on of one version of a file.
fn bytes_of(file: usize, version: u64, start: u64, length: usize) -> Vec<u8> {
    let seed = ((file as u64) << 56) ^ (version << 36);
    let skipped = (start & 7) as usize;
    let mut bytes = Vec::with_capacity(length + 16);
    let mut word = start >> 3;
    while bytes.len() < skipped + length {
        // No byte is 0, as those are that a mistake would send.
        let value = mixed(seed ^ word) | 0x0101_0101_0101_0101;
        bytes.extend_from_slice(&value.to_le_bytes());
        word += 1;
    }
    bytes.truncate(skipped + length);
    bytes.drain(..skipped);
    bytes
}

fn content(file: usize, version: u64) -> Vec<u8> {
    bytes_of(file, version, 0, SIZES[file % SIZES.len()] as usize)
}

/// Files on a disk, and the same on tmpfs. Those with an even number are replaced, the others are cut as well.
struct Site {
    folders: [tempfile::TempDir; 2],
    versions: Vec<AtomicU64>,
    counts: Counts,
    over: AtomicBool,
}

#[derive(Debug, Default)]
struct Counts {
    answers: AtomicU64,
    bytes: AtomicU64,
    left_by_client: AtomicU64,
    cut_by_server: AtomicU64,
    left_to_ask: AtomicU64,
}

impl Site {
    fn path(&self, file: usize) -> PathBuf {
        let folder = &self.folders[file / SIZES.len() % 2];
        folder.path().join(format!("{file}.bin"))
    }

    fn files(&self) -> usize {
        self.versions.len()
    }

    /// By rename, as one should.
    fn replace(&self, file: usize, version: u64) {
        let path = self.path(file);
        let next = path.with_extension("next");
        fs::write(&next, content(file, version)).expect("written");
        self.versions[file].store(version, Relaxed);
        fs::rename(next, path).expect("renamed");
    }

    /// In place, as nobody should; then there is a whole one again.
    fn cut(&self, file: usize, chance: &mut Chance) {
        let size = SIZES[file % SIZES.len()];
        let open = File::options().write(true).open(self.path(file));
        // No page and no larger unit of the cache is cut in the middle: of such a one the kernel sends zeros, from the
        // place of the cut, if it has it in the socket already.
        let place = chance.below(size) >> 21 << 21;
        open.and_then(|open| open.set_len(place)).expect("cut");
        self.replace(file, self.versions[file].load(Relaxed) + 1);
    }
}

/// What goes on beside the downloads.
fn disturb(site: &Site, seed: u64) {
    let mut chance = Chance(seed);
    while !site.over.load(Relaxed) {
        let file = chance.below(site.files() as u64) as usize;
        match chance.below(8) {
            0 => site.replace(file, site.versions[file].load(Relaxed) + 1),
            1 if file % 2 == 1 => site.cut(file, &mut chance),
            _ => {
                if let Ok(open) = File::open(site.path(file)) {
                    let _ = open.sync_all();
                    fadvise(&open, 0, None, Advice::DontNeed).expect("advised");
                }
            }
        }
    }
}

trait Line: Read + Write + Send {}
impl<T: Read + Write + Send> Line for T {}

/// A client's connection, which reads at a pace of its own.
struct Client {
    line: Box<dyn Line>,
    /// Bytes that were read and not looked at.
    ahead: Vec<u8>,
    piece: usize,
    slow: bool,
}

enum End {
    /// The server ended the connection.
    Cut,
    /// The client had enough.
    Enough,
}

impl Client {
    fn connect(address: &Listen, chance: &mut Chance) -> Self {
        let line: Box<dyn Line> = match address {
            Listen::Tcp(address) => {
                let line = TcpStream::connect(address).expect("connected");
                line.set_read_timeout(Some(DEADLINE)).expect("set");
                if chance.one_in(3) {
                    let small = rustix::net::sockopt::set_socket_recv_buffer_size(&line, 256 << 10);
                    small.expect("set");
                }
                Box::new(line)
            }
            Listen::Unix(path) => {
                let line = UnixStream::connect(path).expect("connected");
                line.set_read_timeout(Some(DEADLINE)).expect("set");
                Box::new(line)
            }
        };
        Self {
            line,
            ahead: Vec::new(),
            piece: 1 << (9 + chance.below(10)),
            slow: chance.one_in(6),
        }
    }

    fn read(&mut self) -> Result<(), End> {
        if self.slow {
            thread::yield_now();
        }
        let mut piece = vec![0; self.piece];
        match self.line.read(&mut piece) {
            Ok(0) => Err(End::Cut),
            Ok(count) => {
                self.ahead.extend_from_slice(&piece[..count]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("an answer hangs"),
            Err(_) => Err(End::Cut),
        }
    }

    fn head(&mut self) -> Result<String, End> {
        loop {
            let end = self.ahead.windows(4).position(|end| end == b"\r\n\r\n");
            if let Some(end) = end {
                let head: Vec<u8> = self.ahead.drain(..end + 4).collect();
                return Ok(String::from_utf8(head).expect("a head").to_lowercase());
            }
            assert!(self.ahead.len() < 64 << 10, "no head");
            self.read()?;
        }
    }

    /// The next bytes; with the end, as many as came before it.
    fn take(&mut self, count: usize) -> (Vec<u8>, Result<(), End>) {
        while self.ahead.len() < count {
            if let Err(end) = self.read() {
                return (std::mem::take(&mut self.ahead), Err(end));
            }
        }
        (self.ahead.drain(..count).collect(), Ok(()))
    }
}

/// What one answer should bring.
struct Asked {
    file: usize,
    method: &'static str,
    /// Start and end of each part.
    parts: Vec<(u64, u64)>,
}

impl Asked {
    /// Of a file that is cut, or of one that is not: never both in one connection, since a reset takes along what is
    /// still on its way.
    fn by(chance: &mut Chance, files: usize, cut: bool) -> Self {
        let file = chance.below(files as u64 / 2) as usize * 2 + usize::from(cut);
        let size = SIZES[file % SIZES.len()];
        let count = [0, 0, 1, 1, 1, 3][chance.below(6) as usize];
        let mut parts: Vec<(u64, u64)> = (0..count)
            .map(|_| {
                let start = chance.below(size);
                (start, start + 1 + chance.below(size - start))
            })
            .collect();
        parts.sort_unstable();
        // Parts that touch are one.
        parts.dedup_by(|next, before| next.0 <= before.1 + 200);
        Self {
            file,
            method: if chance.one_in(12) { "HEAD" } else { "GET" },
            parts,
        }
    }

    fn request(&self) -> String {
        let mut request = format!(
            "{} /{}/{}.bin HTTP/1.1\r\nHost: a\r\n",
            self.method,
            self.file / SIZES.len() % 2,
            self.file
        );
        let parts = self
            .parts
            .iter()
            .map(|(start, end)| format!("{start}-{}", end - 1));
        let parts: Vec<String> = parts.collect();
        if !parts.is_empty() {
            request += &format!("Range: bytes={}\r\n", parts.join(","));
        }
        request + "\r\n"
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Every version of which these are the bytes from `start` on. Once a version is found, all bytes are compared.
fn assert_of_one_version(
    site: &Site,
    file: usize,
    start: u64,
    bytes: &[u8],
    found: &mut Option<u64>,
) {
    if bytes.len() < 16 {
        return;
    }
    let newest = site.versions[file].load(Relaxed);
    let version = found.or_else(|| {
        (0..=newest)
            .rev()
            .find(|version| bytes_of(file, *version, start, 16) == bytes[..16])
    });
    let Some(version) = version else {
        panic!(
            "file {file}, from {start}: bytes of no version: {:?}",
            &bytes[..16]
        );
    };
    *found = Some(version);
    let expected = bytes_of(file, version, start, bytes.len());
    if expected != bytes {
        let wrong = (expected.iter().zip(bytes)).position(|(expected, came)| expected != came);
        let wrong = wrong.unwrap_or_default();
        let zeros = bytes[wrong..].iter().take_while(|came| **came == 0).count();
        panic!(
            "file {file}, version {version}, from {start}: wrong at {wrong} of {}, {zeros} zeros",
            bytes.len()
        );
    }
}

/// Takes one answer and compares it.
fn receive(
    site: &Site,
    client: &mut Client,
    asked: &Asked,
    chance: &mut Chance,
) -> Result<(), End> {
    let head = client.head()?;
    let status = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let length: usize =
        field(&head, "content-length").map_or(0, |length| length.parse().expect("a length"));
    if asked.method == "HEAD" {
        return Ok(());
    }
    let leaves_at = chance
        .one_in(15)
        .then(|| chance.below(length as u64 + 1) as usize);
    let (bytes, end) = client.take(leaves_at.unwrap_or(length));
    site.counts.bytes.fetch_add(bytes.len() as u64, Relaxed);
    let mut version = None;
    match status.as_str() {
        "200" => assert_of_one_version(site, asked.file, 0, &bytes, &mut version),
        "206" if asked.parts.len() == 1 => {
            assert_of_one_version(site, asked.file, asked.parts[0].0, &bytes, &mut version);
        }
        "206" => {
            let mut rest = &bytes[..];
            while let Some(at) = rest.windows(4).position(|end| end == b"\r\n\r\n") {
                let part = String::from_utf8_lossy(&rest[..at]).to_lowercase();
                let Some(range) = field(&part, "content-range") else {
                    break;
                };
                let (start, last) = range
                    .trim_start_matches("bytes ")
                    .split_once('-')
                    .expect("a range");
                let start: u64 = start.parse().expect("a number");
                let last: u64 = last
                    .split('/')
                    .next()
                    .expect("an end")
                    .parse()
                    .expect("a number");
                let body = &rest[at + 4..];
                let count = body.len().min((last + 1 - start) as usize);
                assert_of_one_version(site, asked.file, start, &body[..count], &mut version);
                rest = &body[count..];
            }
        }
        // The file is shorter for a moment.
        "416" if asked.file % 2 == 1 => {}
        other => panic!("answered {other}: {head}"),
    }
    match (leaves_at, end) {
        (Some(_), _) => Err(End::Enough),
        (None, end) => end,
    }
}

fn download(site: &Site, address: &Listen, seed: u64) {
    let mut chance = Chance(seed);
    while site.counts.left_to_ask.load(Relaxed) > 0 {
        let mut client = Client::connect(address, &mut chance);
        let cut = chance.one_in(2);
        let asked: Vec<Asked> = (0..=chance.below(6))
            .map(|_| Asked::by(&mut chance, site.files(), cut))
            .collect();
        let requests: String = asked.iter().map(Asked::request).collect();
        if client.line.write_all(requests.as_bytes()).is_err() {
            continue;
        }
        for asked in &asked {
            let left = site.counts.left_to_ask.load(Relaxed);
            site.counts
                .left_to_ask
                .store(left.saturating_sub(1), Relaxed);
            match receive(site, &mut client, asked, &mut chance) {
                Ok(()) => _ = site.counts.answers.fetch_add(1, Relaxed),
                Err(End::Cut) => {
                    site.counts.cut_by_server.fetch_add(1, Relaxed);
                    assert!(cut, "file {} came cut, as nobody cuts it", asked.file);
                    break;
                }
                Err(End::Enough) => {
                    site.counts.left_by_client.fetch_add(1, Relaxed);
                    break;
                }
            }
        }
    }
}

/// A gateway on a thread of its own.
fn start(
    folders: [&Path; 2],
    listen: Listen,
    settings: ServerSettings,
) -> (Listen, oneshot::Sender<()>, thread::JoinHandle<()>) {
    let mut tables = String::new();
    for (number, folder) in folders.iter().enumerate() {
        tables += &format!(
            "[storages.s{number}]\nkind = \"local\"\nroot = \"{}\"\n[[views]]\nroute = \"/{number}/{{*path}}\"\n\
             kind = \"storage\"\nstorage = \"s{number}\"\n",
            folder.display()
        );
    }
    let config = Config::parse(&tables, &folders[0].join("a.toml"))
        .unwrap_or_else(|error| panic!("{error}"));
    let (stop, stopped) = oneshot::channel();
    let (tell, told) = std::sync::mpsc::channel();
    let running = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let app = app::build(&config).await.expect("a service");
            let listener = Listener::bind(&listen).await.expect("bound");
            tell.send(listener.address().expect("an address"))
                .expect("told");
            serve(listener, app, &settings, stopped)
                .await
                .expect("served");
        });
    });
    (told.recv().expect("an address"), stop, running)
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

#[test]
fn no_byte_is_wrong_whatever_happens_to_files_and_clients() {
    let answers = from_environment("DOWNLOADVIEW_HUNT", 100);
    let seed = from_environment("DOWNLOADVIEW_HUNT_SEED", 1);
    let second = std::env::var("DOWNLOADVIEW_HUNT_FOLDER");
    let second = second.unwrap_or_else(|_| "/dev/shm".to_owned());
    let folders = ["/var/tmp", &second].map(|place| tempfile::tempdir_in(place).expect("a folder"));
    let site = Arc::new(Site {
        versions: (0..2 * SIZES.len()).map(|_| AtomicU64::new(0)).collect(),
        folders,
        counts: Counts::default(),
        over: AtomicBool::new(false),
    });
    for file in 0..site.files() {
        site.replace(file, 0);
    }
    let socket = site.folders[0].path().join("hunt.sock");
    let places = BTreeMap::from([
        ("tcp", Listen::Tcp(([127, 0, 0, 1], 0).into())),
        ("unix", Listen::Unix(socket)),
    ]);
    for sendfile in [true, false] {
        for (name, place) in &places {
            site.counts
                .left_to_ask
                .store(if sendfile { answers / 2 } else { answers / 8 }, Relaxed);
            site.over.store(false, Relaxed);
            let settings = ServerSettings {
                sendfile,
                ..ServerSettings::default()
            };
            let paths = [site.folders[0].path(), site.folders[1].path()];
            let (address, stop, running) = start(paths, place.clone(), settings);
            thread::scope(|scope| {
                scope.spawn(|| disturb(&site, seed));
                let clients: Vec<_> = (1..=6)
                    .map(|number| {
                        let (site, address) = (&site, &address);
                        scope.spawn(move || {
                            download(site, address, seed.wrapping_mul(1000) + number)
                        })
                    })
                    .collect();
                let ended: Vec<_> = clients
                    .into_iter()
                    .map(thread::ScopedJoinHandle::join)
                    .collect();
                site.over.store(true, Relaxed);
                for end in ended {
                    end.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                }
            });
            stop.send(()).expect("it runs");
            running.join().expect("it ends well");
            eprintln!("{name}, sendfile {sendfile}: {:?}", site.counts);
        }
    }
    assert!(site.counts.answers.load(Relaxed) > answers / 2);
}
