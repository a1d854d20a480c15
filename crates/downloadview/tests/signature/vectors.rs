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

/// Targets, and whether they can be signed.
const TARGETS: [(&str, bool); 28] = [
    ("/", true),
    ("/a%20b.txt?c=%2F&d", true),
    ("/%C3%A9/a+b;c@d!$&'()*=~,:", true),
    ("/a?b//../c?", true),
    ("/%FF%2F%25%3F%40%5B%60%7B", true),
    ("", false),
    ("a", false),
    ("/a b", false),
    ("/été", false),
    ("/a\n", false),
    ("//a", false),
    ("/a//b", false),
    ("/a/../b", false),
    ("/a/.", false),
    ("/..?a", false),
    ("/a#b", false),
    ("/a[0]", false),
    ("/a?b=\"c\"", false),
    ("/%", false),
    ("/%2", false),
    ("/%zz", false),
    ("/%c3%a9", false),
    ("/%41", false),
    ("/%7E", false),
    ("/%5F", false),
    ("/%2E%2E/a", false),
    ("/a?b=%39", false),
    ("/%0A%7F", false),
];

/// Whether the library signs it.
fn is_signed(target: &str) -> bool {
    let signer = Signer::new(Keys::new(Key::new("a", SECRET).expect("a key")));
    let link = signer.link(target).expires_in(Duration::from_secs(60));
    link.sign().is_ok()
}

#[test]
fn the_examples_refuse_what_the_signer_refuses() {
    let targets = serde_json::json!(TARGETS.map(|(target, _)| target)).to_string();
    let expected = TARGETS.map(|(_, signed)| if signed { "signed" } else { "refused" });
    for (target, signed) in TARGETS {
        assert_eq!(is_signed(target), signed, "{target:?}");
    }
    let script = "import json, sys; sys.path.insert(0, 'examples'); from sign import link\n\
                  for target in json.loads(sys.argv[1]):\n\
                  \x20   try: link(target, 'a', 's'); print('signed')\n\
                  \x20   except ValueError: print('refused')";
    assert_eq!(printed("python3", &["-c", script, &targets]), expected);
    let script = "const { link } = require('./examples/sign.js');\n\
                  for (const target of JSON.parse(process.argv[1]))\n\
                  try { link(target, 'a', 's'); console.log('signed') } catch { console.log('refused') }";
    assert_eq!(printed("node", &["-e", script, &targets]), expected);
}

#[test]
fn an_example_has_at_most_27_lines() {
    for name in ["sign.py", "sign.js", "sign.php", "sign.rb", "sign.go"] {
        let text = std::fs::read_to_string(root().join("examples").join(name))
            .expect("as the vectors are");
        assert!(text.lines().count() <= 27, "{name}");
    }
}
