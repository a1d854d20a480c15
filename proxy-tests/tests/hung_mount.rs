//! A storage on a mount that stops answering.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use proxy_tests::{HungMount, Proxy, Request, Response, Server, Site, configuration, until};

/// The gateway on a site with the storages `media`, on disk, and `slow`. The mount comes last, so that it goes first.
fn start() -> (Site, Server, HungMount) {
    start_with(&with_slow())
}

fn start_with(configuration: &str) -> (Site, Server, HungMount) {
    let site = Site::new(configuration);
    site.write("media/a.txt", "a");
    site.make_folder("slow");
    let mount = HungMount::over(&site.path("slow"));
    let gateway = site.start_gateway();
    (site, gateway, mount)
}

fn with_slow() -> String {
    let more = "\n[storages.slow]\nkind = \"local\"\nroot = \"slow\"\n\n[[views]]\nroute = \"/slow/{*path}\"\n\
        kind = \"storage\"\nstorage = \"slow\"\n\n[[views]]\nroute = \"/fixed\"\n\
        kind = \"path\"\npath = \"slow/ready.txt\"\n\n[server]\nthreads = 1\nshutdown_timeout = \"1s\"\n";
    configuration(Proxy::Nginx) + more
}

/// More requests than there are threads for the storage, each on a thread of its own.
fn ask_what_hangs(gateway: &Server, ended: &Arc<AtomicUsize>) -> Vec<JoinHandle<Response>> {
    ask(gateway, ended, |number| format!("/slow/lost-{number}.txt"))
}

fn ask(
    gateway: &Server,
    ended: &Arc<AtomicUsize>,
    target: impl Fn(usize) -> String,
) -> Vec<JoinHandle<Response>> {
    let ask = |number| {
        let (ended, address) = (Arc::clone(ended), gateway.address());
        let target = target(number);
        std::thread::spawn(move || {
            let answer = Request::get(&target).send(address).expect("an answer");
            ended.fetch_add(1, Ordering::Relaxed);
            answer
        })
    };
    (0..40).map(ask).collect()
}

fn assert_unavailable(hung: Vec<JoinHandle<Response>>) {
    for answer in hung {
        let answer = answer.join().expect("asked");
        assert_eq!(answer.status, 503, "{}", answer.head());
    }
}

/// Has the gateway read a configuration that differs in its freshness, which tells when it counts.
fn reload(site: &Site, gateway: &Server, seconds: u32) {
    site.configure(&with_slow().replace("max-age=60", &format!("max-age={seconds}")));
    gateway.hang_up();
}

fn freshness(gateway: &Server) -> String {
    let answer = gateway.get("/files/a.txt");
    assert_eq!(answer.status, 200, "{}", answer.head());
    answer.header("Cache-Control").to_owned()
}

#[test]
fn a_hung_mount_delays_no_other_storage_and_is_503() {
    let (_site, gateway, mount) = start();
    assert_eq!(gateway.get("/slow/ready.txt").text(), HungMount::READY);
    let ended = Arc::new(AtomicUsize::new(0));
    let hung = ask_what_hangs(&gateway, &ended);
    until("the first requests hang", || mount.held() > 0);
    for _ in 0..50 {
        assert_eq!(gateway.get("/files/a.txt").status, 200);
    }
    assert_eq!(ended.load(Ordering::Relaxed), 0, "they hang still");
    assert_unavailable(hung);
    mount.let_go();
    until("it answers again", || {
        gateway.get("/slow/ready.txt").status == 200
    });
}

#[test]
fn a_read_that_hangs_delays_nothing_else_where_the_kernel_sends_files() {
    assert_only_the_download_hangs(true);
}

#[test]
fn a_read_that_hangs_delays_nothing_else_where_files_are_copied() {
    assert_only_the_download_hangs(false);
}

fn assert_only_the_download_hangs(sendfile: bool) {
    let configuration = with_slow() + &format!("sendfile = {sendfile}\n");
    let (_site, gateway, mount) = start_with(&configuration);
    let download = |gateway: &Server| Request::get("/slow/stuck.bin").send(gateway.address());
    let address = gateway.address();
    let ended = Arc::new(AtomicUsize::new(0));
    let hung: Vec<_> = (0..40)
        .map(|_| {
            let ended = Arc::clone(&ended);
            std::thread::spawn(move || {
                let answer = Request::get("/slow/stuck.bin").send(address);
                ended.fetch_add(1, Ordering::Relaxed);
                answer
            })
        })
        .collect();
    until("the first reads hang", || mount.held() > 0);
    for _ in 0..50 {
        assert_eq!(gateway.get("/files/a.txt").status, 200);
    }
    assert_eq!(ended.load(Ordering::Relaxed), 0, "they hang still");
    for answer in hung {
        // Refused, or cut in the middle; never whole, and never for ever.
        if let Ok(answer) = answer.join().expect("asked") {
            assert_eq!(answer.status, 503, "{}", answer.head());
        }
    }
    mount.let_go();
    until("it answers again", || {
        download(&gateway).is_ok_and(|answer| answer.status == 200)
    });
    let answer = download(&gateway).expect("an answer");
    assert_eq!(answer.body.len() as u64, HungMount::STUCK);
    assert!(answer.body.iter().all(|byte| *byte == b'x'));
}

#[test]
fn a_fixed_file_on_a_hung_mount_delays_nothing_else_and_is_503() {
    let (_site, gateway, mount) = start();
    assert_eq!(gateway.get("/fixed").text(), HungMount::READY);
    mount.hang_wholly();
    let ended = Arc::new(AtomicUsize::new(0));
    let hung = ask(&gateway, &ended, |_| "/fixed".to_owned());
    until("the first requests hang", || mount.held() > 0);
    for _ in 0..50 {
        assert_eq!(gateway.get("/files/a.txt").status, 200);
    }
    assert_eq!(ended.load(Ordering::Relaxed), 0, "they hang still");
    assert_unavailable(hung);
}

#[test]
fn a_reload_that_meets_a_hung_mount_delays_neither_downloads_nor_the_stop() {
    let (site, mut gateway, mount) = start();
    mount.hang_wholly();
    reload(&site, &gateway, 61);
    until("it looks at the mount", || mount.held() > 0);
    for _ in 0..50 {
        assert_eq!(freshness(&gateway), "public, max-age=60");
    }
    // The one that waits reads the file as it was; the one asked for meanwhile reads it again.
    reload(&site, &gateway, 62);
    mount.answer_looks();
    until("the last one counts", || {
        freshness(&gateway) == "public, max-age=62"
    });
    let before = mount.held();
    mount.hang_wholly();
    reload(&site, &gateway, 63);
    until("it looks at the mount", || mount.held() > before);
    assert!(gateway.ends_within(Duration::from_secs(30)));
    mount.let_go();
    let status = gateway.terminate();
    assert!(status.success(), "{status}");
}

#[test]
fn however_often_it_is_read_anew_a_hung_mount_takes_no_more_threads() {
    let (site, gateway, _mount) = start();
    let ended = Arc::default();
    let threads = || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", gateway.id()));
        threads.expect("it runs").count()
    };
    assert_unavailable(ask_what_hangs(&gateway, &ended));
    let before = threads();
    for seconds in 61..64 {
        reload(&site, &gateway, seconds);
        until("it counts", || {
            freshness(&gateway) == format!("public, max-age={seconds}")
        });
    }
    assert_unavailable(ask_what_hangs(&gateway, &ended));
    // A storage of its own would have brought 16; one thread is that which read the file.
    let after = threads();
    assert!(after <= before + 2, "{before} threads, then {after}");
}
