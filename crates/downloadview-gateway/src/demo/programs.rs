//! The proxies as programs: which are to be started, where they are installed, how to get them, how they are called.

use std::path::{Path, PathBuf};

use anyhow::bail;
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
///
/// # Errors
///
/// One that was named is not installed.
pub(super) fn choose(
    wanted: &Proxies,
    find: impl Fn(Proxy) -> Option<PathBuf>,
) -> anyhow::Result<Choice> {
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
        let (are, packages) = (are(&missing), packages(&missing));
        if matches!(wanted, Proxies::Named(_)) {
            bail!("--proxies: {are} not installed; install with: {packages}");
        }
        absent.push(format!(
            "{are} not installed; to see more columns: {packages}"
        ));
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
    Ok(Choice { programs, absent })
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

/// How many ports after the application's it listens, whichever others are started.
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

    const INSTALL: &str = "sudo apt-get install apache2-bin libapache2-mod-xsendfile caddy";

    /// Only nginx and lighttpd are there.
    fn some(proxy: Proxy) -> Option<PathBuf> {
        let there = matches!(proxy, Proxy::Nginx | Proxy::Lighttpd);
        there.then(|| PathBuf::from("/usr/sbin").join(program(proxy)))
    }

    fn started(choice: &Choice) -> Vec<Proxy> {
        choice.programs.iter().map(|it| it.proxy).collect()
    }

    #[test]
    fn auto_takes_what_is_there_and_says_what_is_missing() {
        let choice = choose(&Proxies::Installed, some).expect("auto takes what is there");
        assert_eq!(started(&choice), [Proxy::Nginx, Proxy::Lighttpd]);
        let why = format!("apache, caddy are not installed; to see more columns: {INSTALL}");
        assert_eq!(choice.absent, [why]);
    }

    #[test]
    fn a_missing_proxy_that_was_named_is_an_error_with_the_mend() {
        let named = vec![Proxy::Caddy, Proxy::Nginx, Proxy::Apache];
        let error = choose(&Proxies::Named(named), some).expect_err("they were asked for");
        let why = format!("--proxies: apache, caddy are not installed; install with: {INSTALL}");
        assert_eq!(error.to_string(), why);
    }

    #[test]
    fn an_installed_proxy_is_left_alone_unless_it_was_asked_for() {
        let none = choose(&Proxies::Named(Vec::new()), some).expect("valid");
        assert_eq!(started(&none), []);
        let why = "nginx, apache, lighttpd, caddy were not asked for; start with --proxies auto";
        assert_eq!(none.absent, [why]);

        let one = choose(&Proxies::Named(vec![Proxy::Lighttpd]), some).expect("it is there");
        assert_eq!(started(&one), [Proxy::Lighttpd]);
    }
}
