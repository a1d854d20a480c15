//! File names: the file that is sent, who sends it, and the name that the client sees.

use proxy_tests::{CLIENT_NAMES, Carriage, NAMES, Proxy, Request, World, carry, shown, strict};

pub(crate) fn every_name_arrives_with_its_own_bytes_and_only_the_uncarriable_are_streamed(
    proxy: Proxy,
) {
    let world = World::new(proxy);
    let complaints: Vec<String> = NAMES
        .iter()
        .filter_map(|name| complaint_about(name, &world))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn complaint_about(name: &[u8], world: &World) -> Option<String> {
    let carriage = match carry(world, name) {
        Ok((carriage, _)) => carriage,
        Err(error) => return Some(format!("{error:#}")),
    };
    let as_known = match (&carriage, world.proxy.cannot_carry(name)) {
        (Carriage::Delegated, None) => true,
        (Carriage::Streamed(reason), Some(word)) => reason.contains(word),
        _ => false,
    };
    (!as_known).then(|| format!("{}: {carriage:?}", shown(name)))
}

pub(crate) fn the_client_sees_a_safe_name(proxy: Proxy) {
    let world = World::new(proxy);
    for name in NAMES {
        world.site.write([b"media/", *name].concat(), name);
        let request = Request::head(&format!("/files/{}", strict(name)));
        let answer = world.front.send(&request);
        let disposition = answer.header("Content-Disposition");
        assert_eq!(
            client_name(disposition).as_deref(),
            Some(&*expected(name)),
            "{} as {disposition}",
            shown(name)
        );
    }
}

/// Names that no list changes are seen as they are.
fn expected(name: &[u8]) -> String {
    let listed = CLIENT_NAMES.iter().find(|(listed, _)| *listed == name);
    let own = || String::from_utf8_lossy(name).into_owned();
    listed.map_or_else(own, |(_, seen)| (*seen).to_owned())
}

/// What a client makes of the header: `filename*` if there is one (RFC 6266, 4.3), else `filename`. The header must
/// begin as ours do, with an ASCII `filename` in any case.
fn client_name(disposition: &str) -> Option<String> {
    let rest = disposition.strip_prefix("attachment; filename=\"")?;
    let (plain, rest) = unquoted(rest)?;
    if plain.is_empty() || !plain.is_ascii() {
        return None;
    }
    if rest.is_empty() {
        return Some(plain);
    }
    let encoded = rest.strip_prefix("; filename*=UTF-8''")?;
    String::from_utf8(percent_decoded(encoded)?).ok()
}

/// A quoted-string after its first quote, freed of backslashes, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut plain = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((plain, &text[at + 1..])),
            '\\' => plain.push(chars.next()?.1),
            c => plain.push(c),
        }
    }
    None
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '%' {
            bytes.push(u8::from_str_radix(rest.get(1..3)?, 16).ok()?);
            rest = &rest[3..];
        } else {
            bytes.push(u8::try_from(first).ok()?);
            rest = &rest[1..];
        }
    }
    Some(bytes)
}

pub(crate) fn a_name_in_a_subfolder_arrives(proxy: Proxy) {
    let world = World::new(proxy);
    let name = "sub/été 100%/a b.txt";
    world.site.write(format!("media/{name}"), "deep");
    let target = format!("/files/{}", strict(name.as_bytes()));
    let handed_off = world.hand_off(&Request::get(&target));
    let expected = proxy.target(&world.site.path("media"), name.as_bytes());
    assert_eq!(handed_off.header(proxy.header()).as_bytes(), expected);
    let answer = world.front.get(&target);
    assert_eq!(answer.status, 200, "{}", answer.head());
    assert_eq!(answer.text(), "deep");
}
