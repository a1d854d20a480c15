//! A bucket on either server, and an application before it, with each request counted.

use std::net::SocketAddr;

use downloadview::fetch::Client;
use downloadview::storage::{S3Builder, S3Storage};
use proxy_tests::{ACCESS_KEY_ID, BUCKET, Moto, Relay, Request, Response, S3s, SECRET_ACCESS_KEY};

pub(crate) use crate::buckets::{Served, block_on};

/// A server with a bucket.
pub(crate) enum Store {
    Moto(Moto),
    S3s(S3s),
}

impl Store {
    /// One of each kind.
    pub(crate) fn both() -> [Self; 2] {
        [Self::Moto(Moto::start()), Self::S3s(S3s::start())]
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Moto(moto) => moto.address(),
            Self::S3s(s3s) => s3s.address(),
        }
    }

    pub(crate) fn put(&self, key: &str, body: &[u8]) {
        match self {
            Self::Moto(moto) => moto.put(key, body, &[]),
            Self::S3s(s3s) => s3s.put(key, body),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Moto(_) => "moto",
            Self::S3s(_) => "s3s",
        }
    }
}

/// The bucket, without credentials.
pub(crate) fn unsigned(endpoint: SocketAddr) -> S3Builder {
    let client = Client::new().expect("a client");
    S3Storage::builder(&client, BUCKET)
        .endpoint(format!("http://{endpoint}"))
        .allow_http()
        .allow_private()
}

/// The bucket, with the key that opens it.
pub(crate) fn bucket(endpoint: SocketAddr) -> S3Builder {
    unsigned(endpoint)
        .access_key_id(ACCESS_KEY_ID)
        .secret_access_key(SECRET_ACCESS_KEY)
}

/// A bucket of which each request is counted.
pub(crate) struct Counted {
    pub(crate) app: Served,
    relay: Relay,
}

impl Counted {
    pub(crate) fn new(store: &Store) -> Self {
        let relay = Relay::start(store.address());
        let storage = bucket(relay.address()).build().expect("valid");
        Self {
            app: Served::new(storage),
            relay,
        }
    }

    /// The answer, and how many requests it took.
    #[track_caller]
    pub(crate) fn send(&self, request: &Request) -> (Response, usize) {
        let before = self.requests();
        let answer = self.app.send(request);
        (answer, self.requests() - before)
    }

    pub(crate) fn requests(&self) -> usize {
        self.relay.asked().matches(" HTTP/1.1\r\n").count()
    }
}
