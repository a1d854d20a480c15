//! An application that believes in another proxy than the one in front: what leaks, and what prevents it.

use std::net::SocketAddr;
use std::path::Path;

use proxy_tests::{Backend, Proxy, Request, Server, Site, World, announced, configuration};

/// Nothing but a reverse proxy: what stands in front when nobody has read a manual.
fn bare(proxy: Proxy, listen: SocketAddr, app: SocketAddr, folder: &Path) -> String {
    let (folder, port) = (folder.display(), listen.port());
    match proxy.backend() {
        Backend::Nginx => format!(
            "daemon off; pid nginx.pid; error_log stderr; events {{ }}
             http {{ access_log off;
               client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c;
               uwsgi_temp_path d; scgi_temp_path e;
               server {{ listen {listen}; location / {{ proxy_pass http://{app}; }} }} }}"
        ),
        Backend::Apache => {
            let modules = ["mpm_event", "authz_core", "proxy", "proxy_http"].map(|name| {
                format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
            });
            format!(
                "ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile httpd.pid\nErrorLog error.log\n\
                 Listen {listen}\nServerName localhost\n{}ProxyPass / http://{app}/\n",
                modules.concat()
            )
        }
        Backend::Lighttpd => format!(
            "server.modules = ( \"mod_proxy\" )\nserver.bind = \"127.0.0.1\"\nserver.port = {port}\n\
             server.document-root = \"{folder}\"\nserver.upload-dirs = ( \"{folder}\" )\n\
             proxy.server = ( \"\" => (( \"host\" => \"127.0.0.1\", \"port\" => {} )) )\n",
            app.port()
        ),
        Backend::Caddy => format!(
            "{{\n admin off\n auto_https off\n}}\nhttp://:{port} {{\n bind 127.0.0.1\n reverse_proxy {app}\n}}\n"
        ),
    }
}

fn start_bare(site: &Site, proxy: Proxy) -> Server {
    let address = site.free_address();
    let folder = site.path(proxy.name());
    let text = bare(proxy, address, site.app(), &folder);
    site.start_proxy_with(proxy, &text, address)
}

/// One proxy whose header this one does not know.
fn stranger(proxy: Proxy) -> Proxy {
    match proxy.backend() {
        Backend::Nginx | Backend::Caddy => Proxy::Apache,
        Backend::Apache | Backend::Lighttpd => Proxy::Nginx,
    }
}

pub(crate) fn the_hand_off_of_another_proxy_leaks_through_a_bare_one_and_not_through_ours(
    proxy: Proxy,
) {
    let stranger = stranger(proxy);
    let site = Site::new(&configuration(stranger));
    site.write("media/plain.txt", World::PLAIN);
    let _gateway = site.start_gateway();
    let leaky = start_bare(&site, proxy).get("/files/plain.txt");
    assert!(leaky.has(stranger.header()), "{}", leaky.head());
    assert!(leaky.body.is_empty(), "{}", leaky.text());

    // The same address of the application, and the configuration that is printed for this proxy.
    let generated = Site::before(&site, &configuration(proxy));
    let safe = generated.start_proxy(proxy).get("/files/plain.txt");
    assert!(!safe.has(stranger.header()), "{}", safe.head());
    assert!(safe.body.is_empty(), "{}", safe.text());
}

pub(crate) fn an_announced_app_behind_a_proxy_that_says_nothing_streams_and_leaks_nothing(
    proxy: Proxy,
) {
    let site = Site::new(&announced(&Proxy::ALL));
    site.write("media/plain.txt", World::PLAIN);
    let _gateway = site.start_gateway();
    let front = start_bare(&site, proxy);
    let request = Request::get("/files/plain.txt").header("Range", "bytes=6-");
    for (request, status, content) in [
        (Request::get("/files/plain.txt"), 200, World::PLAIN),
        (request, 206, &World::PLAIN[6..]),
    ] {
        let answer = front.send(&request);
        assert_eq!(answer.status, status, "{}", answer.head());
        assert_eq!(answer.text(), content);
        for name in ["X-Accel-Redirect", "X-Sendfile"] {
            assert!(!answer.has(name), "{}", answer.head());
        }
    }
}
