//! The types of the library held against those of nginx and Debian, extension by extension.

use std::fs;

use downloadview::headers::content_type_of;

/// Where both tables are passed over: programs and archives keep the type that every browser saves, and an extension of many
/// uses the one that is downloaded more often.
const OURS: &[(&str, &str)] = &[
    ("asc", "application/pgp-signature"),
    ("atx", "application/vnd.antix.game-component"),
    ("bat", "application/x-msdownload"),
    ("book", "application/vnd.framemaker"),
    ("car", "application/vnd.curl.car"),
    ("cif", "chemical/x-cif"),
    ("class", "application/x-java-applet"),
    ("cml", "chemical/x-cml"),
    ("cod", "image/cis-cod"),
    ("com", "application/x-msdownload"),
    ("cst", "application/x-director"),
    ("dll", "application/x-msdownload"),
    ("dot", "application/msword"),
    ("erf", "application/x-endace-erf"),
    ("gam", "application/x-tads"),
    ("gsf", "application/x-font-ghostscript"),
    ("gsheet", "application/vnd.google-apps.spreadsheet"),
    ("mod", "video/mpeg"),
    ("mts", "video/vnd.dlna.mpeg-tts"),
    ("mvb", "application/x-msmediaview"),
    ("ntf", "application/vnd.nitf"),
    ("pml", "application/x-perfmon"),
    ("pot", "application/vnd.ms-powerpoint"),
    ("pub", "application/x-mspublisher"),
    ("rm", "application/vnd.rn-realmedia"),
    ("rs", "text/x-rust"),
    ("rst", "text/x-rst"),
    ("scd", "application/x-msschedule"),
    ("scr", "text/plain"),
    ("sgi", "image/sgi"),
    ("sid", "image/x-mrsid-image"),
    ("sitx", "application/x-stuffitx"),
    ("skp", "application/x-koan"),
    ("smv", "video/x-smv"),
    ("spc", "application/x-pkcs7-certificates"),
    ("srt", "application/x-subrip"),
    ("svgz", "application/gzip"),
    ("tgz", "application/gzip"),
    ("vbox", "application/x-virtualbox-vbox"),
    ("wav", "audio/wav"),
    ("wsc", "text/scriptlet"),
    ("~", "application/octet-stream"),
];

/// The longest extension that is looked up.
const LONGEST: usize = 16;

/// Extensions and types of a `mime.types`, Debian's or nginx's.
fn table(path: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(path);
    let text = text.unwrap_or_else(|error| panic!("{path}, of a package: {error}"));
    let mut table = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.trim().trim_end_matches(';').split_whitespace();
        let Some(kind) = words.next().filter(|kind| kind.contains('/')) else {
            continue;
        };
        table.extend(words.map(|extension| (extension.to_lowercase(), kind.to_owned())));
    }
    assert!(table.len() > 90, "{path}: {}", table.len());
    table
}

#[test]
fn every_extension_has_the_type_that_nginx_or_debian_knows() {
    let nginx = table("/etc/nginx/mime.types");
    let debian = table("/etc/mime.types");
    let mut complaints = Vec::new();
    for (extension, _) in nginx.iter().chain(&debian) {
        let plain = extension.len() <= LONGEST && !extension.contains(['.', '%']);
        if !plain {
            continue;
        }
        let sent = content_type_of(&format!("a.{extension}"));
        let sent = sent
            .to_str()
            .expect("text")
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned();
        let known = |table: &[(String, String)]| {
            let mut of_it = table.iter().filter(|(it, _)| it == extension);
            of_it.any(|(_, kind)| kind.eq_ignore_ascii_case(&sent))
        };
        let ours = OURS
            .iter()
            .any(|(it, kind)| it == extension && *kind == sent);
        if !known(&nginx) && !known(&debian) && !ours {
            complaints.push(format!("{extension}: {sent}"));
        }
    }
    complaints.sort();
    complaints.dedup();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn what_the_fields_programs_need_has_its_type() {
    for (extension, kind) in [
        ("ts", "video/mp2t"),
        ("m3u8", "application/vnd.apple.mpegurl"),
        ("m4s", "video/iso.segment"),
        ("rpm", "application/x-redhat-package-manager"),
        ("usdz", "model/vnd.usdz+zip"),
        ("stl", "model/stl"),
        ("amr", "audio/AMR"),
        ("mobileconfig", "application/x-apple-aspen-config"),
        ("tsx", "text/tsx; charset=utf-8"),
        ("diff", "text/x-diff; charset=utf-8"),
        ("jsonl", "application/jsonl"),
        ("mjs", "text/javascript; charset=utf-8"),
        ("wasm", "application/wasm"),
        ("tar.gz", "application/gzip"),
    ] {
        assert_eq!(
            content_type_of(&format!("a.{extension}")),
            kind,
            "{extension}"
        );
    }
}
