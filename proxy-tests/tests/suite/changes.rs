//! Files that change while, or after, somebody downloads them.

use proxy_tests::{Exchange, Proxy, Request, World};

use super::{MIB, assert_same_bytes, numbered};

/// More than the buffers of both sockets hold, so that the proxy cannot have read it all.
const LENGTH: usize = 32 * MIB;

/// A client that has read the first of 32 MiB and pauses.
fn begun(proxy: Proxy) -> (World, Vec<u8>, Exchange) {
    let world = World::new(proxy);
    let content = numbered(LENGTH);
    world.site.write("media/large.bin", &content);
    let request = Request::get("/files/large.bin");
    let _handed_off = world.hand_off(&request);
    let mut exchange = request.start(world.front.address()).expect("a connection");
    exchange.receive(MIB).expect("the beginning");
    (world, content, exchange)
}

#[track_caller]
fn assert_ends_as(exchange: Exchange, content: &[u8]) {
    let answer = exchange.finish().expect("a whole answer");
    assert_eq!(answer.status, 200, "{}", answer.head());
    assert_same_bytes(&answer.body, content);
}

pub(crate) fn a_file_deleted_while_it_is_sent_arrives_whole(proxy: Proxy) {
    let (world, content, exchange) = begun(proxy);
    world.site.remove("media/large.bin");
    assert_ends_as(exchange, &content);
    assert_eq!(world.front.get("/files/large.bin").status, 404);
}

pub(crate) fn a_file_replaced_while_it_is_sent_arrives_as_it_was(proxy: Proxy) {
    let (world, content, exchange) = begun(proxy);
    world.site.replace("media/large.bin", vec![b'x'; LENGTH]);
    assert_ends_as(exchange, &content);
}

pub(crate) fn a_download_outlives_the_gateway_that_began_it(proxy: Proxy) {
    let (mut world, content, exchange) = begun(proxy);
    let status = world.gateway.terminate();
    assert!(status.success(), "SIGTERM is an orderly end, got {status}");
    assert_ends_as(exchange, &content);
}

/// Caches of descriptors and of metadata would show here.
pub(crate) fn a_deleted_file_is_gone_and_a_replaced_one_is_new_at_once(proxy: Proxy) {
    let world = World::new(proxy);
    let before = world.front.get("/files/plain.txt");
    let changed = "changed, and longer\n";
    world.site.replace("media/plain.txt", changed);
    let after = world.front.get("/files/plain.txt");
    assert_eq!(after.text(), changed);
    assert_ne!(after.header("ETag"), before.header("ETag"));
    world.site.remove("media/plain.txt");
    assert_eq!(world.front.get("/files/plain.txt").status, 404);
}
