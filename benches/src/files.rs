//! The files that are served: every byte depends on its offset, so that a server that sends the wrong part is seen.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

/// One of the files of the lab.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TestFile {
    /// Its name on disk and in the URL, with the folders that it lies in.
    pub(crate) name: &'static str,
    /// What the tables call it.
    pub(crate) label: &'static str,
    /// Its length in bytes.
    pub(crate) size: u64,
}

pub(crate) const KIB: u64 = 1024;
pub(crate) const MIB: u64 = 1024 * KIB;

pub(crate) const FILE_1_KIB: TestFile = TestFile::new("1KiB.bin", "1 KiB", KIB);
/// Three folders deep, as uploads often lie.
pub(crate) const NESTED_1_KIB: TestFile =
    TestFile::new("2026/11/reports/1KiB.bin", "1 KiB, nested", KIB);
pub(crate) const FILE_64_KIB: TestFile = TestFile::new("64KiB.bin", "64 KiB", 64 * KIB);
pub(crate) const FILE_1_MIB: TestFile = TestFile::new("1MiB.bin", "1 MiB", MIB);
pub(crate) const FILE_100_MIB: TestFile = TestFile::new("100MiB.bin", "100 MiB", 100 * MIB);
pub(crate) const FILE_1_GIB: TestFile = TestFile::new("1GiB.bin", "1 GiB", 1024 * MIB);

const ALL: [TestFile; 6] = [
    FILE_1_KIB,
    NESTED_1_KIB,
    FILE_64_KIB,
    FILE_1_MIB,
    FILE_100_MIB,
    FILE_1_GIB,
];

/// Creates every file in `folder`.
///
/// They are synced, so that no writeback runs during the measurement.
pub(crate) fn create_all(folder: &Path) -> Result<()> {
    for file in ALL {
        let path = folder.join(file.name);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| file.create(&path))
            .with_context(|| format!("{}: cannot create the test file", path.display()))?;
    }
    Ok(())
}

/// Reads a file once, so that the page cache holds it.
pub(crate) fn warm(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|mut file| io::copy(&mut file, &mut io::sink()))
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(())
}

/// The byte at `offset` of every test file.
pub(crate) fn byte_at(offset: u64) -> u8 {
    // Fibonacci hashing: the highest byte of the product changes with nearly every offset and has no short period.
    offset
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .to_be_bytes()
        .first()
        .copied()
        .unwrap_or_default()
}

impl TestFile {
    const fn new(name: &'static str, label: &'static str, size: u64) -> Self {
        Self { name, label, size }
    }

    fn create(self, path: &Path) -> io::Result<()> {
        let mut writer = BufWriter::with_capacity(256 * 1024, File::create(path)?);
        for offset in 0..self.size {
            writer.write_all(&[byte_at(offset)])?;
        }
        writer.into_inner()?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_parts_of_a_file_differ() {
        let part = |start: u64| (start..start + 16).map(byte_at).collect::<Vec<_>>();
        let first = part(0);
        for start in [1, 16, 256, KIB, 64 * KIB, MIB, 512 * MIB] {
            assert_ne!(first, part(start), "at {start}");
        }
    }

    #[test]
    fn a_created_file_holds_the_promised_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        FILE_64_KIB.create(&path).unwrap();
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(bytes.len() as u64, FILE_64_KIB.size);
        assert!((0..).zip(&bytes).all(|(at, byte)| byte_at(at) == *byte));
    }
}
