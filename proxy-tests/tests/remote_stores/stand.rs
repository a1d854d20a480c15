//! A gateway over a storage elsewhere, and what stands before it.

use std::net::SocketAddr;

use proxy_tests::{
    ACCESS_KEY_ID, BUCKET, Backend, Fetcher, Moto, Proxy, Relay, Request, Response, S3s,
    SECRET_ACCESS_KEY, Server, Site,
};

/// The proxies that fetch files themselves.
pub(crate) const FETCHERS: [Fetcher; 6] = Fetcher::ALL;

/// Who sends the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The proxy, which fetches them.
    Fetched(Fetcher),
    /// The server that has them: the client is sent there.
    Redirected(Option<Proxy>),
    /// The gateway, through a proxy or none.
    Streamed(Option<Proxy>),
}

impl Way {
    pub(crate) fn proxy(self) -> Option<Proxy> {
        match self {
            Self::Fetched(fetcher) => Some(fetcher.proxy),
            Self::Redirected(proxy) | Self::Streamed(proxy) => proxy,
        }
    }

    /// `[optimize]` for the files of `[storages.media]`.
    fn optimize(self) -> String {
        let backend = self.proxy().map_or("none", |proxy| proxy.backend().name());
        let rule = match self {
            Self::Fetched(_) => "storage = \"media\"\ndestination_url = \"/_internal/media/\"",
            Self::Redirected(_) => "storage = \"media\"\nredirect = true",
            Self::Streamed(None) => {
                return "[optimize]\nbackend = \"none\"\nunmatched = \"stream\"\n".to_owned();
            }
            // The proxy has other files to send.
            Self::Streamed(Some(proxy)) => match proxy.backend() {
                Backend::Nginx | Backend::Caddy => {
                    "storage = \"here\"\ndestination_url = \"/_internal/here/\""
                }
                Backend::Apache | Backend::Lighttpd => {
                    "storage = \"here\"\ndestination_dir = \"@MEDIA@\""
                }
            },
        };
        format!(
            "[optimize]\nbackend = \"{backend}\"\nunmatched = \"stream\"\n[[optimize.rules]]\n{rule}\n"
        )
    }
}

const HERE: &str = "[storages.here]\nkind = \"local\"\nroot = \"@MEDIA@\"\n";

/// The view that most tests need.
pub(crate) const VIEW: &str =
    "[[views]]\nroute = \"/files/{*path}\"\nkind = \"storage\"\nstorage = \"media\"\n";

pub(crate) struct Stand {
    // Dropped in this order.
    front: Option<Server>,
    /// Between the proxy and the gateway, where the proxy fetches.
    wire: Option<Relay>,
    _gateway: Server,
    site: Site,
    pub(crate) way: Way,
}

impl Stand {
    /// `storage` is the table `[storages.media]`, `views` the views and what they need.
    #[track_caller]
    pub(crate) fn new(way: Way, storage: &str, views: &str) -> Self {
        let optimize = way.optimize();
        let site = Site::new(&format!(
            "listen = \"@LISTEN@\"\n{HERE}[storages.media]\n{storage}{optimize}{views}"
        ));
        let gateway = site.start_gateway();
        let wire = matches!(way, Way::Fetched(_)).then(|| Relay::start(site.app()));
        let app = wire.as_ref().map(|wire| wire.address().to_string());
        let arguments = app.as_ref().map(|app| ["--app", app.as_str()]);
        let arguments = arguments.as_ref().map_or(&[][..], |given| &given[..]);
        let front = match way {
            Way::Fetched(fetcher) => {
                Some(site.start_fetcher(fetcher, arguments, |printed| printed))
            }
            way => way
                .proxy()
                .map(|proxy| site.start_proxy_given(proxy, arguments, |printed| printed)),
        };
        Self {
            front,
            wire,
            _gateway: gateway,
            site,
            way,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let front = self.front.as_ref();
        front.map_or(self.site.app(), Server::address)
    }

    #[track_caller]
    pub(crate) fn send(&self, request: &Request) -> Response {
        let answer = request.send(self.address());
        answer.unwrap_or_else(|error| panic!("{:?}: {request:?}: {error:#}", self.way))
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Response {
        self.send(&Request::get(target))
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address())
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// How much the gateway has said to a proxy that fetches.
    pub(crate) fn said_by_gateway(&self) -> usize {
        self.wire.as_ref().map_or(0, |wire| wire.answered().len())
    }
}

/// A bucket on a real server, all of whose requests are known.
pub(crate) enum Bucket {
    Moto(Moto, Relay),
    S3s(S3s),
}

impl Bucket {
    pub(crate) fn moto() -> Self {
        let moto = Moto::start();
        let relay = Relay::start(moto.address());
        Self::Moto(moto, relay)
    }

    /// One of each kind.
    pub(crate) fn both() -> [Self; 2] {
        [Self::moto(), Self::S3s(S3s::start())]
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Moto(..) => "moto",
            Self::S3s(_) => "s3s",
        }
    }

    pub(crate) fn put(&self, key: &str, body: &[u8]) {
        match self {
            Self::Moto(moto, _) => moto.put(key, body, &[]),
            Self::S3s(s3s) => s3s.put(key, body),
        }
    }

    /// As [`put`](Self::put), with headers that stay the object's own.
    pub(crate) fn put_with(&self, key: &str, body: &[u8], headers: &[(&str, &str)]) {
        match self {
            Self::Moto(moto, _) => moto.put(key, body, headers),
            Self::S3s(_) => panic!("s3s is a folder: an object has no headers of its own"),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Moto(_, relay) => relay.address(),
            Self::S3s(s3s) => s3s.address(),
        }
    }

    /// The table `[storages.media]` of it.
    pub(crate) fn storage(&self) -> String {
        s3(self.address())
    }

    /// The lines of all requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        match self {
            Self::Moto(_, relay) => {
                let text = relay.asked();
                let lines = text.lines().filter(|line| line.ends_with(" HTTP/1.1"));
                lines.map(str::to_owned).collect()
            }
            Self::S3s(s3s) => s3s.asked().into_iter().map(|asked| asked.line).collect(),
        }
    }
}

/// The table `[storages.media]` of the bucket at an endpoint.
pub(crate) fn s3(endpoint: SocketAddr) -> String {
    format!(
        "kind = \"s3\"\nbucket = \"{BUCKET}\"\nendpoint = \"http://{endpoint}\"\nallow_http = true\nallow_private = true\n\
         access_key_id = \"{ACCESS_KEY_ID}\"\nsecret_access_key = \"{SECRET_ACCESS_KEY}\"\n"
    )
}

/// The table `[storages.media]` of an HTTP server.
pub(crate) fn http(origin: SocketAddr) -> String {
    format!("kind = \"http\"\nurl = \"http://{origin}/\"\nallow_private = true\n")
}
