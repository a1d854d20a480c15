//! The proxies as programs: which are to be started, where they are installed, how to get them, how they are called.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::cli::Proxies;
use crate::config::Proxy;
use crate::proxy_config::find_program;

/// Where the configuration of Apache looks for its modules.
const XSENDFILE: &str = "/usr/lib/apache2/modules/mod_xsendfile.so";

/// A proxy to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) proxy: Proxy,
    pub(super) path: PathBuf,
}

/// The proxies to be started, and why the others are not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) programs: Vec<Program>,
    /// A sentence for each reason.
    pub(super) absent: Vec<String>,
}

/// Decides which proxies are started; `find` tells where one is installed.
pub(super) fn choose(wanted: &Proxies, find: impl Fn(Proxy) -> Option<PathBuf>) -> Choice {
    let asked_for = |proxy: &Proxy| match wanted {
        Proxies::Installed => true,
        Proxies::Named(names) => names.contains(proxy),
    };
    let all = || Proxy::ALL.into_iter();
    let mut programs = Vec::new();
    let mut missing = Vec::new();
    for proxy in all().filter(asked_for) {
        match find(proxy) {
            Some(path) => programs.push(Program { proxy, path }),
            None => missing.push(proxy),
        }
    }
    let unwanted: Vec<_> = all().filter(|proxy| !asked_for(proxy)).collect();
    let mut absent = Vec::new();
    if !missing.is_empty() {
        absent.push(format!(
            "{} not installed; to see more columns: {}",
            are(&missing),
            packages(&missing)
        ));
        absent.extend(without_servers(&missing));
    }
    if !unwanted.is_empty() {
        let are = match unwanted.as_slice() {
            [_] => "was",
            _ => "were",
        };
        let names = names(&unwanted);
        absent.push(format!(
            "{names} {are} not asked for; start with --proxies auto"
        ));
    }
    Choice { programs, absent }
}

/// What keeps Debian's packages from starting anything, and its end (invoke-rc.d(8)).
const FORBID: &str =
    r"printf '#!/bin/sh\nexit 101\n' | sudo install -m 755 /dev/stdin /usr/sbin/policy-rc.d";
const ALLOW: &str = "sudo rm /usr/sbin/policy-rc.d";

/// How to install programs without the servers that Debian's packages start.
fn without_servers(missing: &[Proxy]) -> Option<String> {
    // `apache2-bin` is the program alone.
    let mut starting = missing.to_vec();
    starting.retain(|proxy| *proxy != Proxy::Apache);
    let start = match starting.as_slice() {
        [] => return None,
        [one] => format!("package of {} starts a server", one.name()),
        several => format!("packages of {} start servers", names(several)),
    };
    Some(format!(
        "Debian's {start} on port 80. To install without that, unless there is a policy-rc.d already, begin with: \
         {FORBID}\nand end with: {ALLOW}"
    ))
}

/// Where a proxy is installed with all it needs; the folders of daemons are not on every user's PATH.
pub(super) fn find(proxy: Proxy) -> Option<PathBuf> {
    if proxy == Proxy::Apache && !Path::new(XSENDFILE).is_file() {
        return None;
    }
    find_program(program(proxy))
}

impl Program {
    /// The command that runs it in the foreground, with a configuration and a folder for whatever it writes.
    pub(super) fn command(&self, configuration: &Path, folder: &Path) -> Command {
        let mut command = Command::new(&self.path);
        match self.proxy {
            // With `-e`, or it complains, before it reads its configuration, that the system's log is not ours.
            Proxy::Nginx => command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c"),
            Proxy::Apache => command
                .args(["-D", "FOREGROUND", "-d"])
                .arg(folder)
                .arg("-f"),
            Proxy::Lighttpd => command.args(["-D", "-f"]),
            Proxy::Caddy => command
                .envs(["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"].map(|name| (name, folder)))
                .args(["run", "--adapter", "caddyfile", "--config"]),
        };
        command.arg(configuration).current_dir(folder);
        command
    }
}

/// How many ports they take in all.
pub(super) const STEPS: u16 = 4;

/// How many ports after the application's it listens, whichever others are started, if that port is free.
pub(super) fn step(proxy: Proxy) -> u16 {
    match proxy {
        Proxy::Nginx => 1,
        Proxy::Apache => 2,
        Proxy::Lighttpd => 3,
        Proxy::Caddy => 4,
    }
}

fn program(proxy: Proxy) -> &'static str {
    match proxy {
        Proxy::Apache => "apache2",
        Proxy::Nginx | Proxy::Lighttpd | Proxy::Caddy => proxy.name(),
    }
}

fn packages(proxies: &[Proxy]) -> String {
    let packages = proxies.iter().map(|proxy| match proxy {
        Proxy::Apache => "apache2-bin libapache2-mod-xsendfile",
        Proxy::Nginx | Proxy::Lighttpd | Proxy::Caddy => proxy.name(),
    });
    let packages: Vec<_> = packages.collect();
    format!("sudo apt-get install {}", packages.join(" "))
}

fn are(proxies: &[Proxy]) -> String {
    let are = match proxies {
        [Proxy::Apache] => "(with mod_xsendfile) is",
        [_] => "is",
        _ => "are",
    };
    format!("{} {are}", names(proxies))
}

fn names(proxies: &[Proxy]) -> String {
    let names: Vec<_> = proxies.iter().copied().map(Proxy::name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only nginx and lighttpd are there.
    fn some(proxy: Proxy) -> Option<PathBuf> {
        let there = matches!(proxy, Proxy::Nginx | Proxy::Lighttpd);
        there.then(|| PathBuf::from("/usr/sbin").join(program(proxy)))
    }

    fn started(choice: &Choice) -> Vec<Proxy> {
        choice.programs.iter().map(|it| it.proxy).collect()
    }

    #[test]
    fn a_missing_proxy_is_told_with_the_command_that_installs_it_and_the_others_are_started() {
        let why = "apache, caddy are not installed; to see more columns: \
                   sudo apt-get install apache2-bin libapache2-mod-xsendfile caddy";
        let choice = choose(&Proxies::Installed, some);
        assert_eq!(started(&choice), [Proxy::Nginx, Proxy::Lighttpd]);
        assert_eq!(choice.absent[0], why);
        assert_eq!(choice.absent.len(), 2);

        let named = vec![Proxy::Caddy, Proxy::Nginx, Proxy::Apache];
        let choice = choose(&Proxies::Named(named), some);
        assert_eq!(started(&choice), [Proxy::Nginx]);
        assert_eq!(choice.absent[0], why);
    }

    #[test]
    fn without_any_proxy_everything_is_told_and_nothing_is_started() {
        let choice = choose(&Proxies::Installed, |_| None);
        assert_eq!(started(&choice), []);
        let told = choice.absent.join("\n");
        let start = "packages of nginx, lighttpd, caddy start servers on port 80";
        for expected in ["nginx, apache, lighttpd, caddy are not", start] {
            assert!(told.contains(expected), "{told}");
        }
    }

    /// What is to be typed, with another file in the place of the machine's own.
    #[test]
    fn the_command_against_servers_makes_a_policy_that_refuses_them() {
        let apache = without_servers(&[Proxy::Apache]);
        assert_eq!(apache, None, "its package starts nothing");
        let told = without_servers(&[Proxy::Caddy]).expect("its package starts a server");
        let folder = tempfile::tempdir().expect("a folder");
        let policy = folder.path().join("policy-rc.d");
        let typed = |command: &str| {
            assert!(told.contains(command), "{told}");
            let here = command.replace("sudo ", "");
            let here = here.replace("/usr/sbin/policy-rc.d", &policy.display().to_string());
            let status = std::process::Command::new("sh")
                .args(["-c", &here])
                .status();
            assert!(status.expect("sh").success(), "{here}");
        };
        typed(FORBID);
        let status = std::process::Command::new(&policy).status();
        assert_eq!(status.expect("a program").code(), Some(101));
        typed(ALLOW);
        assert!(!policy.exists());
    }

    #[test]
    fn an_installed_proxy_is_left_alone_unless_it_was_asked_for() {
        let none = choose(&Proxies::Named(Vec::new()), some);
        assert_eq!(started(&none), []);
        let why = "nginx, apache, lighttpd, caddy were not asked for; start with --proxies auto";
        assert_eq!(none.absent, [why]);

        let one = choose(&Proxies::Named(vec![Proxy::Lighttpd]), some);
        assert_eq!(started(&one), [Proxy::Lighttpd]);
    }
}
