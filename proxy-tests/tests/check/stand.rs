//! A set-up with one proxy, whose configuration a test changes.

use std::net::SocketAddr;

use proxy_tests::{Proxy, Server, Site, configuration};

use crate::found::{Found, check, front, through};

/// Gateway and proxy of one site.
pub(crate) struct Stand {
    pub(crate) proxy: Proxy,
    pub(crate) front: Server,
    pub(crate) gateway: Server,
    pub(crate) site: Site,
}

impl Stand {
    /// The proxy as it is printed, after `change`.
    pub(crate) fn new(proxy: Proxy, change: impl FnOnce(&Site, String) -> String) -> Self {
        Self::of(proxy, &configuration(proxy), change)
    }

    pub(crate) fn of(
        proxy: Proxy,
        configuration: &str,
        change: impl FnOnce(&Site, String) -> String,
    ) -> Self {
        let site = Site::new(configuration);
        site.give("media");
        let gateway = site.start_gateway();
        let front = site.start_proxy_amid(proxy, |printed| change(&site, printed));
        Self {
            proxy,
            front,
            gateway,
            site,
        }
    }

    /// What `check` finds through the proxy.
    #[track_caller]
    pub(crate) fn check(&self) -> Found {
        check(&self.site, &front(self.proxy, &self.front))
    }

    /// The same of the proxy that the file gives this name.
    #[track_caller]
    pub(crate) fn check_as(&self, name: &str) -> Found {
        check(&self.site, &through(name, self.front.address()))
    }
}

/// The text with `from` replaced, which must be in it.
#[track_caller]
pub(crate) fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not in:\n{text}");
    text.replace(from, to)
}

/// The text without the lines that hold `word`, of which there must be some.
#[track_caller]
pub(crate) fn without(text: &str, word: &str) -> String {
    assert!(text.contains(word), "`{word}` is not in:\n{text}");
    let kept: Vec<_> = text.lines().filter(|line| !line.contains(word)).collect();
    kept.join("\n") + "\n"
}

/// The folder of a site as it is written in a configuration.
pub(crate) fn folder(site: &Site, name: &str) -> String {
    site.path(name).to_string_lossy().into_owned()
}

/// An nginx that passes everything on, as people write it, with these lines in its server.
#[track_caller]
pub(crate) fn another_nginx(site: &Site, to: SocketAddr, lines: &str) -> Server {
    another_nginx_with(site, to, "", lines)
}

/// The same, with `above` around its server.
#[track_caller]
pub(crate) fn another_nginx_with(site: &Site, to: SocketAddr, above: &str, lines: &str) -> Server {
    let address = site.free_address();
    let text = format!(
        "daemon off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n    access_log off;\n    \
         client_body_temp_path a;\n    proxy_temp_path b;\n    {above}\n    server {{\n        listen {address};\n        {lines}\n        \
         location / {{ proxy_pass http://{to}; }}\n    }}\n}}\n"
    );
    site.start_proxy_with(Proxy::NewestNginx, &text, address)
}
