//! Opens names below one folder and never outside it, by descriptor. There is no check of paths
//! that a rename or a new link could defeat between looking and opening.
//!
//! On Linux one `openat2` with `RESOLVE_BENEATH` resolves and confines in the kernel (`beneath`).
//! What the kernel has in its caches is opened in place (`RESOLVE_CACHED`), and the rest on the
//! blocking pool. On other systems, on kernels before 5.6 and in sandboxes that forbid the call,
//! `cap-std` goes segment by segment (`walk`). `current` opens the folder anew when its path leads
//! to another one.

#[cfg(target_os = "linux")]
mod beneath;
mod current;
#[cfg(target_os = "linux")]
mod folders;
#[cfg(target_os = "linux")]
mod remembered;
#[cfg(target_os = "linux")]
mod seeded;
mod walk;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

pub(super) use self::current::{Current, Identity};
use super::StorageName;
use crate::content::Metadata;
use crate::error::{Error, Result};

/// Which symbolic links below the folder of a [`LocalStorage`](super::LocalStorage) are followed.
/// None ever leads outside of it.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let folder = dir.path();
/// use downloadview::storage::{LocalStorage, Symlinks};
/// let releases = LocalStorage::new(folder)?.symlinks(Symlinks::Within);
/// # let _ = releases;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Symlinks {
    /// None: a name with a link in it is 404. The default.
    #[default]
    Refuse,
    /// Those that lead to a place within the folder.
    Within,
}

/// How long opening may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not at all: [`io::ErrorKind::WouldBlock`] if the disk must be asked.
    Never,
    /// As long as the disk takes; for the blocking pool.
    ForDisk,
}

/// A folder that is held open, and the ways to resolve names below it.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    identity: Identity,
    /// Whether its file system is known to be one of this machine's own, which answers.
    local: bool,
    #[cfg(target_os = "linux")]
    beneath: Option<beneath::Beneath>,
    walk: walk::Walk,
}

impl Root {
    /// Opens the folder.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let walk = walk::Walk::open(&path)?;
        Ok(Self {
            identity: walk.identity()?,
            local: walk.is_local(),
            #[cfg(target_os = "linux")]
            beneath: beneath::Beneath::open(&path)?,
            walk,
            path,
        })
    }

    /// Whether names may be looked up in place: the file system is known not to hang.
    pub(super) fn is_local(&self) -> bool {
        self.local
    }

    /// Which folder it is, whatever its path leads to by now.
    fn identity(&self) -> Identity {
        self.identity
    }

    /// A second is over: what was only known for as long is forgotten.
    fn second_ends(&self) {
        #[cfg(target_os = "linux")]
        if let Some(beneath) = &self.beneath {
            beneath.second_ends();
        }
    }

    /// The folder, absolute, as it was given.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens for reading. The result may be something other than a regular file, but it cannot
    /// block the reader.
    pub(super) fn read(
        &self,
        name: &StorageName,
        symlinks: Symlinks,
        wait: Wait,
    ) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        if let Some(beneath) = &self.beneath
            && (self.local || wait == Wait::ForDisk)
        {
            return beneath.read(name, symlinks, wait);
        }
        if wait == Wait::Never {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.walk.read(name, symlinks)
    }

    /// Metadata of a regular file, not opened for reading; [`Metadata::location`] is set when a
    /// link led to it.
    pub(super) fn look(
        &self,
        name: &StorageName,
        symlinks: Symlinks,
        wait: Wait,
    ) -> Result<Metadata> {
        #[cfg(target_os = "linux")]
        if let Some(beneath) = &self.beneath
            && (self.local || wait == Wait::ForDisk)
        {
            return beneath.look(name, symlinks, wait, &self.path);
        }
        if wait == Wait::Never {
            return Err(Error::of_file(io::ErrorKind::WouldBlock.into()));
        }
        self.walk.look(name, symlinks, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// root/{plain.txt, sub/in.txt, links}, secret beside it.
    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        std::fs::create_dir(dir.path().join("rootsibling")).unwrap();
        std::fs::write(dir.path().join("rootsibling/x"), "sibling").unwrap();
        std::fs::write(root.join("plain.txt"), "plain").unwrap();
        std::fs::write(root.join("sub/in.txt"), "in").unwrap();
        symlink("plain.txt", root.join("link-in")).unwrap();
        symlink("sub", root.join("dir-in")).unwrap();
        symlink("../plain.txt", root.join("sub/up-in")).unwrap();
        symlink("../secret", root.join("link-out")).unwrap();
        symlink(dir.path().join("secret"), root.join("absolute-out")).unwrap();
        symlink("..", root.join("dir-out")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        dir
    }

    fn roots(dir: &tempfile::TempDir) -> [(&'static str, Root); 2] {
        ["openat2", "walk"].map(|way| {
            let mut root = Root::open(&dir.path().join("root")).unwrap();
            #[cfg(target_os = "linux")]
            if way == "walk" {
                root.beneath = None;
            }
            (way, root)
        })
    }

    fn text(root: &Root, symlinks: Symlinks, name: &str) -> Result<String> {
        let name = StorageName::parse(name).unwrap();
        let looked = root.look(&name, symlinks, Wait::ForDisk);
        let read = root.read(&name, symlinks, Wait::ForDisk);
        let text = read.map_err(Error::of_file).and_then(|file| {
            let again = file.try_clone().map_err(Error::of_file)?;
            crate::content::Content::from_file(again)?;
            std::io::read_to_string(file).map_err(Error::of_file)
        });
        assert_eq!(
            looked.is_ok(),
            text.is_ok(),
            "looking and opening agree on {name}: {looked:?} {text:?}"
        );
        text
    }

    #[test]
    fn symlinks_are_refused_unless_allowed() {
        let dir = tree();
        for (way, root) in roots(&dir) {
            assert_eq!(
                text(&root, Symlinks::Refuse, "plain.txt").unwrap(),
                "plain",
                "{way}"
            );
            assert_eq!(
                text(&root, Symlinks::Refuse, "sub/in.txt").unwrap(),
                "in",
                "{way}"
            );
            for name in [
                "link-in",
                "dir-in/in.txt",
                "sub/up-in",
                "link-out",
                "absolute-out",
                "dir-out/secret",
                "magic/etc/passwd",
                "loop",
            ] {
                assert!(
                    matches!(text(&root, Symlinks::Refuse, name), Err(Error::NotFound)),
                    "{way} {name}"
                );
            }
        }
    }

    #[test]
    fn symlinks_out_of_the_root_are_refused_always() {
        let dir = tree();
        for (way, root) in roots(&dir) {
            for (name, expected) in [
                ("link-in", "plain"),
                ("dir-in/in.txt", "in"),
                ("sub/up-in", "plain"),
            ] {
                assert_eq!(
                    text(&root, Symlinks::Within, name).unwrap(),
                    expected,
                    "{way} {name}"
                );
            }
            for name in [
                "link-out",
                "absolute-out",
                "dir-out/secret",
                "dir-out/rootsibling/x",
                "magic/etc/passwd",
                "loop",
            ] {
                let result = text(&root, Symlinks::Within, name);
                assert!(
                    matches!(result, Err(Error::NotFound)),
                    "{way} {name}: {result:?}"
                );
            }
        }
    }

    #[test]
    fn a_name_that_became_a_link_is_refused() {
        let dir = tree();
        for (way, root) in roots(&dir) {
            let name = StorageName::parse("plain.txt").unwrap();
            let plain = dir.path().join("root/plain.txt");
            for symlinks in [Symlinks::Refuse, Symlinks::Within] {
                for _ in 0..2 {
                    let looked = root.look(&name, symlinks, Wait::ForDisk);
                    assert_eq!(looked.unwrap().size(), Some(5), "{way}");
                }
                std::fs::remove_file(&plain).unwrap();
                symlink("../secret", &plain).unwrap();
                let looked = root.look(&name, symlinks, Wait::ForDisk);
                assert!(matches!(looked, Err(Error::NotFound)), "{way}: {looked:?}");
                std::fs::remove_file(&plain).unwrap();
                let looked = root.look(&name, symlinks, Wait::ForDisk);
                assert!(matches!(looked, Err(Error::NotFound)), "{way}: {looked:?}");
                std::fs::create_dir(&plain).unwrap();
                let looked = root.look(&name, symlinks, Wait::ForDisk);
                assert!(matches!(looked, Err(Error::NotFound)), "{way}: {looked:?}");
                std::fs::remove_dir(&plain).unwrap();
                std::fs::write(&plain, "plain").unwrap();
            }
        }
    }

    #[test]
    fn a_followed_link_tells_where_it_led() {
        let dir = tree();
        for (way, root) in roots(&dir) {
            let look = |name| {
                root.look(
                    &StorageName::parse(name).unwrap(),
                    Symlinks::Within,
                    Wait::ForDisk,
                )
                .unwrap()
            };
            assert_eq!(look("plain.txt").location(), None, "{way}");
            let expected = dir.path().join("root/sub/in.txt");
            assert_eq!(look("dir-in/in.txt").location(), Some(&*expected), "{way}");
        }
    }

    #[test]
    fn a_fifo_is_refused_at_once() {
        let dir = tree();
        let fifo = dir.path().join("root/fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        for (way, root) in roots(&dir) {
            for name in ["fifo", "sub"] {
                assert!(
                    matches!(text(&root, Symlinks::Refuse, name), Err(Error::NotFound)),
                    "{way} {name}"
                );
            }
        }
    }

    /// The name was a file's when it was opened before.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_fifo_in_the_place_of_a_file_is_not_opened() {
        use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};

        let dir = tree();
        let [(_, root), _] = roots(&dir);
        for name in ["plain.txt", "sub/in.txt"] {
            let (path, name) = (dir.path().join("root").join(name), StorageName::parse(name));
            let read = || root.read(name.as_ref().unwrap(), Symlinks::Refuse, Wait::ForDisk);
            read().unwrap();
            read().unwrap();
            std::fs::remove_file(&path).unwrap();
            mknodat(CWD, &path, FileType::Fifo, 0o600.into(), 0).unwrap();
            // The writer's opening fails as long as there is no reader.
            assert!(read().is_err());
            let writer = open(&path, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty());
            assert_eq!(writer.unwrap_err(), rustix::io::Errno::NXIO);
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, "again").unwrap();
            assert_eq!(std::io::read_to_string(read().unwrap()).unwrap(), "again");
        }
    }

    /// What was a file within this second is not looked at before it is opened.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_fifo_in_the_place_of_a_file_is_not_opened_once_a_second_is_over() {
        use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};

        let dir = tree();
        let [(_, root), _] = roots(&dir);
        let path = dir.path().join("root/plain.txt");
        let name = StorageName::parse("plain.txt").unwrap();
        let read = || root.read(&name, Symlinks::Refuse, Wait::Never);
        read().unwrap();
        std::fs::remove_file(&path).unwrap();
        mknodat(CWD, &path, FileType::Fifo, 0o600.into(), 0).unwrap();
        let fifo = read().unwrap();
        assert!(matches!(
            crate::content::Content::from_file(fifo),
            Err(Error::NotFound)
        ));
        root.second_ends();
        assert!(read().is_err());
        let writer = open(&path, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty());
        assert_eq!(writer.unwrap_err(), rustix::io::Errno::NXIO);
    }

    /// The second look at a file in a folder goes by the folder that the first one found.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_is_replaced_is_noticed_within_a_second() {
        let dir = tree();
        let [(_, root), _] = roots(&dir);
        let name = StorageName::parse("sub/in.txt").unwrap();
        let look = || root.look(&name, Symlinks::Refuse, Wait::Never);
        for _ in 0..3 {
            assert_eq!(look().unwrap().size(), Some(2));
        }
        let (sub, aside) = (dir.path().join("root/sub"), dir.path().join("aside"));
        std::fs::rename(&sub, &aside).unwrap();
        symlink(&aside, &sub).unwrap();
        assert!(
            root.read(&name, Symlinks::Refuse, Wait::ForDisk).is_err(),
            "bytes are read from where the name leads now"
        );
        root.second_ends();
        assert!(matches!(
            root.look(&name, Symlinks::Refuse, Wait::ForDisk),
            Err(Error::NotFound)
        ));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_kernel_has_cached_is_opened_without_waiting() {
        let dir = tree();
        let [(_, root), _] = roots(&dir);
        let name = StorageName::parse("sub/in.txt").unwrap();
        assert!(root.read(&name, Symlinks::Within, Wait::ForDisk).is_ok());
        match root.read(&name, Symlinks::Within, Wait::Never) {
            Ok(file) => assert!(file.metadata().unwrap().is_file()),
            // A kernel before 5.12 has no RESOLVE_CACHED and always sends us to the pool.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
}
