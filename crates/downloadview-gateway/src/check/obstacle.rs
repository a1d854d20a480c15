//! Which part of a path keeps others from reading a file.
//!
//! A proxy often runs as another user than the gateway. Who that is cannot be seen from here, so a component counts as an
//! obstacle if not everybody may pass it; that is only said where a file did not arrive.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// A file or folder that not everybody may read or pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Obstacle {
    path: PathBuf,
    is_folder: bool,
    /// Its mode and owner; `None` where not even that may be seen.
    mode: Option<(u32, u32)>,
}

/// The first one on the way to a file.
pub(super) fn obstacle(file: &Path) -> Option<Obstacle> {
    let mut parts: Vec<_> = file.ancestors().collect();
    parts.reverse();
    for part in parts {
        let is_folder = part != file;
        match fs::metadata(part) {
            Ok(found) => {
                let mode = found.permissions().mode();
                let wanted = if is_folder { 0o001 } else { 0o004 };
                if mode & wanted == 0 {
                    return Some(Obstacle {
                        path: part.to_owned(),
                        is_folder,
                        mode: Some((mode & 0o7777, found.uid())),
                    });
                }
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Some(Obstacle {
                    path: part.to_owned(),
                    is_folder,
                    mode: None,
                });
            }
            Err(_) => return None,
        }
    }
    None
}

impl Obstacle {
    pub(super) fn words(&self) -> String {
        let path = self.path.display();
        let may_not = match self.is_folder {
            true => "not everybody may pass the folder",
            false => "not everybody may read",
        };
        match self.mode {
            Some((mode, owner)) => format!("{may_not} {path} (mode {mode:04o}, owner {owner})"),
            None => format!("{path} may not be looked at from here"),
        }
    }

    pub(super) fn change(&self) -> String {
        let path = self.path.display();
        let mode = if self.is_folder { "o+x" } else { "o+r" };
        format!("chmod {mode} '{path}', or give it to a group that gateway and proxy belong to")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn the_first_component_that_not_everybody_may_pass_is_named() {
        let root = tempfile::tempdir().expect("a folder");
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        set(root.path(), 0o755).expect("ours");
        let (folder, file) = (root.path().join("a"), root.path().join("a/b"));
        fs::create_dir(&folder).expect("ours");
        fs::write(&file, "b").expect("ours");
        set(&folder, 0o755).expect("ours");
        set(&file, 0o644).expect("ours");
        assert_eq!(obstacle(&file), None);
        set(&file, 0o640).expect("ours");
        let found = obstacle(&file).expect("others may not read it");
        assert!(found.words().contains("0640"), "{}", found.words());
        assert!(found.change().contains("o+r"));
        set(&folder, 0o750).expect("ours");
        let found = obstacle(&file).expect("others may not pass");
        assert_eq!(found.path, folder);
        assert!(found.change().contains("o+x"));
    }
}
