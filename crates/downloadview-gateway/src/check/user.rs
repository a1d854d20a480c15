//! As whom a program runs, as far as this machine shows.

use std::collections::BTreeSet;
use std::fs;

use crate::config::Proxy;

/// Somebody who should be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    program: String,
    user: Option<String>,
    /// What the system goes by, if the user is known.
    ids: Option<Ids>,
}

/// A user as the system knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) user: u32,
    /// All of its groups.
    pub(super) groups: BTreeSet<u32>,
}

impl Who {
    /// The workers of a proxy: the one user other than root that processes of its name run as.
    pub(super) fn proxy(proxy: Proxy) -> Self {
        let names: &[&str] = match proxy {
            Proxy::Nginx => &["nginx"],
            Proxy::Apache => &["apache2", "httpd"],
            Proxy::Lighttpd => &["lighttpd"],
            Proxy::Caddy => &["caddy"],
        };
        let found = users_of(names);
        let mut users: Vec<_> = found.iter().map(|ids| ids.user).collect();
        users.dedup();
        let [only] = users[..] else {
            // Of several, nobody can tell which one is meant.
            return Self::named(proxy.name(), None);
        };
        let in_all = |group: &u32| found.iter().all(|ids| ids.groups.contains(group));
        let groups = found.iter().flat_map(|ids| ids.groups.iter().copied());
        let groups = groups.filter(in_all).collect();
        Self::named(proxy.name(), Some(&user(only))).with_ids(Ids { user: only, groups })
    }

    pub(super) fn with_ids(self, ids: Ids) -> Self {
        let ids = Some(ids);
        Self { ids, ..self }
    }

    pub(super) fn ids(&self) -> Option<&Ids> {
        self.ids.as_ref()
    }

    /// The running gateway.
    pub(super) fn gateway() -> Self {
        Self::named("the gateway", None)
    }

    pub(super) fn named(program: &str, user: Option<&str>) -> Self {
        Self {
            program: program.to_owned(),
            user: user.map(ToOwned::to_owned),
            ids: None,
        }
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// `www-data (the user that nginx runs as here)`.
    pub(super) fn words(&self) -> String {
        let program = &self.program;
        match &self.user {
            Some(user) => format!("{user} (the user that {program} runs as here)"),
            None => format!("the USER that {program} runs as"),
        }
    }

    /// A process keeps the groups that it began with.
    pub(super) fn restart(&self) -> String {
        format!("start {} anew", self.program)
    }
}

/// The users, but for root, of processes with one of these names, in order.
fn users_of(names: &[&str]) -> Vec<Ids> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let statuses = processes.filter_map(|it| fs::read_to_string(it.path().join("status")).ok());
    let users = statuses.filter_map(|status| of_status(&status, names));
    let mut users: Vec<_> = users.filter(|ids| ids.user != 0).collect();
    users.sort_unstable_by_key(|ids| ids.user);
    users
}

/// The effective user of a process with one of these names, and its groups (proc_pid_status(5)).
fn of_status(status: &str, names: &[&str]) -> Option<Ids> {
    let line = |key| status.lines().find_map(|line| line.strip_prefix(key));
    let name = line("Name:")?.trim();
    if !names.contains(&name) {
        return None;
    }
    let numbers = |key| {
        let words = line(key).unwrap_or_default().split_whitespace();
        words.map_while(|word| word.parse().ok())
    };
    let main = numbers("Gid:").nth(1);
    Some(Ids {
        user: numbers("Uid:").nth(1)?,
        groups: main.into_iter().chain(numbers("Groups:")).collect(),
    })
}

fn user(id: u32) -> String {
    named("/etc/passwd", id)
}

/// The name of a group, or its number.
pub(super) fn group(id: u32) -> String {
    named("/etc/group", id)
}

/// passwd(5) and group(5) both have the name first and the number third.
fn named(table: &str, id: u32) -> String {
    let text = fs::read_to_string(table).unwrap_or_default();
    let mut found = text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    found.next().unwrap_or_else(|| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_name_and_its_effective_user() {
        let status = "Name:\tnginx\nUmask:\t0022\nUid:\t0\t33\t33\t33\nGid:\t33\t34\t33\t33\nGroups:\t35 36 \n";
        let ids = of_status(status, &["nginx"]).expect("it is one");
        assert_eq!((ids.user, ids.groups), (33, [34, 35, 36].into()));
        assert_eq!(of_status(status, &["caddy"]), None);
        assert_eq!(of_status("Name:\tnginx\n", &["nginx"]), None);
    }

    #[test]
    fn a_user_without_a_name_is_told_by_the_number() {
        assert_eq!(user(0), "root");
        assert_eq!(group(0), "root");
        assert_eq!(user(4_000_000_000), "4000000000");
    }
}
