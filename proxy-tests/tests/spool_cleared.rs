//! Copies that are cleared while a real proxy sends them.

use std::time::{Duration, Instant};

use proxy_tests::{Proxy, Request, Site};

const KEYS: usize = 8;
/// A lease of 100 ms, a quarter, and what the clock of a file system may lack.
const LEASED_FOR: Duration = Duration::from_millis(1125);

/// Each copy is asked for again just when its lease has ended, so that `clear` and the gateway meet at it.
#[test]
fn clear_beside_a_gateway_fails_no_download() {
    for proxy in [Proxy::Nginx, Proxy::Lighttpd] {
        let site = Site::new("");
        site.make_own_folder("spool");
        let view = |key| {
            format!(
                "[[views]]\nroute = \"/{key}\"\nkind = \"virtual\"\nbasename = \"a.txt\"\ntext = \"the text of {key}\"\n"
            )
        };
        let views: String = (0..KEYS).map(view).collect();
        site.configure(&format!(
            "listen = \"@LISTEN@\"\n[optimize]\nbackend = \"{}\"\n\
             [spool]\ndir = \"spool\"\nlease = \"100ms\"\nmin_free_bytes = 0\n{views}",
            proxy.backend().name(),
        ));
        let _gateway = site.start_gateway();
        let front = site.start_proxy(proxy);
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut asked = [None::<Instant>; KEYS];
        let mut cleared = 0;
        while cleared < 3 * KEYS {
            assert!(Instant::now() < deadline, "{cleared} were cleared");
            let removed = std::thread::scope(|scope| {
                let clearing = scope.spawn(|| site.spool(&["clear"]));
                for (key, asked) in asked.iter_mut().enumerate() {
                    // Some a little before `clear` may take it, some a little after.
                    let pause = LEASED_FOR - Duration::from_millis(100)
                        + Duration::from_millis(25) * key as u32;
                    if asked.is_none_or(|asked| asked.elapsed() >= pause) {
                        let answer = front.send(&Request::get(&format!("/{key}")));
                        let text = format!("the text of {key}");
                        assert_eq!((answer.status, &*answer.text()), (200, &*text), "{proxy:?}");
                        *asked = Some(Instant::now());
                    }
                }
                clearing.join().expect("it ends")
            });
            cleared += removed.matches(": removed").count();
        }
    }
}
