//! The vectors of the documentation: what every program that makes links must come to.

use std::path::PathBuf;
use std::process::Command;

use downloadview::headers::Disposition;
use downloadview::signature::{Audience, Key, Keys, Signer, Verifier};
use serde_json::Value;

use super::*;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn vectors() -> Vec<Value> {
    let text =
        std::fs::read_to_string(root().join("docs/signed-links.json")).expect("as the vectors are");
    serde_json::from_str(&text).expect("as the vectors are")
}

fn text<'a>(vector: &'a Value, name: &str) -> Option<&'a str> {
    vector
        .get(name)
        .map(|value| value.as_str().expect("as the vectors are"))
}

fn keys_of(vector: &Value) -> Keys {
    let (id, secret) = (text(vector, "key"), text(vector, "secret"));
    Keys::new(
        Key::new(
            id.expect("as the vectors are"),
            secret.expect("as the vectors are"),
        )
        .expect("as the vectors are"),
    )
}

/// The audience of a vector: a user's or a network's.
fn audience(vector: &Value) -> Option<(String, String)> {
    let pair = vector
        .get("audience")?
        .as_array()
        .expect("as the vectors are");
    let word = |at: usize| pair[at].as_str().expect("as the vectors are").to_owned();
    Some((word(0), word(1)))
}

fn signed(vector: &Value) -> String {
    let realm = text(vector, "realm").expect("as the vectors are");
    let signer = Signer::new(keys_of(vector))
        .realm(realm)
        .expect("as the vectors are");
    let date = vector["date"].as_u64().expect("as the vectors are");
    let life = vector["expires_in"].as_u64().expect("as the vectors are");
    let mut link = signer
        .link(text(vector, "target").expect("as the vectors are"))
        .dated(UNIX_EPOCH + Duration::from_secs(date))
        .expires_in(Duration::from_secs(life));
    if let Some(name) = text(vector, "name") {
        link = link.name(name);
    }
    match text(vector, "disposition") {
        Some("inline") => link = link.disposition(Disposition::Inline),
        Some(_) => link = link.disposition(Disposition::Attachment),
        None => {}
    }
    if let Some(content_type) = text(vector, "type") {
        link = link.content_type(content_type);
    }
    if let Some((kind, value)) = audience(vector) {
        let network = || {
            value
                .split('/')
                .next()
                .expect("as the vectors are")
                .parse()
                .expect("as the vectors are")
        };
        link = link.audience(match &*kind {
            "user" => Audience::user(&*value).expect("as the vectors are"),
            _ => Audience::of_client(network()),
        });
    }
    link.sign().expect("as the vectors are")
}

#[test]
fn the_signer_makes_the_links_of_the_vectors() {
    let vectors = vectors();
    assert!(vectors.len() >= 20);
    for vector in &vectors {
        assert_eq!(
            signed(vector),
            text(vector, "link").expect("as the vectors are")
        );
    }
}

#[test]
fn the_verifier_takes_the_links_of_the_vectors_for_their_audience_alone() {
    for vector in &vectors() {
        let link = text(vector, "link").expect("as the vectors are");
        let realm = text(vector, "realm").expect("as the vectors are");
        let verifier = Verifier::new(keys_of(vector))
            .realm(realm)
            .expect("as the vectors are");
        let date = vector["date"].as_u64().expect("as the vectors are");
        let now = UNIX_EPOCH + Duration::from_secs(date);
        let audience = audience(vector);
        let value = || audience.clone().map(|(_, value)| value);
        let verified = verifier
            .verify_at(link, |_| value(), now)
            .expect("as the vectors are");
        assert_eq!(verified.date(), date);
        let expires = date + vector["expires_in"].as_u64().expect("as the vectors are");
        assert_eq!(verified.expires(), Some(expires));
        if audience.is_some() {
            let other = |_| Some("somebody else".to_owned());
            assert!(verifier.verify_at(link, other, now).is_err(), "{link}");
            assert!(verifier.verify_at(link, |_| None, now).is_err(), "{link}");
        }
    }
}

/// The links that a program prints, one a line, for the vectors.
fn printed(program: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {told}");
    let text = String::from_utf8(output.stdout).expect("as the vectors are");
    text.lines().map(str::to_owned).collect()
}

fn expected() -> Vec<String> {
    let links = vectors();
    let links = links
        .iter()
        .map(|vector| text(vector, "link").expect("as the vectors are"));
    links.map(str::to_owned).collect()
}

#[test]
fn the_python_example_makes_the_links_of_the_vectors() {
    let script = "import json, sys; sys.path.insert(0, 'examples'); from sign import link\n\
                  for v in json.load(open('docs/signed-links.json', encoding='utf-8')):\n\
                  \x20   v.pop('link'); print(link(v.pop('target'), **v))";
    assert_eq!(printed("python3", &["-c", script]), expected());
}

#[test]
fn the_node_example_makes_the_links_of_the_vectors() {
    let script = "const { link } = require('./examples/sign.js');\n\
                  for (const v of require('./docs/signed-links.json'))\n\
                  console.log(link(v.target, v.key, v.secret, { ...v, expiresIn: v.expires_in }));";
    assert_eq!(printed("node", &["-e", script]), expected());
}

#[test]
fn an_example_has_at_most_25_lines() {
    for name in ["sign.py", "sign.js", "sign.php", "sign.rb", "sign.go"] {
        let text = std::fs::read_to_string(root().join("examples").join(name))
            .expect("as the vectors are");
        assert!(text.lines().count() <= 25, "{name}");
    }
}
