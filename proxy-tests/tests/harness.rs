//! The harness itself against a real nginx and a scripted application: what the other tests take for granted.

use proxy_tests::{Proxy, Request, Server, Site};

/// The hand-off in its barest form, written by hand: no part of the product is needed.
const NGINX: &str = r"
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    sendfile on;
    server {
        listen @NGINX@;
        location / { proxy_pass http://@APP@; }
        location /_internal/ { internal; alias @MEDIA@/; }
    }
}
";

const HAND_OFF: &str = "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /_internal/a%20b.txt\r\n\
                        Content-Length: 0\r\nConnection: close\r\n\r\n";

fn nginx(site: &Site) -> Server {
    let address = site.free_address();
    let media = site.path("media");
    let text = NGINX
        .replace("@NGINX@", &address.to_string())
        .replace("@APP@", &site.app().to_string())
        .replace("@MEDIA@", &media.to_string_lossy());
    site.start_proxy_with(Proxy::Nginx, &text, address)
}

#[test]
fn a_hand_off_of_the_scripted_app_arrives_as_the_file() {
    let site = Site::new("");
    site.write("media/a b.txt", "content");
    let app = site.start_scripted_app(HAND_OFF);
    let answer = nginx(&site).send(&Request::get("/x").header("X-Asked", "yes"));

    assert_eq!(answer.status, 200, "{}", answer.head());
    assert_eq!(answer.text(), "content");
    assert!(app.requests().concat().contains("X-Asked: yes"));
}

#[test]
fn an_unreadable_file_stops_the_server() {
    let site = Site::new("");
    site.write("media/a b.txt", "content");
    site.make_unreadable("media/a b.txt");
    let _app = site.start_scripted_app(HAND_OFF);
    assert_eq!(nginx(&site).get("/x").status, 403);
}

#[test]
fn a_terminated_server_has_released_its_port_and_its_output_is_kept() {
    let site = Site::new("");
    let mut server = nginx(&site);
    assert!(server.terminate().success());
    assert!(std::net::TcpStream::connect(server.address()).is_err());
    assert!(Request::get("/").send(server.address()).is_err());
}

#[test]
fn what_a_server_reads_is_counted() {
    let site = Site::new("");
    let server = nginx(&site);
    assert!(server.bytes_read() > 0, "its own configuration, at least");
}

#[test]
#[should_panic(expected = "unknown directive")]
fn a_server_that_does_not_start_fails_the_test_with_its_output() {
    let site = Site::new("");
    let _server = site.start_proxy_with(Proxy::Nginx, "nonsense on;", site.free_address());
}
