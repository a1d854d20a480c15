//! What the store refuses, and what of it a client sees.

use downloadview::content::Want;
use downloadview::fetch::Client;
use downloadview::storage::{S3Builder, S3Storage, Storage as _, StorageName};
use http::StatusCode;
use proxy_tests::{ACCESS_KEY_ID, S3s, SECRET_ACCESS_KEY};

use crate::served::{Served, Store, block_on, bucket, unsigned};

const WRONG: &str = "not/The+Secret";

fn wrong(store: &S3s) -> S3Builder {
    unsigned(store.address())
        .access_key_id(ACCESS_KEY_ID)
        .secret_access_key(WRONG)
}

#[test]
fn a_bucket_that_is_not_there_is_404() {
    for store in Store::both() {
        let client = Client::new().expect("a client");
        let other = S3Storage::builder(&client, "other-bucket")
            .endpoint(format!("http://{}", store.address()))
            .allow_http()
            .allow_private()
            .access_key_id(ACCESS_KEY_ID)
            .secret_access_key(SECRET_ACCESS_KEY);
        let app = Served::new(other.build().expect("valid"));
        assert_eq!(app.get("/a").status, 404, "{}", store.name());
    }
}

#[test]
fn credentials_that_the_store_refuses_are_404_or_as_said() {
    let store = S3s::start();
    store.put("a", b"a");
    let app = Served::new(wrong(&store).build().expect("valid"));
    assert_eq!(app.get("/a").status, 404);
    let told = wrong(&store).origin(|origin| origin.forbidden_as(StatusCode::FORBIDDEN));
    let app = Served::new(told.build().expect("valid"));
    let answer = app.get("/a");
    assert_eq!(answer.status, 403);
    assert!(!answer.text().contains("Signature"), "{}", answer.text());
}

#[test]
fn no_error_holds_a_secret_or_a_signature() {
    let store = S3s::start();
    let name = StorageName::parse("a").expect("a name");
    let told = wrong(&store).origin(|origin| origin.forbidden_as(StatusCode::FORBIDDEN));
    let mut shown = String::new();
    for builder in [wrong(&store), told, bucket(store.address())] {
        let storage = builder.session_token("T0ken").build().expect("valid");
        let opened = block_on(storage.open(&name, Want::whole()));
        let looked = block_on(storage.look(&name));
        shown += &format!("{opened:?} {looked:?} {storage:?}");
        for error in [opened.err(), looked.err()] {
            let error = error.expect("refused or not there");
            shown += &format!("{error} {error:?}");
        }
    }
    for secret in [WRONG, SECRET_ACCESS_KEY, ACCESS_KEY_ID, "T0ken", "X-Amz-"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
