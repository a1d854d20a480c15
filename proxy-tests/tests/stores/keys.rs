//! How long a key of S3 may be.

use crate::served::{Served, Store, bucket};

#[test]
fn a_key_may_have_1024_bytes_and_no_more() {
    for store in Store::both() {
        let segment = "s".repeat(127);
        let longest = vec![segment; 8].join("/") + "/";
        let longest = &longest[..1023];
        let longest = format!("{longest}e");
        assert_eq!(longest.len(), 1024);
        if let Store::Moto(_) = store {
            store.put(&longest, b"x");
        }
        let app = Served::new(bucket(store.address()).build().expect("valid"));
        let status = |key: &str| app.get(&format!("/{key}")).status;
        if let Store::Moto(_) = store {
            assert_eq!(status(&longest), 200);
        }
        assert_eq!(status(&format!("{longest}x")), 404, "{}", store.name());
    }
}
