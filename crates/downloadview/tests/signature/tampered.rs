//! Links that somebody changed, each refused for the reason that it should be.

use downloadview::error::SignatureFault::{self, *};
use downloadview::headers::Disposition;
use downloadview::signature::{Audience, AudienceKind, Key, Keys, Signer};
use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// The link that is tampered with.
fn link() -> String {
    let link = signer().link("/media/a%20b.txt?v=2").dated(then());
    let link = link.expires_in(HOUR).name("A b.txt");
    link.disposition(Disposition::Attachment)
        .sign()
        .expect("a link")
}

fn nobody(_: AudienceKind) -> Option<String> {
    None
}

fn verify(target: &str) -> Result<(), SignatureFault> {
    let verified = verifier().verify_at(target, nobody, after(60));
    verified.map(drop)
}

/// A link that the key signed, whatever it says.
fn signed_by_key(target: &str) -> String {
    let text = format!("downloadview-link-1\n\n\n{target}");
    let signature = hmac(SECRET.as_bytes(), text.as_bytes());
    format!("{target}&X-Download-Signature={signature}")
}

/// HMAC-SHA-256 in base64url, apart from the code under test.
fn hmac(key: &[u8], text: &[u8]) -> String {
    use base64::Engine as _;
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).expect("any length");
    mac.update(text);
    let digest = mac.finalize().into_bytes();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

#[test]
fn the_link_itself_is_good() {
    assert_eq!(verify(&link()), Ok(()));
}

/// Whatever is changed, added, left out or moved: 403, and never another file.
#[test]
fn sixty_tampered_links_are_refused() {
    let link = link();
    let signature = link.rsplit('=').next().unwrap().to_owned();
    let unsigned = link.rsplit_once('&').unwrap().0.to_owned();
    let replaced = |from: &str, to: &str| {
        assert!(link.contains(from), "{from}");
        link.replacen(from, to, 1)
    };
    let other = |link: downloadview::signature::Link| {
        link.dated(then()).expires_in(HOUR).sign().expect("a link")
    };
    let tail = |link: &str| {
        link.rsplit_once("&X-Download-Signature=")
            .unwrap()
            .1
            .to_owned()
    };
    let of_other_path = tail(&other(signer().link("/x/media/a%20b.txt?v=2")));
    let mut swapped = unsigned.clone();
    swapped = swapped.replace(
        "X-Download-Date=1800000000&X-Download-Expires=1800003600",
        "X-Download-Expires=1800003600&X-Download-Date=1800000000",
    );
    let table: Vec<(&str, String)> = vec![
        ("no signature", unsigned.clone()),
        ("no query", "/media/a%20b.txt".into()),
        ("only the own query", "/media/a%20b.txt?v=2".into()),
        (
            "an empty signature",
            format!("{unsigned}&X-Download-Signature="),
        ),
        ("half a signature", link[..link.len() - 20].into()),
        ("one character less", link[..link.len() - 1].into()),
        ("one character more", format!("{link}A")),
        ("padding", format!("{link}=")),
        ("escaped padding", format!("{link}%3D")),
        ("a line feed behind it", format!("{link}%0A")),
        ("a space behind it", format!("{link}%20")),
        ("a NUL behind it", format!("{link}%00")),
        (
            "the signature twice",
            format!("{link}&X-Download-Signature={signature}"),
        ),
        (
            "a wrong one, then the right one",
            format!(
                "{unsigned}&X-Download-Signature={}&X-Download-Signature={signature}",
                "A".repeat(43)
            ),
        ),
        (
            "the right one, then a wrong one",
            format!("{link}&X-Download-Signature={}", "A".repeat(43)),
        ),
        (
            "the signature in lower case",
            replaced(&signature, &signature.to_lowercase()),
        ),
        (
            "the signature in capitals",
            replaced(&signature, &signature.to_uppercase()),
        ),
        (
            "the name of the signature in lower case",
            replaced("X-Download-Signature", "x-download-signature"),
        ),
        (
            "the name of the signature escaped",
            replaced("X-Download-Signature", "X-Download-%53ignature"),
        ),
        (
            "the signature as a list",
            replaced("X-Download-Signature=", "X-Download-Signature[]="),
        ),
        (
            "the signature escaped",
            replaced(
                &signature,
                &format!("%{:02X}{}", signature.as_bytes()[0], &signature[1..]),
            ),
        ),
        (
            "the signature first",
            format!(
                "/media/a%20b.txt?X-Download-Signature={signature}&{}",
                unsigned.split_once('?').unwrap().1
            ),
        ),
        ("something behind it", format!("{link}&v=3")),
        ("something empty behind it", format!("{link}&")),
        (
            "something empty before it",
            replaced("&X-Download-Signature", "&&X-Download-Signature"),
        ),
        (
            "a fragment in it",
            format!("{}#{}", &link[..link.len() - 10], &link[link.len() - 10..]),
        ),
        ("another path", replaced("/media/a%20b.txt", "/media/b.txt")),
        (
            "a longer path",
            replaced("/media/a%20b.txt", "/media/a%20b.txt.bak"),
        ),
        ("a shorter path", replaced("/media/a%20b.txt", "/media/a")),
        (
            "the signature of another path with the same tail",
            format!("{unsigned}&X-Download-Signature={of_other_path}"),
        ),
        ("a folder in front", format!("/x{link}")),
        ("two slashes", replaced("/media/", "/media//")),
        ("two slashes in front", format!("/{link}")),
        ("a dot", replaced("/media/", "/media/./")),
        ("two dots", replaced("/media/", "/media/x/../")),
        ("an escaped letter", replaced("/media/", "/m%65dia/")),
        ("an escaped slash", replaced("/media/", "/media%2F")),
        (
            "an escape in lower case",
            replaced("/media/a%20b", "/%6dedia/a%20b"),
        ),
        ("a plus for the space", replaced("a%20b", "a+b")),
        ("an escape escaped", replaced("a%20b", "a%2520b")),
        ("another case of the path", replaced("/media/", "/Media/")),
        ("a slash behind the path", replaced("b.txt?", "b.txt/?")),
        ("a parameter of the path", replaced("b.txt?", "b.txt;v=1?")),
        ("the own query changed", replaced("v=2", "v=3")),
        ("the own query left out", replaced("v=2&", "")),
        ("the own query twice", replaced("v=2", "v=2&v=3")),
        ("an own parameter added", replaced("?v=2", "?v=2&x=1")),
        ("an empty parameter added", replaced("?v=2", "?v=2&")),
        ("a second question mark", replaced("?v=2", "??v=2")),
        ("another key", replaced("Key=2026a", "Key=2026b")),
        ("no key", replaced("X-Download-Key=2026a&", "")),
        ("an empty key", replaced("Key=2026a", "Key=")),
        (
            "a key with odd bytes",
            replaced("Key=2026a", "Key=2026a%00"),
        ),
        ("a key as a path", replaced("Key=2026a", "Key=../2026a")),
        (
            "the key twice",
            replaced(
                "X-Download-Key=2026a",
                "X-Download-Key=2026a&X-Download-Key=2026a",
            ),
        ),
        (
            "a later expiry",
            replaced("Expires=1800003600", "Expires=1900003600"),
        ),
        (
            "an expiry of 0",
            replaced("Expires=1800003600", "Expires=0"),
        ),
        (
            "a negative expiry",
            replaced("Expires=1800003600", "Expires=-1"),
        ),
        (
            "an expiry of 2^64",
            replaced("Expires=1800003600", "Expires=18446744073709551616"),
        ),
        (
            "an expiry in another base",
            replaced("Expires=1800003600", "Expires=0x6b49e210"),
        ),
        (
            "an expiry with a sign",
            replaced("Expires=1800003600", "Expires=+1800003600"),
        ),
        (
            "an expiry with a zero in front",
            replaced("Expires=1800003600", "Expires=01800003600"),
        ),
        (
            "an expiry with a fraction",
            replaced("Expires=1800003600", "Expires=1800003600.5"),
        ),
        (
            "an expiry that is no number",
            replaced("Expires=1800003600", "Expires=tomorrow"),
        ),
        ("no expiry", replaced("&X-Download-Expires=1800003600", "")),
        ("never", replaced("Expires=1800003600", "Expires=never")),
        (
            "an own expiry in front",
            replaced("?v=2", "?v=2&X-Download-Expires=1900000000"),
        ),
        (
            "an earlier date",
            replaced("Date=1800000000", "Date=1700000000"),
        ),
        (
            "a later date",
            replaced("Date=1800000000", "Date=1800000001"),
        ),
        (
            "date and expiry swapped",
            format!("{swapped}&X-Download-Signature={signature}"),
        ),
        ("another name", replaced("Name=A%20b.txt", "Name=evil.exe")),
        ("no name", replaced("&X-Download-Name=A%20b.txt", "")),
        (
            "shown, not saved",
            replaced("Disposition=attachment", "Disposition=inline"),
        ),
        (
            "a type",
            replaced(
                "&X-Download-Signature",
                "&X-Download-Type=text%2Fhtml&X-Download-Signature",
            ),
        ),
        (
            "an audience",
            replaced(
                "&X-Download-Signature",
                "&X-Download-Audience=user&X-Download-Signature",
            ),
        ),
        ("semicolons", link.replace('&', ";")),
        (
            "another realm",
            other(
                Signer::new(keys())
                    .realm("other")
                    .unwrap()
                    .link("/media/a%20b.txt"),
            ),
        ),
        (
            "another secret under the same id",
            other(
                Signer::new(Keys::new(Key::new("2026a", [b'x'; 40]).unwrap()))
                    .link("/media/a%20b.txt"),
            ),
        ),
        (
            "another id of the same secret",
            other(
                Signer::new(Keys::new(Key::new("2026b", SECRET).unwrap())).link("/media/a%20b.txt"),
            ),
        ),
        (
            "an audience that is not told",
            other(
                signer()
                    .link("/media/a%20b.txt")
                    .audience(Audience::user("alice").unwrap()),
            ),
        ),
    ];
    assert!(table.len() >= 60);
    for (what, target) in &table {
        let refused = verify(target);
        assert!(refused.is_err(), "{what}: {target}");
        assert_ne!(
            refused,
            Err(Expired),
            "{what}: nothing is told of a forged link"
        );
    }
}

/// What a key signed in another way than this crate would is read strictly all the same.
#[test]
fn a_good_signature_of_nonsense_is_refused() {
    let ours = "X-Download-Key=2026a&X-Download-Date=1800000000&X-Download-Expires=1800003600";
    assert_eq!(verify(&signed_by_key(&format!("/a?{ours}"))), Ok(()));
    for rest in [
        "&X-Download-Name=",
        "&X-Download-Name=%41",
        "&X-Download-Name=a+b",
        "&X-Download-Name=%0A",
        "&X-Download-Name=%FF",
        "&X-Download-Name=a&X-Download-Name=b",
        "&X-Download-Disposition=form-data",
        "&X-Download-Disposition=Inline",
        "&X-Download-Type=html",
        "&X-Download-Type=text/html",
        "&X-Download-Disposition=inline&X-Download-Name=a",
        "&X-Download-Audience=group",
        "&X-Download-Range=1",
        "&x=1",
        "&",
    ] {
        let target = signed_by_key(&format!("/a?{ours}{rest}"));
        assert!(matches!(verify(&target), Err(Malformed(_))), "{target}");
    }
    for ours in [
        "X-Download-Key=2026a&X-Download-Date=1800000000",
        "X-Download-Key=2026a&X-Download-Date=+1800000000&X-Download-Expires=1800003600",
        "X-Download-Key=2026a&X-Download-Date=01800000000&X-Download-Expires=1800003600",
        "X-Download-Key=2026a&X-Download-Date=1800000000&X-Download-Expires=-1",
        "X-Download-Key=2026a&X-Download-Date=1800000000&X-Download-Expires=0x7fffffff",
        "X-Download-Key=2026a&X-Download-Date=1800000000&X-Download-Expires=18446744073709551616",
        "X-Download-Key=2026a&X-Download-Date=1800000000&X-Download-Expires=1800003600&X-Download-Key=2026a",
        "x-download-name=a&X-Download-Key=2026a&X-Download-Date=1800000000&X-Download-Expires=1800003600",
        "X-Downlo%61d-Name=a&X-Download-Key=2026a&X-Download-Date=1800000000&X-Download-Expires=1800003600",
    ] {
        let target = signed_by_key(&format!("/a?{ours}"));
        assert!(matches!(verify(&target), Err(Malformed(_))), "{target}");
    }
    let times = |date: u64, expires: &str| {
        let times = format!("X-Download-Date={date}&X-Download-Expires={expires}");
        verify(&signed_by_key(&format!("/a?X-Download-Key=2026a&{times}")))
    };
    assert_eq!(times(1_800_000_000, "0"), Err(Expired));
    assert_eq!(times(1_800_000_000, "18446744073709551615"), Err(TooLong));
    assert_eq!(times(1_800_000_000, "never"), Err(TooLong));
    assert_eq!(times(u64::MAX, "18446744073709551615"), Err(NotYet));
}

#[test]
fn a_link_is_good_from_its_date_to_its_expiry_and_a_minute_of_skew_before() {
    let verify = |now| verifier().verify_at(&link(), nobody, now).map(drop);
    let before = |seconds| then() - Duration::from_secs(seconds);
    assert_eq!(verify(before(61)), Err(NotYet));
    assert_eq!(verify(before(60)), Ok(()));
    assert_eq!(verify(after(3599)), Ok(()));
    assert_eq!(verify(after(3600)), Err(Expired));
    // A clock that is an hour off.
    assert_eq!(verify(before(3600)), Err(NotYet));
    assert_eq!(verify(UNIX_EPOCH), Err(NotYet));
}

#[test]
fn only_a_good_signature_is_told_that_it_has_expired() {
    let late = |target: &str| verifier().verify_at(target, nobody, after(9999)).map(drop);
    assert_eq!(late(&link()), Err(Expired));
    assert_eq!(late(&link().replace("b.txt", "c.txt")), Err(Mismatch));
}

/// A link for 30 days is not good on its last seven either.
#[test]
fn a_life_over_the_longest_time_is_refused_on_every_day() {
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let long = Signer::new(keys()).without_max_lifetime();
    let link = long.link("/a").dated(then()).expires_in(days(30)).sign();
    let link = link.expect("a link");
    for day in [0, 22, 23, 29] {
        let now = then() + days(day);
        let verified = verifier().verify_at(&link, nobody, now);
        assert_eq!(verified.map(drop), Err(TooLong), "day {day}");
    }
    let open = verifier().max_lifetime(days(30));
    assert!(open.verify_at(&link, nobody, then()).is_ok());
    assert!(signer().link("/a").expires_in(days(8)).sign().is_err());
}

#[test]
fn dropping_a_key_ends_its_links_and_valid_from_the_older_ones() {
    let second = || Key::new("2026b", [b'b'; 32]).expect("a key");
    let both = || keys().and(second()).expect("two keys");
    let old = link();
    let good = |keys: Keys, link: &str| {
        let verifier = downloadview::signature::Verifier::new(keys);
        verifier.verify_at(link, nobody, after(60)).map(drop)
    };
    assert_eq!(good(both(), &old), Ok(()));
    assert_eq!(good(Keys::new(second()), &old), Err(UnknownKey));
    let since = |seconds| {
        let key = Key::new("2026a", SECRET).expect("a key");
        Keys::new(key.valid_from(after(seconds)))
    };
    assert_eq!(good(since(0), &old), Ok(()));
    assert_eq!(good(since(1), &old), Err(BeforeKey));
}

#[test]
fn a_link_without_end_needs_both_to_allow_it() {
    assert!(signer().link("/a").never_expires().sign().is_err());
    let signer = signer().without_max_lifetime();
    let link = signer.link("/a").dated(then()).never_expires().sign();
    let link = link.expect("a link");
    assert!(link.contains("&X-Download-Expires=never&"), "{link}");
    let strict = verifier().verify_at(&link, nobody, then());
    assert_eq!(strict.map(drop), Err(TooLong));
    let open = verifier().without_max_lifetime();
    assert!(
        open.verify_at(&link, nobody, after(u64::from(u32::MAX)))
            .is_ok()
    );
}

#[test]
fn an_audience_is_bound_and_not_told() {
    let link = signer().link("/a").dated(then()).expires_in(HOUR);
    let link = link.audience(Audience::user("alice").expect("a user"));
    let link = link.sign().expect("a link");
    assert!(!link.contains("alice"));
    let by = |user: &str| {
        let user = user.to_owned();
        verifier()
            .verify_at(&link, |_| Some(user), then())
            .map(drop)
    };
    assert_eq!(by("alice"), Ok(()));
    assert_eq!(by("bob"), Err(Mismatch));
    assert_eq!(by(""), Err(NoAudience));
    assert_eq!(by("alice\n/a"), Err(NoAudience));
    assert_eq!(verify(&link), Err(NoAudience));
    // The word alone cannot be changed.
    let network = link.replace("Audience=user", "Audience=ip24");
    let verified = verifier().verify_at(&network, |_| Some("alice".into()), then());
    assert_eq!(verified.map(drop), Err(Mismatch));
}

#[test]
fn what_mailers_append_is_cut_off_only_where_it_is_named() {
    let mailed = format!("{}&utm_source=mail&utm_medium=a%26b&fbclid=1", link());
    assert!(matches!(verify(&mailed), Err(Malformed(_))));
    let open = || verifier().ignore_after(["utm_*", "fbclid"]).expect("names");
    let verify = |target: &str| open().verify_at(target, nobody, then()).map(drop);
    assert_eq!(verify(&mailed), Ok(()));
    for added in [
        "&v=3",
        "&utm_a=1&v=3",
        "&X-Download-Name=a",
        "&fbclid2=1",
        "&",
    ] {
        assert!(verify(&format!("{}{added}", link())).is_err(), "{added}");
    }
    for wrong in ["", "*", "a*b", "a=b"] {
        assert!(verifier().ignore_after([wrong]).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_prefix_that_a_proxy_takes_off_was_signed() {
    let link = signer().link("/files/a.txt").dated(then()).expires_in(HOUR);
    let link = link.sign().expect("a link");
    let behind = verifier().prefix("/files").expect("a prefix");
    let arrived = link.strip_prefix("/files").expect("the prefix");
    assert!(behind.verify_at(arrived, nobody, then()).is_ok());
    assert!(behind.verify_at(&link, nobody, then()).is_err());
    for wrong in ["files", "/files/", "", "/a//b", "/é", "/a?b"] {
        assert!(verifier().prefix(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_signer_refuses_what_it_cannot_stand_for() {
    let link = || signer().link("/a").expires_in(HOUR);
    assert!(link().sign().is_ok());
    assert!(signer().link("/a").sign().is_err(), "no expiry");
    assert!(link().expires_in(Duration::ZERO).sign().is_err());
    assert!(link().dated(after(10)).expires_at(then()).sign().is_err());
    assert!(link().name("").sign().is_err());
    assert!(link().name("a\r\nb").sign().is_err());
    assert!(link().content_type("html").sign().is_err());
    assert!(signer().realm("a\nb").is_err());
    for target in [
        "a",
        "//a",
        "/a/../b",
        "/%41",
        "/é",
        "/a#b",
        "/a?X-Download-Key=1",
        "/a?x%2Ddownload-b=1",
    ] {
        assert!(
            signer().link(target).expires_in(HOUR).sign().is_err(),
            "{target}"
        );
    }
    let long = format!("/{}", "a".repeat(4096));
    assert!(signer().link(long).expires_in(HOUR).sign().is_err());
}

proptest! {
    /// Any byte of the target or of the signature.
    #[test]
    fn any_single_byte_that_changes_is_refused(at in 0_usize..4096, byte in 0x21_u8..0x7f) {
        let link = link();
        let mut bytes = link.clone().into_bytes();
        let at = at % bytes.len();
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let changed = String::from_utf8(bytes).expect("ASCII");
        prop_assert!(verify(&changed).is_err(), "{}", changed);
    }

    /// Whatever somebody sends, there is an answer.
    #[test]
    fn nothing_makes_the_verifier_panic(target in "\\PC*", rest in "\\PC{0,80}") {
        let _ = verify(&target);
        let target = format!("/a?X-Download-Key=2026a{rest}&X-Download-Signature={}", "A".repeat(43));
        prop_assert!(verify(&target).is_err());
        let _ = verify(&signed_by_key(&format!("/a?X-Download-Key=2026a{rest}")));
    }

    /// What the signer makes of any name and user, the verifier takes, and reads the same name.
    #[test]
    fn what_the_signer_makes_the_verifier_takes(name in "\\PC{1,40}", user in "\\PC{1,20}") {
        let audience = Audience::user(&*user).expect("a user");
        let link = signer().link("/a").dated(then()).expires_in(HOUR);
        let link = link.name(&*name).audience(audience).sign().expect("a link");
        let verified = verifier().verify_at(&link, |_| Some(user), then());
        let expected = downloadview::permission::Grant::new().basename(name);
        let grant = verified.expect("good").grant().clone();
        let same = expected.unlisted().private_for(HOUR);
        prop_assert_eq!(grant, same);
    }
}
