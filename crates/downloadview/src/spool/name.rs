//! The names of copies: made of hashes and the length, so that they give nothing away, every
//! backend can carry them, and what is found in the folder can be checked against its name.
//!
//! | name | content |
//! |---|---|
//! | `ab/cd/KEY-SIZE` | of a key that always means the same bytes |
//! | `ab/cd/KEY-VALIDATOR-SIZE` | of a key whose content may change, in the state with this validator |
//! | `once/KEY-SIZE`, `once/KEY-VALIDATOR-SIZE` | goes when its lease ends, whichever process finds it |
//! | `private/KEY.part`, `private/KEY-once.part` | being filled; locked as long as the process that fills it lives |
//! | `private/lock-NN` | what is locked to mark or to remove a copy |
//!
//! `ab/cd/KEY` and `KEY` are the hexadecimal digits of the key, which is random for a copy that is for one
//! request alone; `VALIDATOR` are those of a hash, and `SIZE` is the number of bytes in hexadecimal. The same
//! state has the same name in every process, so that several may share one folder. Nobody but the owner
//! is let into `private`.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};

use sha2::{Digest as _, Sha256};

use crate::content::{CacheKey, Metadata, whole_seconds};
use crate::error::Result;
use crate::storage::StorageName;

/// What is copied: a key, hashed, or a random number for a file without one; and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id {
    key: [u8; 24],
    /// Whether its copy goes when its lease ends. Such copies are never those of a key that stay.
    pub(super) one_time: bool,
}

/// It is a hash already: a part of it tells one from another, and to hash that costs less.
impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.key;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// A hash of the validator that tells a state of a file from every other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validator([u8; 16]);

/// Which state of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There is only one.
    Only,
    /// The one with this validator.
    Validated(Validator),
}

/// The name of a complete copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CopyName {
    pub(super) id: Id,
    pub(super) state: State,
    pub(super) size: u64,
}

/// Few copies are of one key: those whose time is over, and the one that took their place.
impl Hash for CopyName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// A folder in which the spool gives names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// One of the second level, for copies that stay.
    Copies([u8; 2]),
    /// The one for copies that go when their lease ends.
    Once,
    /// The one that only the owner is let into.
    Private,
}

/// A name in such a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Copy(CopyName),
    /// A copy that is being filled, or was when its process ended.
    Part,
    /// What is locked to mark or to remove copies.
    Lock,
}

pub(super) const ONCE: &str = "once";
pub(super) const PRIVATE: &str = "private";
const PART: &str = ".part";
const ONCE_PART: &str = "-once.part";
/// How many files there are to be locked: copies of one in so many keep each other waiting.
pub(super) const LOCKS: u8 = 64;

/// The longest name below the spool's folder, in bytes.
const LONGEST: usize = "once/".len() + 48 + 1 + 32 + 1 + 16;

impl Id {
    pub(super) fn of(key: &CacheKey, one_time: bool) -> Self {
        let key = key.hash();
        Self { key, one_time }
    }

    /// For a file without a key: its copy is for one request.
    pub(super) fn random() -> Result<Self> {
        let mut key = [0; 24];
        getrandom::fill(&mut key).map_err(crate::error::Error::other)?;
        let one_time = true;
        Ok(Self { key, one_time })
    }

    /// The folder that its copies lie in.
    pub(super) fn within(&self) -> Within {
        match self.one_time {
            true => Within::Once,
            false => Within::Copies([self.key[0], self.key[1]]),
        }
    }

    /// The bytes of the key that its folder does not tell.
    fn rest(&self) -> &[u8] {
        match self.one_time {
            true => &self.key,
            false => &self.key[2..],
        }
    }

    /// The name within the private folder while it is filled.
    pub(super) fn part_name(&self) -> String {
        let end = if self.one_time { ONCE_PART } else { PART };
        format!("{}{end}", hex(&self.key))
    }

    /// The name within the private folder of what is locked to mark or to remove its copies.
    pub(super) fn lock_name(&self) -> String {
        lock_name(self.key[0] % LOCKS)
    }

    #[cfg(test)]
    pub(super) fn numbered(number: u64) -> Self {
        let mut key = [0; 24];
        key[..8].copy_from_slice(&number.to_le_bytes());
        let one_time = false;
        Self { key, one_time }
    }
}

pub(super) fn lock_name(number: u8) -> String {
    format!("lock-{number:02}")
}

impl Within {
    /// The names of the folders that lead there.
    pub(super) fn folders(self) -> impl Iterator<Item = String> {
        let names = match self {
            Self::Copies([first, second]) => [Some(hex(&[first])), Some(hex(&[second]))],
            Self::Once => [Some(ONCE.to_owned()), None],
            Self::Private => [Some(PRIVATE.to_owned()), None],
        };
        names.into_iter().flatten()
    }
}

impl Validator {
    /// The validator of a state that its source describes so: a strong tag, or else the date and
    /// the size. `None` if two states could share it.
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        let mut hasher = Sha256::new();
        match metadata.etag().filter(|tag| tag.is_strong()) {
            Some(tag) => hasher.update(tag.as_str()),
            None => {
                let (modified, size) = (metadata.last_modified()?, metadata.size()?);
                hasher.update(whole_seconds(modified).to_le_bytes());
                hasher.update(size.to_le_bytes());
            }
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&hasher.finalize()[..16]);
        Some(Self(hash))
    }
}

impl CopyName {
    /// The name within its folder.
    pub(super) fn file_name(&self) -> String {
        let mut text = String::with_capacity(LONGEST);
        self.push_file_name(&mut text);
        text
    }

    /// The name below the spool's folder.
    pub(super) fn in_storage(&self) -> Result<StorageName> {
        StorageName::parse(self.path())
    }

    /// Likewise.
    pub(super) fn path(&self) -> String {
        let mut text = String::with_capacity(LONGEST);
        match self.id.one_time {
            true => {
                text.push_str(ONCE);
                text.push('/');
            }
            false => {
                for level in [0, 1] {
                    push_hex(&mut text, &self.id.key[level..=level]);
                    text.push('/');
                }
            }
        }
        self.push_file_name(&mut text);
        text
    }

    fn push_file_name(&self, text: &mut String) {
        push_hex(text, self.id.rest());
        text.push('-');
        if let State::Validated(Validator(hash)) = self.state {
            push_hex(text, &hash);
            text.push('-');
        }
        // Writing to a text cannot fail.
        let _ = write!(text, "{:x}", self.size);
    }
}

impl fmt::Display for CopyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

impl Entry {
    /// What a name means in a folder; `None` for a name that the spool would not give there.
    pub(super) fn parse(within: Within, name: &str) -> Option<Self> {
        let mut key = [0; 24];
        let known = match within {
            Within::Copies(folders) => {
                key[..2].copy_from_slice(&folders);
                2
            }
            Within::Once => 0,
            Within::Private => return private(name),
        };
        let digits = 2 * (key.len() - known);
        unhex(name.get(..digits)?, &mut key[known..])?;
        let one_time = within == Within::Once;
        let id = Id { key, one_time };
        let found = copy(id, name.get(digits..)?.strip_prefix('-')?)?;
        // Only the spelling that it gives itself: no leading zeros, no capitals.
        (found.file_name() == name).then_some(Self::Copy(found))
    }
}

/// A name in the private folder.
fn private(name: &str) -> Option<Entry> {
    if (0..LOCKS).any(|number| lock_name(number) == name) {
        return Some(Entry::Lock);
    }
    let key = name.strip_suffix(ONCE_PART);
    let one_time = key.is_some();
    let mut bytes = [0; 24];
    unhex(key.or_else(|| name.strip_suffix(PART))?, &mut bytes)?;
    let id = Id {
        key: bytes,
        one_time,
    };
    (id.part_name() == name).then_some(Entry::Part)
}

/// What follows the key and a dash.
fn copy(id: Id, rest: &str) -> Option<CopyName> {
    let (state, size) = match rest.split_once('-') {
        None => (State::Only, rest),
        Some((validator, size)) => {
            let mut hash = [0; 16];
            unhex(validator, &mut hash)?;
            (State::Validated(Validator(hash)), size)
        }
    };
    let size = u64::from_str_radix(size, 16).ok()?;
    Some(CopyName { id, state, size })
}

/// A name of the first or second level.
pub(super) fn folder(name: &str) -> Option<u8> {
    let mut byte = [0];
    unhex(name, &mut byte)?;
    (hex(&byte) == name).then_some(byte[0])
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

/// A name is written for every request that gets a copy, and formatting costs ten times as much.
fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 2 * 24];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)]));
    }
    let digits = digits.get(..2 * bytes.len()).unwrap_or_default();
    text.push_str(std::str::from_utf8(digits).unwrap_or_default());
}

/// Reads exactly as many digits as fill `bytes`.
fn unhex(text: &str, bytes: &mut [u8]) -> Option<()> {
    if text.len() != 2 * bytes.len() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<CopyName> {
        let key = CacheKey::of_content(["a"]);
        let validator = Validator::of(&Metadata::new().with_etag("\"v1\"".parse().unwrap()));
        let states = [State::Only, State::Validated(validator.unwrap())];
        let named = |one_time| {
            states.map(|state| CopyName {
                id: Id::of(&key, one_time),
                state,
                size: 0x2a0,
            })
        };
        [named(false), named(true)].concat()
    }

    #[test]
    fn a_name_is_read_back() {
        for name in names() {
            let text = name.to_string();
            let (folders, file) = text.rsplit_once('/').unwrap();
            let within = name.id.within();
            assert_eq!(within.folders().collect::<Vec<_>>().join("/"), folders);
            assert_eq!(within == Within::Once, folders == "once");
            assert_eq!(
                Entry::parse(within, file),
                Some(Entry::Copy(name)),
                "{text}"
            );
            assert_eq!(name.in_storage().unwrap().to_string(), text);
            let part = name.id.part_name();
            assert_eq!(Entry::parse(Within::Private, &part), Some(Entry::Part));
            assert_eq!(Entry::parse(within, &part), None);
            let lock = name.id.lock_name();
            assert_eq!(Entry::parse(Within::Private, &lock), Some(Entry::Lock));
        }
    }

    #[test]
    fn a_name_of_somebody_else_is_not_taken_for_a_copy() {
        let key = "a".repeat(44);
        for name in [
            String::new(),
            "README".to_owned(),
            key.clone(),
            format!("{key}-"),
            format!("{key}-02a0"),
            format!("{key}-2A0"),
            format!("{key}-+1"),
            format!("{key}-twice-1"),
            format!("{key}-1.bak"),
            format!("{}-1", "A".repeat(44)),
            format!("{}é-1", "a".repeat(43)),
            format!("aaaa{key}-1"),
        ] {
            assert_eq!(Entry::parse(Within::Copies([0, 0]), &name), None, "{name}");
        }
        for name in [
            "lock-64",
            "lock-1",
            "lock-001",
            "a.part",
            &format!("{key}.part"),
        ] {
            assert_eq!(Entry::parse(Within::Private, name), None, "{name}");
        }
    }

    #[test]
    fn a_weak_tag_alone_tells_no_two_states_apart() {
        let weak = Metadata::new().with_etag("W/\"a\"".parse().unwrap());
        assert_eq!(Validator::of(&weak), None);
        let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        let dated = weak.with_size(5).with_modified(hour_ago);
        let longer = dated.clone().with_size(6);
        assert!(Validator::of(&dated).is_some());
        assert_ne!(Validator::of(&dated), Validator::of(&longer));
    }
}
