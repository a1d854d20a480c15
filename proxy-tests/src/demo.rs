//! `downloadview demo`, started as an ordinary user.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;

use crate::gateway;
use crate::patience::patiently;
use crate::port;
use crate::server::Server;
use crate::site::Site;

/// One for itself, one for each proxy.
const ROW: u16 = 5;

/// A demonstration, with the proxies that it has started. It ends with the value.
#[derive(Debug)]
pub struct Demo {
    server: Server,
    folder: PathBuf,
}

impl Demo {
    /// Starts one whose files lie in a folder of `site`, and waits until it says that it is there.
    ///
    /// # Panics
    /// When it cannot be built or does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start(site: &Site, proxies: &str) -> Self {
        Self::start_through(site, "exec \"$@\"", proxies)
    }

    /// As [`start`](Self::start), in other surroundings: through lines of sh that end in `exec "$@"`.
    ///
    /// # Panics
    /// When it cannot be built or does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_through(site: &Site, shell: &str, proxies: &str) -> Self {
        site.make_own_folder("demo");
        // Its proxies get the ports that follow its own.
        let (address, folder) = (port::row(ROW), site.path("demo"));
        let server = gateway::demo(shell, address, proxies, &folder);
        let server = server.unwrap_or_else(|error| panic!("{error:#}"));
        let demo = Self { server, folder };
        patiently(|| match demo.output() {
            told if told.contains("Ctrl-C stops everything") => Ok(()),
            told => Err(told),
        });
        demo
    }

    /// Where its page is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What it has said so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.server.output()
    }

    /// The page, as it is without scripts.
    ///
    /// # Panics
    /// When it does not come.
    #[must_use]
    #[track_caller]
    pub fn page(&self) -> String {
        let answer = self.server.get("/");
        String::from_utf8(answer.body).expect("UTF-8")
    }

    /// The cells of `/grid.json`.
    ///
    /// # Panics
    /// When it does not come.
    #[must_use]
    #[track_caller]
    pub fn cells(&self) -> Vec<Value> {
        let answer = self.server.get("/grid.json");
        serde_json::from_slice(&answer.body).expect("a list of cells")
    }

    /// Name and address of each way to the application, the direct one first: it is called `none`.
    ///
    /// # Panics
    /// When a cell has no URL.
    #[must_use]
    #[track_caller]
    pub fn ways(&self) -> Vec<(String, String)> {
        let mut ways = Vec::new();
        for cell in self.cells() {
            let [name, url] = ["proxy", "url"].map(|key| cell[key].as_str().expect("a text"));
            let address = url.split('/').nth(2).expect("a URL");
            let way = (name.to_owned(), address.to_owned());
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        ways
    }

    /// The folder that it has made for itself.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        let mut entries = std::fs::read_dir(&self.folder).expect("a folder").flatten();
        let found = entries.find(|entry| entry.path().join("media").is_dir());
        found.expect("its folder").path()
    }
}
