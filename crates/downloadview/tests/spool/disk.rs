//! Disks of their own, mounted for real.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A disk of its own over a folder: a tmpfs, which takes root.
pub(crate) struct Disk(PathBuf);

impl Disk {
    pub(crate) fn over(folder: &Path, options: &str) -> Self {
        let arguments = ["-t", "tmpfs", "-o", options, "tmpfs"];
        let mounted = mount_status(Command::new("mount").args(arguments).arg(folder));
        assert!(mounted, "a tmpfs can be mounted: it takes root");
        Self(folder.to_owned())
    }

    /// An ext4 whose inodes are so small that times have whole seconds. Its image lies in `image`, which must outlive it.
    pub(crate) fn of_whole_seconds(folder: &Path, image: &Path) -> Self {
        let file = std::fs::File::create(image).unwrap();
        file.set_len(16 << 20).unwrap();
        let made = Command::new("mkfs.ext4")
            .args(["-q", "-I", "128"])
            .arg(image)
            .output();
        assert!(
            made.is_ok_and(|made| made.status.success()),
            "mkfs.ext4 works"
        );
        let mut mount = Command::new("mount");
        let mounted = mount_status(mount.args(["-o", "loop"]).arg(image).arg(folder));
        assert!(mounted, "an image can be mounted: it takes root");
        Self(folder.to_owned())
    }

    pub(crate) fn remount(&self, options: &str) {
        let mounted = mount_status(Command::new("mount").args(["-o", options]).arg(&self.0));
        assert!(mounted, "{options}");
    }
}

fn mount_status(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

impl Drop for Disk {
    fn drop(&mut self) {
        mount_status(Command::new("umount").arg("-l").arg(&self.0));
    }
}
