//! The proxy to be configured: its rules, its place between clients and gateway, and how it announces itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use downloadview::backend::Escaping;

use super::{Form, Installed, Options, ProxyConfigError};
use crate::config::{self, AnnouncedProxy, Config, Listen, Proxy, RuleConfig};

/// One proxy in front of the gateway.
pub(super) struct Front<'a> {
    pub(super) config: &'a Config,
    pub(super) proxy: Proxy,
    /// What it carries out. None where all rules send clients to another server: then it is a plain reverse proxy.
    pub(super) rules: Vec<&'a RuleConfig>,
    /// Those that send clients to another server, which is not the proxy's business.
    redirects: Vec<&'a RuleConfig>,
    /// The name and the secret by which it announces itself, if it does.
    pub(super) announced: Option<(&'a str, &'a AnnouncedProxy)>,
    pub(super) form: &'a Form,
    /// What is known of the proxy.
    pub(super) installed: &'a Installed,
    /// The certificates that sign those of other servers, if not those that the system trusts.
    pub(super) ca_file: Option<&'a Path>,
    /// Where nginx finds the script that lets only allowed headers of other servers pass.
    pub(super) script: Option<&'a Path>,
    app: &'a Listen,
}

/// Where a proxy finds the gateway.
pub(super) enum Upstream<'a> {
    Tcp(SocketAddr),
    Unix(&'a Path),
}

/// The first comment of a file with a secret in it, each line after `# `.
const KEEP_SECRET: [&str; 2] = [
    "SECRET INSIDE: whoever can read this file can pose as this proxy and learn internal paths. Let nobody but the",
    "proxy's user read it: chmod 600.",
];

impl<'a> Front<'a> {
    pub(super) fn find(
        proxy: Proxy,
        config: &'a Config,
        options: &'a Options,
    ) -> Result<Self, ProxyConfigError> {
        let announced = announced(proxy, config, options.proxy.as_deref())?;
        let own = announced.iter().flat_map(|(_, proxy)| &proxy.rules);
        let of_views = config.views.iter().flat_map(|view| &view.rules);
        let shared = config.optimize.rules.iter().chain(of_views);
        let (shared, of_others): (Vec<_>, Vec<_>) =
            shared.partition(|rule| rule.redirects() || rule.backend == Some(proxy));
        let (redirects, rules): (Vec<_>, Vec<_>) =
            own.chain(shared).partition(|rule| rule.redirects());
        // Rules of another proxy would be lost behind this one.
        let is_plain = !redirects.is_empty() && (announced.is_some() || of_others.is_empty());
        if rules.is_empty() && !is_plain {
            let file = config.file.clone();
            return Err(ProxyConfigError::NoRule { file, proxy });
        }
        Ok(Self {
            config,
            proxy,
            rules,
            redirects,
            announced,
            form: &options.form,
            installed: &options.installed,
            ca_file: options.ca_file.as_deref(),
            script: options.script.as_deref(),
            app: options.app.as_ref().unwrap_or(&config.listen),
        })
    }

    /// The gateway's address; one that means every address of this machine becomes one that can be connected to.
    pub(super) fn upstream(&self) -> Result<Upstream<'a>, ProxyConfigError> {
        match self.app {
            Listen::Tcp(address) if address.port() == 0 => Err(ProxyConfigError::NoPort {
                file: self.config.file.clone(),
                listen: self.app.clone(),
            }),
            Listen::Tcp(address) => Ok(Upstream::Tcp(reachable(*address))),
            Listen::Unix(path) => Ok(Upstream::Unix(path)),
        }
    }

    /// After how many seconds without a request the proxy closes a connection: well before the gateway would, or a
    /// request could meet a connection that is just being closed.
    pub(super) fn keepalive(&self) -> u64 {
        let idle = self.config.server.idle_timeout.as_secs();
        (idle * 4 / 5).max(1)
    }

    /// The value of `X-Downloadview-Proxy` that proves this proxy.
    pub(super) fn announcement(&self) -> Option<String> {
        let (name, proxy) = self.announced?;
        Some(format!("{name} {}", proxy.secret.expose()))
    }

    /// The comment that a printed file begins with: what must be known of the secret in it, then these lines.
    pub(super) fn comment(&self, lines: &[&str]) -> String {
        let secret = self.announced.map_or(&[][..], |_| &KEEP_SECRET);
        let lines = secret.iter().chain(lines);
        let comment: String = lines
            .map(|line| match *line {
                "" => "#\n".to_owned(),
                line => format!("# {line}\n"),
            })
            .collect();
        comment + &self.advice() + &self.not_for_it()
    }

    /// What to state where the rules leave open how this proxy reads names.
    fn advice(&self) -> String {
        // The target of a file of another server is sent as it is, and names of copies have no odd character.
        let unstated = |rule: &&RuleConfig| {
            rule.escaping == Some(Escaping::Unstated)
                && rule.remote().is_none()
                && !rule.is_of_spool()
        };
        if !self.rules.iter().any(unstated) {
            return String::new();
        }
        let wanted = match (self.installed.escaping, self.proxy) {
            (Escaping::Raw, _) => "What is installed here reads names as `escaping = \"raw\"`.",
            (Escaping::Percent, _) => {
                "What is installed here reads names as `escaping = \"strict\"`."
            }
            (Escaping::Unstated, Proxy::Caddy) => {
                "Caddy before 2.7 wants `escaping = \"raw\"`, later ones \"strict\"."
            }
            (Escaping::Unstated, _) => {
                "mod_xsendfile 0.12 wants `escaping = \"raw\"`, 1.0 \"strict\"."
            }
        };
        format!(
            "#\n# The rules do not state `escaping`, so the gateway itself sends every file whose path has more in it than\n\
             # A-Z a-z 0-9 - . _ ~ /: the wrong one would serve another file. {wanted}\n"
        )
    }

    /// The rules that there is nothing to print for.
    fn not_for_it(&self) -> String {
        let lines: Vec<_> = self
            .redirects
            .iter()
            .map(|rule| rule.line.to_string())
            .collect();
        match lines.as_slice() {
            [] => String::new(),
            lines => {
                let plain = "# No other rule is this proxy's, so it passes on what the gateway says, and no more.\n";
                let plain = self.rules.is_empty().then_some(plain);
                format!(
                    "#\n# Nothing is printed for rules with redirect = true (line {}): the gateway sends clients to the server itself.\n{}",
                    lines.join(", "),
                    plain.unwrap_or_default()
                )
            }
        }
    }

    /// A path that the language cannot express.
    pub(super) fn unwritable(
        &self,
        path: &Path,
        language: &'static str,
        reason: &'static str,
    ) -> ProxyConfigError {
        ProxyConfigError::Unwritable {
            file: self.config.file.clone(),
            path: path.to_owned(),
            language,
            reason,
        }
    }

    /// A secret that the language cannot express.
    pub(super) fn unwritable_secret(
        &self,
        language: &'static str,
        reason: &'static str,
    ) -> ProxyConfigError {
        ProxyConfigError::UnwritableSecret {
            file: self.config.file.clone(),
            proxy: self.announced.map_or("", |(name, _)| name).to_owned(),
            language,
            reason,
        }
    }

    /// What is wrong with one rule, and how to fix it.
    pub(super) fn refuse(
        &self,
        rule: &RuleConfig,
        message: String,
        help: impl Into<String>,
    ) -> ProxyConfigError {
        ProxyConfigError::Rule {
            file: self.config.file.clone(),
            line: rule.line,
            message,
            help: help.into(),
        }
    }
}

/// The announced proxy that is meant; `None` where none announces itself.
fn announced<'a>(
    kind: Proxy,
    config: &'a Config,
    wanted: Option<&str>,
) -> Result<Option<(&'a str, &'a AnnouncedProxy)>, ProxyConfigError> {
    let refuse = |message: String, help: String| {
        let file = config.file.clone();
        Err(ProxyConfigError::Announced {
            file,
            message,
            help,
        })
    };
    let config::Front::Announced(proxies) = &config.optimize.front else {
        return match wanted {
            None => Ok(None),
            Some(name) => refuse(
                format!("there is no announced proxy `{name}`, the file announces none"),
                "leave --proxy out".to_owned(),
            ),
        };
    };
    let of_kind = || proxies.iter().filter(|(_, proxy)| proxy.backend == kind);
    let kind_name = kind.name();
    let names = of_kind().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    let listed = names.join(", ");
    match (wanted, names.as_slice()) {
        (_, []) => refuse(
            format!("no announced proxy is {kind_name}"),
            format!("add a table [optimize.proxies.NAME] with `backend = \"{kind_name}\"`"),
        ),
        (None, [_, _, ..]) => refuse(
            format!("several announced proxies are {kind_name}: {listed}"),
            "name one with --proxy".to_owned(),
        ),
        (None, [_]) => Ok(of_kind().next().map(|(name, proxy)| (name.as_str(), proxy))),
        (Some(wanted), _) => match of_kind().find(|(name, _)| *name == wanted) {
            Some((name, proxy)) => Ok(Some((name, proxy))),
            None => refuse(
                format!("no announced proxy that is {kind_name} has the name `{wanted}`"),
                format!("use one of: {listed}"),
            ),
        },
    }
}

/// An address that a proxy on this machine can connect to, for a gateway that listens on every one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
