//! What the demonstration serves, and what it needs on disk: a temporary folder, gone with the process.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

/// What every view of the demonstration answers with.
pub(super) const HELLO: &str = "Hello world!\n";

/// Debian's `nobody` and `nogroup`, which own no file.
pub(super) const NOBODY: u32 = 65_534;

/// The folder of the demonstration; it is removed with this value.
///
/// ```text
/// files/hello-world.txt             the path views: any file on disk
/// media/1.txt, hello-world.txt      the storage, known as /media/
/// nginx/                            nginx's configuration, log and temporary files
/// app.sock                          where nginx finds the application
/// ```
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
    /// Removes the folder when dropped.
    _folder: TempDir,
}

impl Files {
    /// Writes everything into a new folder.
    pub(super) fn create() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("downloadview-demo-")
            .tempdir()
            .context("cannot make a temporary folder; set TMPDIR to one that takes it")?;
        let files = Self {
            // Rules compare paths as they are, and the system's temporary folder may be a link.
            root: folder.path().canonicalize()?,
            _folder: folder,
        };
        files
            .fill()
            .with_context(|| format!("cannot write to {}", files.root.display()))?;
        Ok(files)
    }

    /// Where something of the folder stands.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn fill(&self) -> io::Result<()> {
        if is_root() {
            // The proxies do not run as root, and have to get through to the files.
            fs::set_permissions(&self.root, Permissions::from_mode(0o711))?;
        }
        for folder in ["files", "media", "nginx"] {
            fs::create_dir(self.path(folder))?;
            fs::set_permissions(self.path(folder), Permissions::from_mode(0o755))?;
        }
        for name in [
            "files/hello-world.txt",
            "media/1.txt",
            "media/hello-world.txt",
        ] {
            write_readable(&self.path(name), HELLO)?;
        }
        hand_over(&self.path("nginx"))
    }
}

/// Writes a file that everyone may read, whatever the umask.
pub(super) fn write_readable(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// Gives a path to the user that the proxies run as: `nobody` when we are root, else ourselves.
pub(super) fn hand_over(path: &Path) -> io::Result<()> {
    match is_root() {
        true => chown(path, Some(NOBODY), Some(NOBODY)),
        false => Ok(()),
    }
}

/// Whether the proxies have to be started as somebody else.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
