//! What every bucket must do, and the end of a large object.

use std::sync::Arc;

use downloadview::storage::Storage;
use proxy_tests::{Moto, Relay, Request, S3s};

use crate::buckets::Cloud;
use crate::served::{Counted, Store, bucket};

/// A store of which each request is heard: moto, or s3s.
struct Heard<const MOTO: bool> {
    relay: Relay,
    store: Store,
}

impl<const MOTO: bool> Cloud for Heard<MOTO> {
    fn start() -> Self {
        let store = match MOTO {
            true => Store::Moto(Moto::start()),
            false => Store::S3s(S3s::start()),
        };
        let relay = Relay::start(store.address());
        Self { relay, store }
    }

    fn put(&self, key: &str, body: &[u8]) {
        self.store.put(key, body);
    }

    fn bucket(&self, prefix: &str) -> Arc<dyn Storage> {
        let builder = bucket(self.relay.address()).prefix(prefix);
        Arc::new(builder.build().expect("valid"))
    }

    fn asked(&self) -> String {
        self.relay.asked()
    }

    /// A suffix longer than the file: s3s-fs 0.14 fails to cut it off.
    fn fails_at(range: &str, size: usize) -> bool {
        let suffix = range.strip_prefix("bytes=-");
        let longer = |length: &str| length.parse::<usize>().is_ok_and(|length| length > size);
        !MOTO && suffix.is_some_and(longer)
    }
}

mod moto {
    crate::buckets::all!(super::Heard<true>);
}

mod s3s {
    crate::buckets::all!(super::Heard<false>);
}

#[test]
fn the_end_of_an_object_of_five_gibibytes_takes_one_request() {
    let size = 5 * 1024 * 1024 * 1024_u64;
    let server = S3s::start();
    server.put_zeroes("large.bin", size, "d41d8cd98f00b204e9800998ecf8427e");
    let store = Store::S3s(server);
    let remote = Counted::new(&store);
    let range = format!("bytes={}-", size - 20);
    let (answer, requests) = remote.send(&Request::get("/large.bin").header("Range", &range));
    assert_eq!((answer.status, requests), (206, 1), "{}", answer.head());
    assert_eq!(answer.body, [0; 20]);
    let stated = format!("bytes {}-{}/{size}", size - 20, size - 1);
    assert_eq!(answer.header("Content-Range"), stated);
    let (head, _) = remote.send(&Request::head("/large.bin"));
    assert_eq!(head.header("Content-Length"), size.to_string());
}
