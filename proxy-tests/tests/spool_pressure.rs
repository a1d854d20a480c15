//! The spool where there is little room, and where many ask at once: a small disk, a disk that somebody else fills, a
//! hundred clients of one missing file, two gateways over one folder.
//!
//! `SPOOL_REQUESTS` (default 600, and more until copies had to make room) and `SPOOL_MEBIBYTES` (default 8) make the runs longer:
//! 10,000 and 200.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proxy_tests::{Answer, Asked, Origin, Proxy, Request, Server, Site, Tmpfs, noise, spooled};
use rustix::fs::statvfs;

const MEBIBYTE: usize = 1 << 20;

/// How long what must happen may take.
const PATIENCE: Duration = Duration::from_secs(240);

fn number_from(variable: &str, default: usize) -> usize {
    let set = std::env::var(variable).ok();
    set.map_or(default, |text| text.parse().expect("a number"))
}

/// A server whose files are `/N`, each of one mebibyte and unlike all others.
fn origin() -> (Origin, Arc<[u8]>) {
    let noise: Arc<[u8]> = noise(2 * MEBIBYTE).into();
    let sent = Arc::clone(&noise);
    let origin = Origin::start(move |asked: &Asked| {
        let key: usize = asked.target()[1..].parse().expect("a number");
        let head =
            format!("HTTP/1.1 200 OK\r\nETag: \"{key}\"\r\nContent-Length: {MEBIBYTE}\r\n\r\n");
        Answer::new(head).and_part(&sent, start(key)..start(key) + MEBIBYTE)
    });
    (origin, noise)
}

/// Where the file of a key begins in the noise.
fn start(key: usize) -> usize {
    key * 1021 % MEBIBYTE
}

/// A gateway that copies the files of `origin`, with these lines in `[spool]`.
fn configuration(origin: &Origin, spool: &Path, keys: &str) -> String {
    format!(
        "listen = \"@LISTEN@\"\n[optimize]\nbackend = \"nginx\"\n\
         [spool]\ndir = \"{}\"\n{keys}\n\
         [[views]]\nroute = \"/{{*path}}\"\nkind = \"http\"\nurl = \"http://{}/{{path}}\"\nallow_private = true\n",
        spool.display(),
        origin.address(),
    )
}

/// What is asked of a small disk, and what was seen.
struct Run {
    // Dropped in this order.
    gateway: Server,
    front: Server,
    _disk: Tmpfs,
    site: Site,
    noise: Arc<[u8]>,
    requests: usize,
    asked: AtomicUsize,
    /// How often the ballast came or went: it is there when that is odd.
    ballast: AtomicU64,
    /// Set when enough was seen of what the run is for.
    enough: AtomicBool,
    /// Set when a client failed.
    failed: AtomicBool,
}

/// A client that fails keeps nobody waiting.
struct EndsAll<'a>(&'a Run);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// Room for the copies of a run, on a disk of 64 MiB.
const BOUND: u64 = 48 << 20;
const BALLAST: &str = "ballast";
const CLIENTS: usize = 8;

impl Run {
    /// Keys that are asked for: 1 GiB in all, one in two requests for one of sixteen.
    fn key(number: usize) -> usize {
        let spread = number.wrapping_mul(0x9e37_79b9) >> 7;
        match spread % 2 {
            0 => spread / 2 % 16,
            _ => spread / 2 % 1024,
        }
    }

    fn is_over(&self) -> bool {
        let asked = self.asked.load(Ordering::Relaxed);
        let is_seen = asked >= self.requests && self.enough.load(Ordering::Relaxed);
        is_seen || self.failed.load(Ordering::Relaxed)
    }

    /// All clients ask through nginx until it is over: no download fails.
    fn ask_all(&self) {
        let deadline = Instant::now() + PATIENCE;
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let _ends_all = EndsAll(self);
                    while !self.is_over() {
                        assert!(Instant::now() < deadline, "not seen what it is for");
                        self.ask(self.asked.fetch_add(1, Ordering::Relaxed));
                    }
                });
            }
        });
    }

    fn ask(&self, number: usize) {
        let key = Self::key(number);
        let content = &self.noise[start(key)..start(key) + MEBIBYTE];
        let request = Request::get(&format!("/{key}"));
        if !number.is_multiple_of(5) {
            let whole = request.start(self.front.address());
            let whole = whole.and_then(|exchange| exchange.finish_as(content));
            whole.unwrap_or_else(|error| panic!("request {number}, key {key}: {error:#}"));
            return;
        }
        let part = self
            .front
            .send(&request.header("Range", "bytes=1000-70000"));
        // What was opened to be copied, and then was not, is sent whole.
        let expected = match part.status {
            200 => content,
            _ => &content[1000..=70000],
        };
        assert!(matches!(part.status, 200 | 206), "{}", part.head());
        assert!(part.body == expected, "{number}");
    }

    /// Looks at the disk until it is over: what the spool holds of it keeps the bound. What came and went is counted.
    fn watch(&self) -> Seen {
        let folder = self.site.path("spool");
        let mut seen = Seen::default();
        let mut names: HashSet<PathBuf> = HashSet::new();
        while !self.is_over() {
            if let Some(taken) = self.taken(&folder) {
                seen.looks += 1;
                seen.most = seen.most.max(taken);
            }
            let here = spooled(&folder).into_iter().map(|(path, _)| path);
            let here: HashSet<PathBuf> = here.collect();
            let is_copy = |path: &&PathBuf| path.extension().is_none() && !path.ends_with(BALLAST);
            seen.gone += names
                .iter()
                .filter(is_copy)
                .filter(|path| !here.contains(*path))
                .count();
            names = here;
            if seen.gone > 100 {
                self.enough.store(true, Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        seen
    }

    /// The bytes of the disk that are taken; `None` while the ballast takes some. What was removed and is still open counts,
    /// as it does for whoever runs out of room.
    fn taken(&self, folder: &Path) -> Option<u64> {
        let before = self.ballast.load(Ordering::Acquire);
        let disk = statvfs(folder).expect("it is mounted");
        let is_right = before.is_multiple_of(2) && before == self.ballast.load(Ordering::Acquire);
        is_right.then(|| (disk.f_blocks - disk.f_bfree) * disk.f_frsize)
    }
}

#[derive(Debug, Default)]
struct Seen {
    /// The most bytes that it took at once.
    most: u64,
    looks: usize,
    /// Copies that made room.
    gone: usize,
}

fn small_disk(others: impl FnOnce(&Run) + Send) -> Seen {
    let (origin, noise) = origin();
    let site = Site::new("");
    site.make_own_folder("spool");
    let disk = Tmpfs::over(&site.path("spool"), 64 << 20);
    let keys = format!("max_bytes = {BOUND}\nmin_free_bytes = 0\nlease = \"3s\"\nmax_age = \"1h\"");
    site.configure(&configuration(&origin, &site.path("spool"), &keys));
    let run = Run {
        gateway: site.start_gateway(),
        front: site.start_proxy(Proxy::Nginx),
        _disk: disk,
        site,
        noise,
        requests: number_from("SPOOL_REQUESTS", 600),
        asked: AtomicUsize::new(0),
        ballast: AtomicU64::new(0),
        enough: AtomicBool::new(false),
        failed: AtomicBool::new(false),
    };
    let began = Instant::now();
    let seen = std::thread::scope(|scope| {
        let watching = scope.spawn(|| run.watch());
        scope.spawn(|| others(&run));
        run.ask_all();
        watching.join().expect("it was watched")
    });
    let asked = run.asked.load(Ordering::Relaxed);
    let fetched = origin.asked().len();
    eprintln!(
        "{asked} requests in {:?}, {fetched} of the origin; {seen:?}",
        began.elapsed()
    );
    // Each client may still get a file that had to go.
    let sent = (CLIENTS * MEBIBYTE) as u64;
    assert!(seen.most <= BOUND + sent, "{seen:?}");
    assert!(seen.looks > 10, "{seen:?}");
    assert!(fetched < asked, "some were answered with copies");
    let output = run.gateway.output();
    let panicked: Vec<_> = output
        .lines()
        .filter(|it| it.contains("panicked"))
        .collect();
    assert_eq!(panicked, [""; 0]);
    seen
}

#[test]
fn a_small_disk_with_far_more_files_fails_no_download() {
    let seen = small_disk(|_| {});
    assert!(
        seen.most > BOUND - 2 * MEBIBYTE as u64,
        "it is used as far as it may be: {seen:?}"
    );
}

/// Somebody fills the disk to the last byte, again and again, and makes room again.
#[test]
fn a_disk_that_somebody_else_fills_fails_no_download() {
    let filled = AtomicU64::new(0);
    small_disk(|run| {
        let ballast = run.site.path("spool").join(BALLAST);
        let wait = |requests: usize| {
            let until = run.asked.load(Ordering::Relaxed) + requests;
            while run.asked.load(Ordering::Relaxed) < until && !run.is_over() {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        while !run.is_over() {
            wait(40);
            let block = vec![b'x'; 64 * 1024];
            run.ballast.fetch_add(1, Ordering::AcqRel);
            let mut file = fs::File::create(&ballast).expect("a file can be made");
            while std::io::Write::write_all(&mut file, &block).is_ok() {}
            drop(file);
            filled.fetch_add(1, Ordering::Relaxed);
            wait(40);
            fs::remove_file(&ballast).expect("it is there");
            run.ballast.fetch_add(1, Ordering::AcqRel);
        }
    });
    let times = filled.load(Ordering::Relaxed);
    assert!(times > 3, "the disk was filled {times} times");
}

/// The most memory that a process has had so far, in KiB.
fn most_memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number
        .and_then(|number| number.trim().parse().ok())
        .expect("a number of KiB")
}

/// A hundred clients ask so many gateways over one folder for one file that is not there yet. It is made once, and
/// begins to come when all have asked.
fn a_hundred_ask(gateways: usize, fill: &str) {
    const CLIENTS: usize = 100;
    let size = number_from("SPOOL_MEBIBYTES", 8) * MEBIBYTE;
    let file: Arc<[u8]> = noise(size).into();
    let asking = Arc::new(AtomicUsize::new(0));
    let (sent, all) = (Arc::clone(&file), Arc::clone(&asking));
    let origin = Origin::start(move |asked: &Asked| {
        let deadline = Instant::now() + PATIENCE;
        while all.load(Ordering::Acquire) < CLIENTS && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let head = format!("HTTP/1.1 200 OK\r\nETag: \"big\"\r\nContent-Length: {size}\r\n\r\n");
        match asked.line.starts_with("HEAD ") {
            true => Answer::new(head),
            false => Answer::new(head).and_part(&sent, 0..size),
        }
    });
    let sites: Vec<_> = (0..gateways).map(|_| Site::new("")).collect();
    sites[0].make_own_folder("spool");
    let keys = format!("fill = \"{fill}\"\nmin_free_bytes = 0\nmax_age = \"1h\"");
    let spool = sites[0].path("spool");
    let servers: Vec<_> = sites
        .iter()
        .map(|site| {
            site.configure(&configuration(&origin, &spool, &keys));
            (site.start_gateway(), site.start_proxy(Proxy::Nginx))
        })
        .collect();
    let before: Vec<_> = servers
        .iter()
        .map(|(gateway, _)| most_memory(gateway))
        .collect();
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (_, front) = &servers[number % gateways];
            let (file, asking, failed) = (&file, &asking, &failed);
            scope.spawn(move || {
                let exchange = Request::get("/big").start(front.address());
                asking.fetch_add(1, Ordering::AcqRel);
                if let Err(error) = exchange.and_then(|exchange| exchange.finish_as(file)) {
                    failed.lock().expect("no panic").push(format!("{error:#}"));
                }
            });
        }
    });
    assert_eq!(failed.into_inner().expect("no panic"), [""; 0]);
    // Another process asks for the head, to learn that the copy which it finds is still good.
    let asked = origin.asked();
    let made = asked.iter().filter(|asked| asked.line.starts_with("GET "));
    assert_eq!(made.count(), 1, "{fill}: it was made once: {asked:?}");
    let copies = spooled(&spool);
    assert_eq!(
        copies
            .iter()
            .map(|(_, length)| *length as usize)
            .collect::<Vec<_>>(),
        [size]
    );
    for ((gateway, _), before) in servers.iter().zip(before) {
        let after = most_memory(gateway);
        eprintln!("{gateways} gateways, {fill}: VmHWM {before} KiB, then {after} KiB");
        // 300 KiB for each client, and what the fill itself holds.
        assert!(after - before < 40 * 1024, "{before} KiB, then {after} KiB");
    }
}

#[test]
fn a_hundred_who_ask_for_a_missing_file_have_it_made_once_before() {
    a_hundred_ask(1, "before");
}

#[test]
fn a_hundred_who_ask_for_a_missing_file_have_it_made_once_while() {
    a_hundred_ask(1, "while");
}

#[test]
fn a_hundred_who_ask_two_gateways_over_one_folder_have_it_made_once_before() {
    a_hundred_ask(2, "before");
}

#[test]
fn a_hundred_who_ask_two_gateways_over_one_folder_have_it_made_once_while() {
    a_hundred_ask(2, "while");
}
