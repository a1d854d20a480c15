//! Files that are placed for a check, and removed with the value, however the check ends; but by SIGKILL: see `left`.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// What was placed below one root, newest last.
#[derive(Debug, Default)]
pub(super) struct Placed {
    paths: Vec<PathBuf>,
}

impl Placed {
    /// Writes a new file that everybody may read, with the folders that lead to it.
    ///
    /// # Errors
    ///
    /// It cannot be written, or something is there already. What was made of it goes with the value.
    pub(super) fn write(&mut self, root: &Path, name: &Path, content: &[u8]) -> io::Result<()> {
        let mut path = root.to_owned();
        let mut folder = open(CWD, root, OFlags::empty())?;
        let below = name.parent().into_iter().flat_map(Path::iter);
        for part in below {
            path.push(part);
            folder = self.folder(&folder, part, &path)?;
        }
        let last = name.file_name().unwrap_or_default();
        // A symbolic link is not followed either: `EXCL` refuses whatever is there.
        let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, last, new, Mode::from_raw_mode(0o644))?;
        self.paths.push(path.join(last));
        let mut file = File::from(file);
        // Whatever the umask says.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(content)
    }

    /// Opens a folder of this name, and makes it if there is none. Somebody who may write in the one above could put a link in
    /// the place of one of ours, so those are opened without following links.
    fn folder(&mut self, above: &OwnedFd, part: &OsStr, path: &Path) -> io::Result<OwnedFd> {
        let made = match rustix::fs::mkdirat(above, part, Mode::from_raw_mode(0o755)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        if made {
            self.paths.push(path.to_owned());
        }
        let ours = self.paths.iter().any(|placed| placed == path);
        let links = match ours {
            true => OFlags::NOFOLLOW,
            false => OFlags::empty(),
        };
        let folder = open(above, Path::new(part), links)?;
        if made {
            rustix::fs::fchmod(&folder, Mode::from_raw_mode(0o755))?;
        }
        Ok(folder)
    }
}

/// Opens a folder.
pub(super) fn open(above: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(above, path, flags, Mode::empty())?)
}

impl Drop for Placed {
    fn drop(&mut self) {
        for path in self.paths.iter().rev() {
            // What somebody else removed is gone as well; a folder into which somebody else wrote stays.
            let _ = match path.is_dir() {
                true => fs::remove_dir(path),
                false => fs::remove_file(path),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_place_of_a_folder_of_ours_is_not_followed() {
        let root = tempfile::tempdir().expect("a folder");
        let (root, victim) = (root.path().join("root"), root.path().join("victim"));
        fs::create_dir(&root).expect("a folder");
        fs::create_dir(&victim).expect("a folder");
        fs::set_permissions(&victim, Permissions::from_mode(0o700)).expect("a mode");
        let mut placed = Placed::default();
        placed
            .write(&root, Path::new("ours/a.txt"), b"a")
            .expect("it can be written");
        fs::rename(root.join("ours"), root.join("away")).expect("swapped");
        std::os::unix::fs::symlink(&victim, root.join("ours")).expect("swapped");
        let refused = placed.write(&root, Path::new("ours/b.txt"), b"b");
        assert!(refused.is_err());
        let mode = fs::metadata(&victim).expect("it is there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&victim).expect("it can be read").count(), 0);
    }

    #[test]
    fn what_was_placed_goes_with_the_value_and_nothing_else_does() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        fs::create_dir(root.join("mine")).expect("a folder");
        let mut placed = Placed::default();
        let file = Path::new("mine/theirs/a.txt");
        placed.write(root, file, b"a").expect("it can be written");
        let mode = fs::metadata(root.join(file))
            .expect("it is there")
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o644);
        let again = placed
            .write(root, file, b"b")
            .expect_err("something is there");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(root.join(file)).expect("readable"), b"a");
        drop(placed);
        assert!(!root.join("mine/theirs").exists());
        assert!(root.join("mine").exists());
    }
}
