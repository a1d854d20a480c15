//! The names of copies: made of hashes and the length, so that they give nothing away, every
//! backend can carry them, and what is found in the folder can be checked against its name.
//!
//! | name | content |
//! |---|---|
//! | `ab/cd/KEY-SIZE` | of a key that always means the same bytes |
//! | `ab/cd/KEY-VALIDATOR-SIZE` | of a key whose content may change, in the state with this validator |
//! | `ab/cd/KEY-once-SIZE` | for one request; the key is random |
//! | `ab/cd/KEY.part` | being filled; locked as long as the process that fills it lives |
//!
//! `ab/cd/KEY` are the hexadecimal digits of the key, `VALIDATOR` those of a hash, and `SIZE` is
//! the number of bytes in hexadecimal. The same state has the same name in every process, so that
//! several may share one folder.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};

use sha2::{Digest as _, Sha256};

use crate::content::{CacheKey, Metadata, whole_seconds};
use crate::error::Result;
use crate::storage::StorageName;

/// What is copied: a key, hashed, or a random number for a file without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id([u8; 24]);

/// It is a hash already: a part of it tells one from another, and to hash that costs less.
impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
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
    /// The one that a single request asked for.
    Once,
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

/// A name in a folder of the second level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Copy(CopyName),
    /// A copy that is being filled, or was when its process ended.
    Part(Id),
}

const ONCE: &str = "once";
const PART: &str = "part";

/// The longest name below the spool's folder, in bytes.
const LONGEST: usize = "ab/cd/".len() + 44 + 1 + 32 + 1 + 16;

impl Id {
    pub(super) fn of(key: &CacheKey) -> Self {
        Self(key.hash())
    }

    /// For a file without a key.
    pub(super) fn random() -> Result<Self> {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(crate::error::Error::other)?;
        Ok(Self(bytes))
    }

    /// The folders of the first and the second level.
    pub(super) fn folders(&self) -> [String; 2] {
        [0, 1].map(|level| hex(&self.0[level..=level]))
    }

    fn rest(&self) -> String {
        hex(&self.0[2..])
    }

    /// The name within the folder of the second level while it is filled.
    pub(super) fn part_name(&self) -> String {
        format!("{}.{PART}", self.rest())
    }

    #[cfg(test)]
    pub(super) fn numbered(number: u64) -> Self {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Self(bytes)
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
    /// The name within the folder of the second level.
    pub(super) fn file_name(&self) -> String {
        let mut text = String::with_capacity(LONGEST);
        self.push_file_name(&mut text);
        text
    }

    /// The name below the spool's folder.
    pub(super) fn in_storage(&self) -> Result<StorageName> {
        StorageName::parse(self.path())
    }

    fn path(&self) -> String {
        let mut text = String::with_capacity(LONGEST);
        for level in [0, 1] {
            push_hex(&mut text, &self.id.0[level..=level]);
            text.push('/');
        }
        self.push_file_name(&mut text);
        text
    }

    fn push_file_name(&self, text: &mut String) {
        push_hex(text, &self.id.0[2..]);
        text.push('-');
        match self.state {
            State::Only => {}
            State::Validated(Validator(hash)) => {
                push_hex(text, &hash);
                text.push('-');
            }
            State::Once => {
                text.push_str(ONCE);
                text.push('-');
            }
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
    /// What a name means in these folders; `None` for a name that the spool would not give.
    pub(super) fn parse(folders: [u8; 2], name: &str) -> Option<Self> {
        let (key, rest) = (name.get(..44)?, name.get(44..)?);
        let mut bytes = [0; 24];
        bytes[..2].copy_from_slice(&folders);
        unhex(key, &mut bytes[2..])?;
        let id = Id(bytes);
        let found = match rest.split_once('.') {
            Some(("", PART)) => Self::Part(id),
            Some(_) => return None,
            None => Self::Copy(copy(id, rest.strip_prefix('-')?)?),
        };
        // Only the spelling that it gives itself: no leading zeros, no capitals.
        let spelt = match &found {
            Self::Part(id) => id.part_name(),
            Self::Copy(name) => name.file_name(),
        };
        (spelt == name).then_some(found)
    }
}

/// What follows the key and a dash.
fn copy(id: Id, rest: &str) -> Option<CopyName> {
    let (state, size) = match rest.split_once('-') {
        None => (State::Only, rest),
        Some((ONCE, size)) => (State::Once, size),
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

    fn names() -> [CopyName; 3] {
        let id = Id::of(&CacheKey::of_content(["a"]));
        let validator = Validator::of(&Metadata::new().with_etag("\"v1\"".parse().unwrap()));
        let states = [
            State::Only,
            State::Validated(validator.unwrap()),
            State::Once,
        ];
        states.map(|state| CopyName {
            id,
            state,
            size: 0x2a0,
        })
    }

    #[test]
    fn a_name_is_read_back() {
        for name in names() {
            let text = name.to_string();
            let [first, second, file] = text.split('/').collect::<Vec<_>>()[..] else {
                panic!("{text}")
            };
            let folders = [folder(first).unwrap(), folder(second).unwrap()];
            assert_eq!(
                Entry::parse(folders, file),
                Some(Entry::Copy(name)),
                "{text}"
            );
            assert_eq!(name.in_storage().unwrap().to_string(), text);
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
            format!("{key}.part~"),
            format!("{}-1", "A".repeat(44)),
            format!("{}é-1", "a".repeat(43)),
        ] {
            assert_eq!(Entry::parse([0, 0], &name), None, "{name}");
        }
        let part = format!("{key}.part");
        assert!(matches!(Entry::parse([0, 0], &part), Some(Entry::Part(_))));
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
