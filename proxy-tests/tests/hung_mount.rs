//! A storage on a mount that stops answering.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use proxy_tests::{HungMount, Proxy, Request, Site, configuration};

/// A site with the storages `media`, on disk, and `slow`.
fn site() -> (Site, HungMount) {
    let more = "\n[storages.slow]\nkind = \"local\"\nroot = \"slow\"\n\n[[views]]\nroute = \"/slow/{*path}\"\n\
        kind = \"storage\"\nstorage = \"slow\"\n\n[server]\nthreads = 1\nshutdown_timeout = \"1s\"\n";
    let site = Site::new(&(configuration(Proxy::Nginx) + more));
    site.make_folder("slow");
    let mounted = HungMount::over(&site.path("slow"));
    (site, mounted)
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "waited in vain: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_hung_mount_delays_no_other_storage_and_is_503() {
    let (site, mount) = site();
    site.write("media/a.txt", "a");
    let gateway = site.start_gateway();
    assert_eq!(gateway.get("/slow/ready.txt").text(), HungMount::READY);
    let ended = Arc::new(AtomicUsize::new(0));
    // More than there are threads for the storage.
    let hung: Vec<_> = (0..40)
        .map(|number| {
            let (ended, address) = (Arc::clone(&ended), gateway.address());
            let target = format!("/slow/lost-{number}.txt");
            std::thread::spawn(move || {
                let answer = Request::get(&target).send(address).expect("an answer");
                ended.fetch_add(1, Ordering::Relaxed);
                answer
            })
        })
        .collect();
    wait("the first requests hang", || mount.held() > 0);
    for _ in 0..50 {
        assert_eq!(gateway.get("/files/a.txt").status, 200);
    }
    assert_eq!(ended.load(Ordering::Relaxed), 0, "they hang still");
    for answer in hung {
        let answer = answer.join().expect("asked");
        assert_eq!(answer.status, 503, "{}", answer.head());
    }
    mount.let_go();
    wait("it answers again", || {
        gateway.get("/slow/ready.txt").status == 200
    });
}
