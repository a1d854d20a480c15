//! Files that the proxy fetches from another server, and what of that server's headers reaches clients.

use proxy_tests::{Answer, Fetcher, Origin, Proxy, Site};

use crate::found::{check, front};

#[test]
fn headers_of_the_server_that_reach_clients_are_noted_and_none_do_where_the_proxy_has_a_list() {
    let origin = Origin::start(|asked| {
        let head = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nx-amz-meta-owner: somebody\r\nContent-Length: 4\r\n\r\n";
        match asked.line.starts_with("HEAD ") {
            true => Answer::new(head),
            false => Answer::new(format!("{head}file")),
        }
    });
    for fetcher in Fetcher::ALL {
        let site = Site::new(&format!(
            "listen = \"@LISTEN@\"\n[storages.mirror]\nkind = \"http\"\nurl = \"http://{}/\"\nallow_private = true\n\
             [optimize]\nbackend = \"{}\"\n[[optimize.rules]]\nstorage = \"mirror\"\n\
             destination_url = \"/_internal/mirror/\"\n\
             [[views]]\nroute = \"/files/{{*path}}\"\nkind = \"storage\"\nstorage = \"mirror\"\n",
            origin.address(),
            fetcher.backend().name(),
        ));
        let _gateway = site.start_gateway();
        let server = site.start_fetcher(fetcher, &[], |printed| printed);
        let mut arguments = front(fetcher.proxy, &server);
        arguments.push("--file=/files/{*path}=/files/a.txt".to_owned());
        let found = check(&site, &arguments);
        let note = "headers of the server";
        match fetcher.passes_unknown_headers() {
            true => {
                let words = ["x-amz-meta-owner", "proxy-config nginx --script"];
                assert!(found.noted(note), "{fetcher:?}: {}", found.text());
                assert!(
                    words.iter().all(|word| found.text().contains(word)),
                    "{}",
                    found.text()
                );
                assert!(!found.text().contains("somebody"), "{}", found.text());
            }
            false => assert!(!found.noted(note), "{fetcher:?}: {}", found.text()),
        }
    }
}

/// As Python's http.server is: whoever asks for a part gets the whole, and so does who has it.
#[test]
fn an_origin_without_ranges_and_conditions_is_noted_and_nobody_is_guilty() {
    let origin = Origin::start(|asked| {
        let head = "HTTP/1.1 200 OK\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 9\r\n\r\n";
        match asked.line.starts_with("HEAD ") {
            true => Answer::new(head),
            false => Answer::new(format!("{head}some file")),
        }
    });
    let views = format!(
        "[storages.mirror]\nkind = \"http\"\nurl = \"http://{}/\"\nallow_private = true\n\
         [[views]]\nroute = \"/files/{{*path}}\"\nkind = \"storage\"\nstorage = \"mirror\"\n",
        origin.address()
    );
    let rules = "[optimize]\nbackend = \"nginx\"\n[[optimize.rules]]\nstorage = \"mirror\"\n\
                 destination_url = \"/_internal/mirror/\"\n";
    for rules in ["", rules] {
        let site = Site::new(&format!("listen = \"@LISTEN@\"\n{rules}{views}"));
        let _gateway = site.start_gateway();
        let server = (!rules.is_empty()).then(|| site.start_proxy(Proxy::Nginx));
        let front = |server| front(Proxy::Nginx, server);
        let mut arguments = server.as_ref().map(front).unwrap_or_default();
        arguments.push("--file=/files/{*path}=/files/a.txt".to_owned());
        let found = check(&site, &arguments);
        assert_eq!(found.code, 0, "{}", found.text());
        assert!(found.noted("the origin has no ranges"), "{}", found.text());
        let is_noted = found.noted("the origin has no conditions");
        assert_eq!(is_noted, !rules.is_empty(), "{}", found.text());
    }
}
