//! The gateway behind one proxy, with a small file to download.

use crate::configuration::configuration;
use crate::http::{Request, Response};
use crate::proxy::Proxy;
use crate::server::Server;
use crate::site::Site;

/// What most tests need. `media/plain.txt` is there; its content is [`World::PLAIN`].
#[derive(Debug)]
pub struct World {
    // Dropped in this order: the proxy, the gateway, the folder that both use.
    /// The proxy, as clients see it.
    pub front: Server,
    /// The gateway behind it.
    pub gateway: Server,
    /// The files of both.
    pub site: Site,
    /// Which proxy it is.
    pub proxy: Proxy,
}

impl World {
    /// The content of `media/plain.txt`.
    pub const PLAIN: &str = "plain content\n";

    /// Starts both on a site whose `/files/` are handed to `proxy`.
    ///
    /// # Panics
    /// When either is missing or does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn new(proxy: Proxy) -> Self {
        let site = Site::new(&configuration(proxy));
        site.write("media/plain.txt", Self::PLAIN);
        let gateway = site.start_gateway();
        let front = site.start_proxy(proxy);
        Self {
            front,
            gateway,
            site,
            proxy,
        }
    }

    /// What the gateway answers itself, with a check that it is a hand-off: a 200 without a byte of the file.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn hand_off(&self, request: &Request) -> Response {
        let answer = self.gateway.send(request);
        assert_eq!(answer.status, 200, "{request:?}: {}", answer.head());
        assert!(answer.has(self.proxy.header()), "{}", answer.head());
        assert_eq!(answer.header("Content-Length"), "0");
        assert!(answer.body.is_empty());
        answer
    }
}
