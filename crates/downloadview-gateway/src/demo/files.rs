//! What the demonstration serves, and what it needs on disk: a temporary folder, gone with the process.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use downloadview::storage::LocalStorage;
use rustix::fs::OFlags;
use tempfile::TempDir;

use crate::config::Proxy;

/// What every view of the demonstration but one answers with.
pub(super) const HELLO: &str = "Hello world!\n";

/// What the other file of a document says, so that nobody takes the one for the other.
pub(super) const GOODBYE: &str = "Goodbye world!\n";

/// The size of the large file in bytes. It is all zeros and takes no room on disk.
pub(super) const LARGE: u64 = 64 * 1024 * 1024;

/// How the name of every demonstration's folder begins.
pub(super) const PREFIX: &str = "downloadview-demo-";

/// Debian's `nobody` and `nogroup`, which own no file.
pub(super) const NOBODY: u32 = 65_534;

/// Everybody may read what lies in them.
const FOLDERS: [&str; 4] = ["files", "media", "media/object", "media/object-other"];

/// The folder of the demonstration; it is removed with this value.
///
/// ```text
/// files/hello-world.txt             the path views: any file on disk
/// media/1.txt, hello-world.txt      the storage, known as /media/
/// media/large.bin                   in it, what shows that delegating pays
/// media/object/, object-other/      in it, the files that documents name
/// spool/                            copies of what lies nowhere, or elsewhere
/// documents.sqlite                  the documents
/// nginx/, apache/, ...              the configuration, log and temporary files of each proxy
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
            .prefix(PREFIX)
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
        for folder in FOLDERS {
            fs::create_dir(self.path(folder))?;
            fs::set_permissions(self.path(folder), Permissions::from_mode(0o755))?;
        }
        for (name, text) in [
            ("files/hello-world.txt", HELLO),
            ("media/1.txt", HELLO),
            ("media/hello-world.txt", HELLO),
            ("media/object/file.txt", HELLO),
            ("media/object-other/another_file.txt", GOODBYE),
        ] {
            write_readable(&self.path(name), text)?;
        }
        write_readable(&self.path("media/large.bin"), "")?;
        let large = OpenOptions::new()
            .write(true)
            .open(self.path("media/large.bin"))?;
        large.set_len(LARGE)?;
        large.set_modified(hour_ago())?;
        // The copies get the group of their folder, which the proxies have; nobody else reads them.
        let spool = self.path("spool");
        fs::create_dir(&spool)?;
        if is_root() {
            chown(&spool, None, Some(NOBODY))?;
        }
        fs::set_permissions(&spool, Permissions::from_mode(0o750))?;
        for proxy in Proxy::ALL {
            let folder = self.path(proxy.name());
            fs::create_dir(&folder)?;
            fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
            hand_over(&folder)?;
        }
        Ok(())
    }
}

/// Writes a file with a secret in it: nobody but the user that the proxies run as can ever read it.
pub(super) fn write_for_proxy(path: &Path, text: &str) -> io::Result<()> {
    let mut file = new_for_proxy(path)?;
    file.write_all(text.as_bytes())
}

/// A new file of the user that the proxies run as. Its folder is theirs too, so what lies there under that name is removed,
/// never opened, and no link of theirs is followed.
pub(super) fn new_for_proxy(path: &Path) -> io::Result<fs::File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    if is_root() {
        fchown(&file, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(file)
}

/// The text of a file in a proxy's folder; `None` if it cannot be read, or is a link: it may lead to what only we may read.
pub(super) fn text_of_proxy(path: &Path) -> Option<String> {
    let mut options = OpenOptions::new();
    let no_link = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let no_link = no_link.bits().cast_signed();
    let file = options.read(true).custom_flags(no_link).open(path).ok()?;
    file.metadata().ok()?.is_file().then_some(())?;
    io::read_to_string(file).ok()
}

/// Writes a file that everyone may read, whatever the umask.
fn write_readable(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, Permissions::from_mode(0o644))?;
    fs::File::open(path)?.set_modified(hour_ago())
}

/// Old enough for files to state their date from the first request on.
fn hour_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(60 * 60)
}

/// Gives a path, in a folder that is ours, to the user that the proxies run as: `nobody` when we are root, else ourselves.
fn hand_over(path: &Path) -> io::Result<()> {
    match is_root() {
        true => chown(path, Some(NOBODY), Some(NOBODY)),
        false => Ok(()),
    }
}

/// Whether the proxies have to be started as somebody else.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The storage, and the URL that rules know it by.
pub(super) fn media(files: &Files) -> downloadview::Result<LocalStorage> {
    Ok(LocalStorage::new(files.path("media"))?.base_url("/media/")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_folder_of_a_proxy_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (victim, log) = (
            folder.path().join("victim"),
            folder.path().join("output.log"),
        );
        fs::write(&victim, "ours").expect("written");
        std::os::unix::fs::symlink(&victim, &log).expect("made");
        assert_eq!(text_of_proxy(&log), None);
        new_for_proxy(&log).expect("another file");
        write_for_proxy(&log, "theirs").expect("written");
        assert_eq!(fs::read_to_string(&victim).expect("there"), "ours");
        assert_eq!(text_of_proxy(&log).as_deref(), Some("theirs"));
        let found = fs::symlink_metadata(&log).expect("there");
        assert!(found.is_file());
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
    }
}
