//! Whose word on the client counts where no address is trusted: that of a proxy that proves itself by its secret.

use std::net::SocketAddr;

use proxy_tests::{ANNOUNCEMENT, Answer, Origin, Proxy, Site, announced, announcement};

/// Another address of this machine than that of proxies and gateway.
const CLIENT: &str = "127.0.0.2";
const SPOOFED: [&str; 3] = [
    "X-Forwarded-For: 203.0.113.9",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: https",
];

/// Asks for the file from the client's address, with the client's own words on itself and these too.
fn ask(site: &Site, server: SocketAddr, further: &[&str]) {
    let url = format!("http://{server}/private/a.txt");
    let curl = site
        .program("curl", "curl")
        .args(["--silent", "--show-error", "--fail"]);
    let curl = curl.args(["--interface", CLIENT, "--output", "/dev/null", &*url]);
    let lines = SPOOFED.iter().chain(further);
    let curl = lines.fold(curl, |curl, line| curl.args(["--header", *line]));
    curl.run().expect("it may");
}

#[test]
fn only_a_proxy_that_proves_itself_says_who_the_client_is() {
    let authorizer = Origin::start(|_| Answer::new("HTTP/1.1 204 Yes\r\n\r\n"));
    let view = format!(
        "[[views]]\nroute = \"/private/{{*path}}\"\nkind = \"storage\"\nstorage = \"media\"\n\
         authorize.url = \"http://{}/may\"\n",
        authorizer.address()
    );
    let site = Site::new(&format!("{}\n{view}", announced(&Proxy::ALL)));
    site.write("media/a.txt", "a secret");
    let gateway = site.start_gateway();
    let told = || {
        let asked = authorizer.only();
        authorizer.forget();
        let told = |name: &str| asked.header(name).unwrap_or("nothing").to_owned();
        let client = (told("x-forwarded-for"), told("x-real-ip"));
        assert_eq!(client.0, client.1);
        (
            client.0,
            told("x-forwarded-proto"),
            told("x-forwarded-host"),
        )
    };
    let words = |address: &str, proto: &str, host: &str| {
        (address.to_owned(), proto.to_owned(), host.to_owned())
    };
    for proxy in Proxy::ALL {
        let front = site.start_proxy(proxy);
        let host = front.address().to_string();
        ask(&site, front.address(), &[]);
        assert_eq!(told(), words(CLIENT, "http", &host), "{proxy:?}");
        // Nor does its secret in the client's mouth change what the proxy says.
        let claimed = format!("{ANNOUNCEMENT}: {}", announcement(proxy));
        ask(&site, front.address(), &[&claimed]);
        assert_eq!(told(), words(CLIENT, "http", &host), "{proxy:?}");
        // Whoever has the secret is the proxy.
        ask(&site, gateway.address(), &[&claimed]);
        let believed = words("203.0.113.9", "https", "evil.example");
        assert_eq!(told(), believed, "{proxy:?}");
    }
    let own = gateway.address().to_string();
    for further in [
        &[][..],
        &["X-Downloadview-Proxy: nginx wrong-secret-0123456789"],
    ] {
        ask(&site, gateway.address(), further);
        assert_eq!(told(), words(CLIENT, "http", &own), "{further:?}");
    }
}
