//! What is not done for whoever is refused, by an authorizer or for want of a link: no other server is asked, no copy is
//! made, no URL is signed. And what is, for whoever may.

use std::fs;

use proxy_tests::{Answer, Asked, Origin, Proxy, Request, Server, Site};

use super::assert_nothing_handed_over;

/// Where other servers have the files: one that is fetched from into a spool, and a bucket to which clients are sent.
struct Stand {
    gateway: Server,
    _authorizer: Origin,
    origin: Origin,
    site: Site,
}

impl Stand {
    /// The authorizer lets alice have a file under another name.
    fn new() -> Self {
        let authorizer = Origin::start(|asked: &Asked| match asked.header("cookie") {
            Some("s=alice") => Answer::new(
                "HTTP/1.1 204 Yes\r\nX-Download-Name: Annual%20report.csv\r\nX-Download-Disposition: inline\r\n\
                 X-Download-Type: text/csv\r\n\r\n",
            ),
            _ => Answer::new("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"),
        });
        let origin = Origin::start(|_| {
            Answer::new("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 8\r\n\r\na secret")
        });
        let (asks, has) = (authorizer.address(), origin.address());
        let views = ["authorize", "signed"].map(|kind| {
            let who = match kind {
                "authorize" => format!("authorize.url = \"http://{asks}/may\""),
                _ => "signature = \"required\"".to_owned(),
            };
            format!(
                "[[views]]\nroute = \"/{kind}/far/{{*path}}\"\nkind = \"http\"\nurl = \"http://{has}/{{path}}\"\n\
                 allow_private = true\nspool = \"always\"\n{who}\n\
                 [[views]]\nroute = \"/{kind}/bucket/{{*path}}\"\nkind = \"storage\"\nstorage = \"bucket\"\n{who}\n"
            )
        });
        let site = Site::new("");
        site.make_own_folder("spool");
        site.configure(&format!(
            "listen = \"@LISTEN@\"\n[optimize]\nbackend = \"{}\"\n\
             [[optimize.rules]]\nstorage = \"bucket\"\nredirect = true\n\
             [spool]\ndir = \"spool\"\n\
             [storages.bucket]\nkind = \"s3\"\nbucket = \"archive\"\nendpoint = \"http://{has}\"\nregion = \"us-east-1\"\n\
             allow_http = true\nallow_private = true\naccess_key_id = \"AKIAEXAMPLE\"\nsecret_access_key = \"s3cr3t\"\n\
             [signing]\n[[signing.keys]]\nid = \"a\"\nsecret = \"a-secret-of-the-tests-0123456789abcdef\"\n{}",
            Proxy::Nginx.backend().name(),
            views.concat()
        ));
        Self {
            gateway: site.start_gateway(),
            _authorizer: authorizer,
            origin,
            site,
        }
    }

    /// Files in the spool, finished or not.
    fn copies(&self) -> usize {
        let entries = fs::read_dir(self.site.path("spool")).expect("the folder is there");
        entries.count()
    }
}

#[test]
fn for_whoever_is_refused_nothing_is_fetched_copied_or_signed() {
    let stand = Stand::new();
    let before = stand.copies();
    for target in [
        "/authorize/far/a.csv",
        "/authorize/bucket/a.csv",
        "/signed/far/a.csv",
        "/signed/bucket/a.csv?X-Download-Key=a&X-Download-Signature=x",
    ] {
        for request in [Request::get(target), Request::head(target)] {
            let answer = stand.gateway.send(&request.header("Cookie", "s=bob"));
            assert_eq!(answer.status, 403, "{target}: {}", answer.head());
            assert_nothing_handed_over(target, &answer);
            assert!(!answer.has("Location"), "{target}: {}", answer.head());
        }
    }
    assert!(
        stand.origin.asked().is_empty(),
        "{:?}",
        stand.origin.asked()
    );
    assert_eq!(stand.copies(), before);

    let alice = |target| {
        let request = Request::get(target).header("Cookie", "s=alice");
        stand.gateway.send(&request)
    };
    let copied = alice("/authorize/far/a.csv");
    assert!(copied.has("X-Accel-Redirect"), "{}", copied.head());
    let inline = "inline; filename=\"Annual report.csv\"";
    assert_eq!(copied.header("Content-Disposition"), inline);
    assert_eq!(copied.header("Content-Type"), "text/csv");
    assert_eq!(stand.origin.asked().len(), 1);
    assert!(stand.copies() > before);

    // The bucket answers as the authorizer wishes.
    let sent = alice("/authorize/bucket/a.csv");
    assert_eq!(sent.status, 302, "{}", sent.head());
    let location = sent.header("Location");
    for part in [
        "X-Amz-Signature=",
        "response-content-disposition=inline%3B%20filename%3D%22Annual%20report.csv%22",
        "response-content-type=text%2Fcsv",
    ] {
        assert!(location.contains(part), "{part}: {location}");
    }
    assert_eq!(sent.header("Cache-Control"), "no-store");
    assert_eq!(stand.origin.asked().len(), 1, "a link is signed here");
}
