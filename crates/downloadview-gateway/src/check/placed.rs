//! Files that are placed for a check, and removed with the value, however the check ends.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

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
        let mut folder = root.to_owned();
        let below = name.parent().into_iter().flat_map(Path::iter);
        for part in below {
            folder.push(part);
            self.folder(&folder)?;
        }
        let path = root.join(name);
        // A symbolic link is not followed either: `create_new` refuses whatever is there.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&path)?;
        self.paths.push(path);
        // Whatever the umask says.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(content)
    }

    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        match fs::create_dir(folder) {
            Ok(()) => {
                self.paths.push(folder.to_owned());
                fs::set_permissions(folder, Permissions::from_mode(0o755))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }
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
