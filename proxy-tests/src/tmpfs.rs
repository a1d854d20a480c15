//! A small disk of its own for one folder: a tmpfs, mounted for real. It takes root.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted folder with room for so many bytes. It is unmounted when dropped.
#[derive(Debug)]
pub struct Tmpfs {
    path: PathBuf,
}

impl Tmpfs {
    /// Mounts one over a folder, with that folder's owner and mode.
    ///
    /// # Panics
    /// Without root, or where nothing may be mounted.
    #[must_use]
    #[track_caller]
    pub fn over(folder: &Path, bytes: u64) -> Self {
        use std::os::unix::fs::MetadataExt as _;

        let found = std::fs::metadata(folder).expect("the folder is there");
        let (uid, gid, mode) = (found.uid(), found.gid(), found.mode() & 0o7777);
        let options = format!("size={bytes},uid={uid},gid={gid},mode={mode:o}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder)
            .status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "a tmpfs can be mounted over {}: it takes root",
            folder.display()
        );
        Self {
            path: folder.to_owned(),
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Whoever has a file of it open keeps that.
        let detached = Command::new("umount").arg("-l").arg(&self.path).status();
        if !detached.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.path.display());
        }
    }
}
