//! Which parts of a path keep others from reading a file, and how they are let in.
//!
//! A proxy often runs as another user than the gateway, and what it may do cannot be seen from here: a component counts
//! as an obstacle if not everybody may pass it. That is only said where a file did not arrive. All of them are named at
//! once, since who opens one only finds the next.
//!
//! | of what | advice |
//! |---|---|
//! | one group may pass all of them | the proxy's user becomes a member of it |
//! | copies of the spool | the folder gets the proxy's group; the gateway gives it to the copies that it makes |
//! | everything else | this user may pass (`setfacl`), or everybody may |

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::user::{Ids, Who, group};

/// What others may not read or pass on the way to a file; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Obstacles {
    all: Vec<Obstacle>,
    /// The folder of the spool, if the file is a copy in it.
    copies: Option<PathBuf>,
}

/// A file or folder that not everybody may read or pass.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Obstacle {
    path: PathBuf,
    is_folder: bool,
    /// `None` where not even that may be seen.
    state: Option<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    mode: u32,
    owner: u32,
    group: u32,
}

/// All of them on the way to a file, if there are any.
pub(super) fn obstacles(file: &Path) -> Option<Obstacles> {
    let mut parts: Vec<_> = file.ancestors().collect();
    parts.reverse();
    let mut all = Vec::new();
    for part in parts {
        let is_folder = part != file;
        let state = match fs::metadata(part) {
            Ok(found) => {
                let mode = found.permissions().mode() & 0o7777;
                let wanted = if is_folder { 0o001 } else { 0o004 };
                if mode & wanted != 0 {
                    continue;
                }
                let (owner, group) = (found.uid(), found.gid());
                Some(State { mode, owner, group })
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
            Err(_) => break,
        };
        let path = part.to_owned();
        all.push(Obstacle {
            path,
            is_folder,
            state,
        });
        if state.is_none() {
            break;
        }
    }
    (!all.is_empty()).then_some(Obstacles { all, copies: None })
}

impl Obstacles {
    /// Only those that keep out this one, if it is known as whom he runs. Where none does by its mode, something else does
    /// (an ACL, a container), and all of them are told.
    pub(super) fn of(mut self, who: &Who) -> Self {
        let Some(ids) = who.ids() else {
            return self;
        };
        let keeps_out = |it: &&Obstacle| it.state.is_none_or(|state| !it.lets_in(state, ids));
        let kept: Vec<_> = self.all.iter().filter(keeps_out).cloned().collect();
        if !kept.is_empty() {
            self.all = kept;
        }
        self
    }

    /// The same of a copy in this folder.
    pub(super) fn in_spool(mut self, folder: &Path) -> Self {
        self.copies = Some(folder.to_owned());
        self
    }

    pub(super) fn words(&self) -> String {
        let told: Vec<_> = self.all.iter().map(Obstacle::words).collect();
        told.join("; ")
    }

    /// How `who` is let in.
    pub(super) fn change(&self, who: &Who) -> String {
        let Some(folder) = &self.copies else {
            return by_group(&self.all, who).unwrap_or_else(|| one_by_one(&self.all, who));
        };
        let (within, above): (Vec<_>, Vec<_>) = self
            .all
            .iter()
            .cloned()
            .partition(|it| it.path.starts_with(folder));
        let mut lines = Vec::new();
        if !above.is_empty() {
            lines.push(one_by_one(&above, who));
        }
        if !within.is_empty() {
            lines.push(by_group(&within, who).unwrap_or_else(|| {
                // The gateway makes folders and copies that their group may read.
                let is_changed = |it: &Obstacle| it.path != *folder && !it.group_may();
                let folder = folder.display();
                let below = match within.iter().any(is_changed) {
                    true => format!(
                        " && find '{folder}' -mindepth 1 -name private -prune -o -type d -exec chmod 2750 {{}} + -o -type \
                         f -exec chmod 0440 {{}} +"
                    ),
                    false => String::new(),
                };
                format!(
                    "chgrp -R GROUP '{folder}' && chmod 2750 '{folder}'{below}, with a GROUP that {} belongs to: new \
                     copies get it from then on (the mode of one copy is of no use, the next one is another file)",
                    who.words()
                )
            }));
        }
        lines.join("\n")
    }
}

/// One group may pass all of them already.
fn by_group(all: &[Obstacle], who: &Who) -> Option<String> {
    let first = all.first()?.state?.group;
    let passes =
        |it: &Obstacle| it.group_may() && it.state.is_some_and(|state| state.group == first);
    // Members of root's group may do more than read files.
    if first == 0 || !all.iter().all(passes) {
        return None;
    }
    let (group, restart) = (group(first), who.restart());
    let user = who.user().unwrap_or("USER");
    Some(format!(
        "usermod -aG {group} {user}, for {}, and {restart}: the group {group} may read the file, everybody else need not",
        who.words()
    ))
}

fn one_by_one(all: &[Obstacle], who: &Who) -> String {
    let quoted = |is_folder| {
        let paths = all.iter().filter(move |it| it.is_folder == is_folder);
        let paths: Vec<_> = paths.map(|it| format!("'{}'", it.path.display())).collect();
        paths.join(" ")
    };
    let of_each = |command: &dyn Fn(&str) -> String| {
        let folders = Some(("x", quoted(true))).filter(|(_, paths)| !paths.is_empty());
        let files = Some(("r", quoted(false))).filter(|(_, paths)| !paths.is_empty());
        let lines = folders.into_iter().chain(files);
        let lines: Vec<_> = lines
            .map(|(mode, paths)| format!("{} {paths}", command(mode)))
            .collect();
        lines.join(" && ")
    };
    let user = who.user().unwrap_or("USER");
    let alone = of_each(&|mode| format!("setfacl -m u:{user}:{mode}"));
    let everybody = of_each(&|mode| format!("chmod o+{mode}"));
    let mut text = format!(
        "for {} alone: {alone}\nor for everybody: {everybody}",
        who.words()
    );
    if all.iter().any(|it| it.state.is_none()) {
        text.push_str("\n(what lies below cannot be seen from here: check again as root)");
    }
    text
}

impl Obstacle {
    /// What the system looks at: the owner's bits for the owner, the group's for its members, the others' for the rest.
    fn lets_in(&self, state: State, ids: &Ids) -> bool {
        let wanted = if self.is_folder { 0o1 } else { 0o4 };
        let shift = match state {
            State { owner, .. } if owner == ids.user => 6,
            State { group, .. } if ids.groups.contains(&group) => 3,
            _ => 0,
        };
        state.mode >> shift & wanted != 0
    }

    fn group_may(&self) -> bool {
        let wanted = if self.is_folder { 0o010 } else { 0o040 };
        self.state.is_some_and(|state| state.mode & wanted != 0)
    }

    fn words(&self) -> String {
        let path = self.path.display();
        let may_not = match self.is_folder {
            true => "not everybody may pass the folder",
            false => "not everybody may read",
        };
        match self.state {
            Some(State { mode, owner, group }) => {
                format!("{may_not} {path} (mode {mode:04o}, owner {owner}, group {group})")
            }
            None => format!("{path} may not be looked at from here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    fn who() -> Who {
        Who::named("nginx", Some("www-data"))
    }

    fn made(modes: [u32; 3]) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().expect("a folder");
        let (folder, file) = (root.path().join("a"), root.path().join("a/b"));
        fs::create_dir(&folder).expect("ours");
        fs::write(&file, "b").expect("ours");
        let parts = [&file, &folder, &root.path().to_owned()];
        for (path, mode) in parts.into_iter().zip(modes) {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
        }
        (root, file)
    }

    #[test]
    fn every_component_that_not_everybody_may_pass_is_named_at_once() {
        let (_root, file) = made([0o644, 0o755, 0o755]);
        assert_eq!(obstacles(&file), None);
        let (root, file) = made([0o600, 0o700, 0o700]);
        let found = obstacles(&file).expect("nobody else may read it");
        let (words, change) = (found.words(), found.change(&who()));
        for (path, mode) in [(root.path(), "0700"), (&*file, "0600")] {
            let path = path.display().to_string();
            assert!(words.contains(&format!("{path} (mode {mode}")), "{words}");
            assert!(change.contains(&format!("'{path}'")), "{change}");
        }
        let (root, file) = (root.path().display(), file.display());
        let folders = format!("'{root}' '{root}/a'");
        let everybody = format!("chmod o+x {folders} && chmod o+r '{file}'");
        assert!(change.ends_with(&everybody), "{change}");
        let alone =
            format!("setfacl -m u:www-data:x {folders} && setfacl -m u:www-data:r '{file}'");
        assert!(change.contains(&alone), "{change}");
    }

    #[test]
    fn where_one_group_may_the_user_becomes_a_member_of_it() {
        let state = |mode| {
            Some(State {
                mode,
                owner: 1000,
                group: 4_000_000,
            })
        };
        let at = |path: &str, is_folder, state| Obstacle {
            path: path.into(),
            is_folder,
            state,
        };
        let folder = at("/srv/spool", true, state(0o2750));
        let copy = at("/srv/spool/00/a", false, state(0o440));
        let found = |all| Obstacles { all, copies: None };
        let change = found(vec![folder.clone(), copy.clone()]).change(&who());
        assert!(
            change.starts_with("usermod -aG 4000000 www-data"),
            "{change}"
        );
        let shut = at("/srv/spool", true, state(0o700));
        let change = found(vec![shut.clone(), copy.clone()]).change(&who());
        assert!(change.starts_with("for "), "{change}");
        // The mode of one copy says nothing of the next.
        let above = at("/srv", true, state(0o700));
        let spooled = found(vec![above, shut, copy]).in_spool(Path::new("/srv/spool"));
        let change = spooled.change(&who());
        assert!(change.contains("chgrp -R GROUP '/srv/spool'"), "{change}");
        assert!(change.contains("chmod o+x '/srv'\n"), "{change}");
        assert!(!change.contains("o+r"), "{change}");
    }

    /// A spool whose folder was given to the group after copies had been made.
    #[test]
    fn what_lets_the_user_in_is_no_obstacle() {
        let at = |path: &str, is_folder, mode, group| Obstacle {
            path: path.into(),
            is_folder,
            state: Some(State {
                mode,
                owner: 0,
                group,
            }),
        };
        let all = vec![
            at("/srv/spool", true, 0o2750, 33),
            at("/srv/spool/ab", true, 0o750, 0),
            at("/srv/spool/ab/copy", false, 0o440, 33),
        ];
        let found = Obstacles { all, copies: None }.in_spool(Path::new("/srv/spool"));
        let ids = |user, groups: &[u32]| {
            let groups = groups.iter().copied().collect();
            who().with_ids(Ids { user, groups })
        };
        let words = found.clone().of(&ids(33, &[33])).words();
        assert!(words.contains("/srv/spool/ab (mode"), "{words}");
        assert!(
            !words.contains("/srv/spool (mode") && !words.contains("copy"),
            "{words}"
        );
        let change = found.clone().of(&ids(33, &[33])).change(&who());
        assert!(
            change.starts_with("chgrp -R GROUP '/srv/spool'"),
            "{change}"
        );
        // The owner is let in by all of them, and nevertheless was not: nobody knows why.
        assert_eq!(found.clone().of(&ids(0, &[])), found);
    }
}
