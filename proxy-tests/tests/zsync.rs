//! zsync, which fetches only the changed places of a file: twenty ranges in one request, and a parser of multiparts that
//! waits for a line break before the first boundary.

use std::fs;

use proxy_tests::{Proxy, Server, Site, World, noise};

const LENGTH: usize = 4 << 20;
const PLACES: usize = 40;

/// Changed in places that lie far apart, so that each is a range of its own.
fn changed(mut content: Vec<u8>) -> Vec<u8> {
    for place in 0..PLACES {
        content[place * (LENGTH / PLACES) + 1000] ^= 0xff;
    }
    content
}

#[track_caller]
fn assert_fetches_the_changed_places(what: &str, site: &Site, server: &Server) {
    let (old, new) = (noise(LENGTH), changed(noise(LENGTH)));
    site.write("client/old.bin", &old);
    site.write("media/new.bin", &new);
    let url = format!("http://{}/files/new.bin", server.address());
    let made = site.program("zsyncmake", "zsync");
    let made = made.args(["-u", &url, "-o", "new.zsync", "../media/new.bin"]);
    made.run().expect(what);
    let _ = fs::remove_file(site.path("client/got.bin"));

    let fetched = site.program("zsync", "zsync");
    let fetched = fetched.args(["-i", "old.bin", "-o", "got.bin", "new.zsync"]);
    let fetched = fetched.run();
    let said = fetched.text();
    assert!(fetched.succeeded(), "{what}: {said}");
    let got = fs::read(site.path("client/got.bin")).expect("the file is there");
    assert!(got == new, "{what}: other bytes: {said}");
    // `used 4112384 local, fetched 81920`
    let number = said
        .split("fetched ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    let number = number.and_then(|number| number.parse::<usize>().ok());
    let number = number.unwrap_or_else(|| panic!("{what}: {said}"));
    assert!(number > 0 && number < LENGTH / 4, "{what}: {said}");
}

#[test]
fn zsync_fetches_forty_changed_places_from_the_gateway_and_through_nginx_and_apache() {
    for proxy in [Proxy::Nginx, Proxy::NewestNginx, Proxy::Apache] {
        let world = World::new(proxy);
        assert_fetches_the_changed_places(proxy.name(), &world.site, &world.front);
    }
    let site = Site::new(&proxy_tests::announced(&Proxy::ALL));
    let gateway = site.start_gateway();
    assert_fetches_the_changed_places("directly", &site, &gateway);
}
