//! The links of Django's `TimestampSigner` and of django-downloadview.

use downloadview::error::SignatureFault;
use downloadview::signature::DjangoKey;
use serde_json::Value;

use super::*;

const KEY: &str = "downloadview-test-secret-key-0123456789abcdef";

fn key() -> DjangoKey {
    DjangoKey::new(KEY).expiration(Duration::from_secs(3600))
}

fn verify(path: &str, query: &str) -> Result<(), SignatureFault> {
    key().verify(path, query, then())
}

#[test]
fn django_and_this_signer_agree_on_the_vectors() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("django.json")).unwrap();
    assert_eq!(vectors.len(), 50);
    for vector in &vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let seconds = vector["time"].as_u64().unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        let signed = DjangoKey::new(text("key")).sign(text("path"), time);
        assert_eq!(signed, text("signed"));
        let path = text("path");
        if path.starts_with('/') && !path.contains(['&', '#', '?']) {
            let key = DjangoKey::new(text("key"));
            let query = format!("X-Signature={signed}");
            assert_eq!(key.verify(path, &query, time), Ok(()), "{path}");
        }
    }
}

#[test]
fn a_name_that_django_escapes_is_good_and_the_double_escape_opens_no_other_file() {
    let link = key().link("/media/a%20b.txt", then());
    let (path, query) = link.split_once('?').unwrap();
    assert_eq!(verify(path, query), Ok(()));
    // `a%20b.txt` is a file of another name.
    let twice = query.replace("%20", "%2520");
    assert_eq!(
        verify("/media/a%2520b.txt", &twice),
        Err(SignatureFault::Mismatch)
    );
    assert_eq!(
        verify("/media/a%2520b.txt", query),
        Err(SignatureFault::Mismatch)
    );
    assert_eq!(
        verify("/media/a%20b.txt", &twice),
        Err(SignatureFault::Mismatch)
    );
}

#[test]
fn a_value_that_was_encoded_as_a_whole_is_decoded_once() {
    let signed = key().sign("/media/a.txt", then());
    let encoded = signed.replace('/', "%2F").replace(':', "%3A");
    assert_eq!(
        verify("/media/a.txt", &format!("X-Signature={encoded}")),
        Ok(())
    );
    let plain = key().sign("/media/été.txt", then());
    let plain = plain.replace('é', "%C3%A9");
    let path = "/media/%C3%A9t%C3%A9.txt";
    assert_eq!(verify(path, &format!("X-Signature={plain}")), Ok(()));
    // An escaped slash is not a slash.
    let signed = format!("X-Signature={signed}");
    assert_eq!(
        verify("/media%2Fa.txt", &signed),
        Err(SignatureFault::Mismatch)
    );
}

#[test]
fn repeats_other_paths_old_and_future_links_are_refused() {
    let signed = format!("X-Signature={}", key().sign("/media/a.txt", then()));
    let path = "/media/a.txt";
    assert_eq!(verify(path, &signed), Ok(()));
    assert_eq!(verify(path, &format!("x=1&{signed}")), Ok(()));
    assert_eq!(verify(path, ""), Err(SignatureFault::Missing));
    assert_eq!(verify(path, "x-signature=1"), Err(SignatureFault::Missing));
    let doubled = format!("{signed}&X-Signature=1");
    assert!(matches!(
        verify(path, &doubled),
        Err(SignatureFault::Malformed(_))
    ));
    assert_eq!(
        verify("/media/b.txt", &signed),
        Err(SignatureFault::Mismatch)
    );
    assert_eq!(
        verify("/x/media/a.txt", &signed),
        Err(SignatureFault::Mismatch)
    );
    let at = |seconds| key().verify(path, &signed, seconds);
    assert_eq!(at(after(3600)), Ok(()));
    assert_eq!(at(after(3601)), Err(SignatureFault::Expired));
    let before = then() - Duration::from_secs(61);
    assert_eq!(at(before), Err(SignatureFault::NotYet));
    assert_eq!(at(before + Duration::from_secs(1)), Ok(()));
    let other = DjangoKey::new("another key");
    assert_eq!(
        other.verify(path, &signed, then()),
        Err(SignatureFault::Mismatch)
    );
    let keys = [other, key()];
    assert_eq!(DjangoKey::verify_any(&keys, path, &signed, then()), Ok(()));
    assert_eq!(
        DjangoKey::verify_any(&keys, path, &signed, after(9999)),
        Err(SignatureFault::Expired)
    );
    assert_eq!(
        DjangoKey::verify_any(&[], path, &signed, then()),
        Err(SignatureFault::UnknownKey)
    );
}

#[test]
fn a_single_byte_that_changes_is_refused() {
    let link = key().link("/media/a%20b.txt", then());
    for at in 0..link.len() {
        let mut bytes = link.clone().into_bytes();
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        let changed = String::from_utf8(bytes).unwrap();
        let (path, query) = changed.split_once('?').unwrap_or((&changed, ""));
        assert!(verify(path, query).is_err(), "{changed}");
    }
}
