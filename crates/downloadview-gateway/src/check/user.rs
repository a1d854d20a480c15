//! As whom a program runs, as far as this machine shows.

use std::collections::BTreeSet;
use std::fs;

use crate::config::Proxy;

/// Somebody who should be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    program: String,
    user: Option<String>,
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
        let mut found = users_of(names).into_iter();
        // Of several, nobody can tell which one is meant.
        let only = found.next().filter(|_| found.next().is_none());
        Self::named(proxy.name(), only.map(user).as_deref())
    }

    /// The running gateway.
    pub(super) fn gateway() -> Self {
        Self::named("the gateway", None)
    }

    pub(super) fn named(program: &str, user: Option<&str>) -> Self {
        Self {
            program: program.to_owned(),
            user: user.map(ToOwned::to_owned),
        }
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// `the user www-data, as which nginx runs here`.
    pub(super) fn words(&self) -> String {
        let program = &self.program;
        match &self.user {
            Some(user) => format!("the user {user}, as which {program} runs here"),
            None => format!("the USER that {program} runs as"),
        }
    }

    /// A process keeps the groups that it began with.
    pub(super) fn restart(&self) -> String {
        format!("start {} anew", self.program)
    }
}

/// The users, but for root, of processes with one of these names.
fn users_of(names: &[&str]) -> BTreeSet<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let statuses = processes.filter_map(|it| fs::read_to_string(it.path().join("status")).ok());
    let users = statuses.filter_map(|status| of_status(&status, names));
    users.filter(|user| *user != 0).collect()
}

/// The effective user of a process with one of these names (proc_pid_status(5)).
fn of_status(status: &str, names: &[&str]) -> Option<u32> {
    let line = |key| status.lines().find_map(|line| line.strip_prefix(key));
    let name = line("Name:")?.trim();
    if !names.contains(&name) {
        return None;
    }
    line("Uid:")?.split_whitespace().nth(1)?.parse().ok()
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
        let status = "Name:\tnginx\nUmask:\t0022\nUid:\t0\t33\t33\t33\nGid:\t33\t33\t33\t33\n";
        assert_eq!(of_status(status, &["nginx"]), Some(33));
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
