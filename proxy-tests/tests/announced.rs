//! One gateway behind six proxies at once, and with none: each request says through which it came, and proves it.

use proxy_tests::{
    ANNOUNCEMENT, NAMES, Proxy, Request, Response, Server, Site, World, announced, announcement,
    strict,
};

struct Everywhere {
    fronts: Vec<(Proxy, Server)>,
    gateway: Server,
    site: Site,
}

fn everywhere(proxies: &[Proxy]) -> Everywhere {
    let site = Site::new(&announced(proxies));
    site.write("media/plain.txt", World::PLAIN);
    let gateway = site.start_gateway();
    let start = |proxy: &Proxy| (*proxy, site.start_proxy(*proxy));
    let fronts = proxies.iter().map(start).collect();
    Everywhere {
        fronts,
        gateway,
        site,
    }
}

fn plain() -> Request {
    Request::get("/files/plain.txt")
}

#[track_caller]
fn assert_streamed_plain(what: &str, answer: &Response) {
    assert_eq!(answer.status, 200, "{what}: {}", answer.head());
    assert_eq!(answer.text(), World::PLAIN, "{what}: {}", answer.head());
    for name in ["X-Accel-Redirect", "X-Sendfile"] {
        assert!(!answer.has(name), "{what}: {}", answer.head());
    }
}

#[test]
fn each_proxy_delegates_and_the_direct_client_is_streamed() {
    let world = everywhere(&Proxy::ALL);
    for (proxy, front) in &world.fronts {
        let proven = plain().header(ANNOUNCEMENT, &announcement(*proxy));
        let handed_off = world.gateway.send(&proven);
        let target = proxy.target(&world.site.path("media"), b"plain.txt");
        let target = String::from_utf8_lossy(&target);
        assert_eq!(handed_off.header(proxy.header()), target, "{proxy:?}");
        assert!(handed_off.body.is_empty(), "{proxy:?}");
        assert_streamed_plain(proxy.name(), &front.get("/files/plain.txt"));
    }
    assert_streamed_plain("direct", &world.gateway.get("/files/plain.txt"));
}

/// The gateway's reads tell who sent the file: through a proxy none of it, directly all of it.
#[test]
fn a_large_file_passes_through_the_gateway_for_the_direct_client_only() {
    const LENGTH: usize = 32 * 1024 * 1024;
    let world = everywhere(&Proxy::ALL);
    world.site.write("media/large.bin", vec![b'x'; LENGTH]);
    let read_for = |server: &Server| {
        let before = world.gateway.bytes_read();
        let answer = server.get("/files/large.bin");
        assert_eq!(answer.body.len(), LENGTH, "{}", answer.head());
        world.gateway.bytes_read() - before
    };
    for (proxy, front) in &world.fronts {
        let read = read_for(front);
        assert!(
            read < 256 * 1024,
            "{proxy:?}: the gateway read {read} bytes"
        );
    }
    let read = read_for(&world.gateway);
    assert!(read >= LENGTH as u64, "directly: {read} bytes");
}

#[test]
fn an_announcement_of_the_clients_own_gets_nothing() {
    let world = everywhere(&Proxy::ALL);
    for (proxy, front) in &world.fronts {
        let name = proxy.name();
        for value in [
            format!("{name} wrong-secret-0123456789"),
            name.to_owned(),
            format!("{name} "),
            format!("{name} {name}-0123456789abcde"),
        ] {
            let request = plain().header(ANNOUNCEMENT, &value);
            assert_streamed_plain(&value, &world.gateway.send(&request));
            // The proxy overwrites it, and delegates as ever.
            assert_streamed_plain(&value, &front.send(&request));
        }
        // Of two announcements one is not the proxy's.
        let twice = plain()
            .header(ANNOUNCEMENT, &announcement(*proxy))
            .header(ANNOUNCEMENT, &announcement(*proxy));
        assert_streamed_plain("twice", &world.gateway.send(&twice));
    }
}

/// Even a client that knows another proxy's secret cannot make this one leak: its word is replaced.
#[test]
fn a_proxy_replaces_the_announcement_of_its_client() {
    let world = everywhere(&Proxy::ALL);
    for (proxy, front) in &world.fronts {
        for other in Proxy::ALL {
            let request = plain().header(ANNOUNCEMENT, &announcement(other));
            let what = format!("{other:?} announced to {proxy:?}");
            assert_streamed_plain(&what, &front.send(&request));
        }
    }
}

#[test]
fn the_announcement_says_name_and_secret_once() {
    for proxy in Proxy::ALL {
        let site = Site::new(&announced(&Proxy::ALL));
        let app = site.start_scripted_app("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        let front = site.start_proxy(proxy);
        let request = Request::get("/").header(ANNOUNCEMENT, "nginx guess");
        assert_eq!(front.send(&request).status, 204);
        let head = app.requests().concat();
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let said: Vec<&str> = lines
            .filter(|(name, _)| name.eq_ignore_ascii_case(ANNOUNCEMENT))
            .map(|(_, value)| value)
            .collect();
        assert_eq!(said, [announcement(proxy)], "{head}");
    }
}

/// nginx and Caddy 2.6 insist on tags of their own making, so a gateway that knows both can agree with one of them. The
/// newest Caddy keeps what it is told.
#[test]
fn a_download_moves_between_a_proxy_and_the_gateway_where_their_tags_agree() {
    for proxies in [
        [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd],
        [Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy],
        [Proxy::Nginx, Proxy::NewestNginx, Proxy::NewestCaddy],
        [Proxy::NewestCaddy, Proxy::Lighttpd, Proxy::Caddy],
    ] {
        let world = everywhere(&proxies);
        world.site.let_settle("media/plain.txt");
        for (proxy, front) in &world.fronts {
            assert_resumes(&format!("{proxy:?}, then directly"), front, &world.gateway);
            assert_resumes(&format!("directly, then {proxy:?}"), &world.gateway, front);
        }
        let (_, first) = &world.fronts[0];
        let (_, last) = &world.fronts[2];
        assert_resumes("the first proxy, then the last", first, last);
    }
}

#[track_caller]
fn assert_resumes(what: &str, begun: &Server, resumed: &Server) {
    let half = begun.send(&plain().header("Range", "bytes=0-6"));
    assert_eq!(half.status, 206, "{what}: {}", half.head());
    let rest = plain()
        .header("Range", "bytes=7-")
        .header("If-Range", half.header("ETag"));
    let rest = resumed.send(&rest);
    assert_eq!(rest.status, 206, "{what}: {}", rest.head());
    assert_eq!(half.text() + &rest.text(), World::PLAIN, "{what}");
}

#[test]
fn where_tags_disagree_a_download_starts_over() {
    let world = everywhere(&[Proxy::Nginx, Proxy::Caddy]);
    let tags: Vec<_> = world
        .fronts
        .iter()
        .map(|(_, front)| front.get("/files/plain.txt").header("ETag").to_owned())
        .collect();
    assert_ne!(tags[0], tags[1]);
    for ((_, front), foreign) in world.fronts.iter().zip(tags.iter().rev()) {
        let request = plain()
            .header("Range", "bytes=7-")
            .header("If-Range", foreign);
        assert_streamed_plain(foreign, &front.send(&request));
    }
}

/// Six proxies with four escapings, one gateway: each gets names in its own.
#[test]
fn every_name_arrives_through_every_proxy() {
    let world = everywhere(&Proxy::ALL);
    let mut complaints = Vec::new();
    for name in NAMES {
        world.site.write([b"media/", *name].concat(), name);
        let target = format!("/files/{}", strict(name));
        for (proxy, front) in &world.fronts {
            let answer = front.get(&target);
            if answer.status != 200 || answer.body != *name {
                complaints.push(format!("{proxy:?} {target}: {}", answer.head()));
            }
            let proven = Request::get(&target).header(ANNOUNCEMENT, &announcement(*proxy));
            let delegated = world.gateway.send(&proven).has(proxy.header());
            if delegated != proxy.cannot_carry(name).is_none() {
                complaints.push(format!("{proxy:?} {target}: delegated: {delegated}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
