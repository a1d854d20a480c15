//! What is checked: the options as they were given, held against the configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::{AnnouncedProxy, Config, Front, Proxy};
use crate::probe::{Address, Trust};
use crate::proxy_config::{self, Installed};
use crate::sign;
use crate::witness::Key;

/// For how long links are good that are made for a check.
pub(super) const LIFE: Duration = Duration::from_secs(10 * 60);

/// What to check.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The configuration file.
    pub file: PathBuf,
    /// Where the gateway answers without a proxy. Default: where the file says that it listens.
    pub app: Option<Address>,
    /// The proxies: the NAME of `[optimize.proxies.NAME]`, or of the backend where none is announced. Default: none.
    pub proxies: Vec<(String, Address)>,
    /// For a view, known by its route: the path of a request for a file that exists. Default: none, so that a file is
    /// placed where that can be done.
    pub files: Vec<(String, String)>,
    /// Headers of a client that may have the files of views with `authorize`. They are sent with every request for these,
    /// and never printed. Default: none, so that it is only seen that such views are closed.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether nothing but the file is looked at. Default: false.
    pub offline: bool,
    /// The certificates, in PEM, that sign those of https servers. Default: those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

impl Options {
    /// To check the set-up of a file.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            app: None,
            proxies: Vec::new(),
            files: Vec::new(),
            headers: Vec::new(),
            offline: false,
            ca_file: None,
        }
    }

    /// Only the file.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }
}

/// A proxy that is asked.
#[derive(Debug, Clone)]
pub struct Named {
    /// The name that was given.
    pub name: String,
    /// What its findings begin with: the name, and the URL where another one has the same name.
    pub(super) label: String,
    /// What it is.
    pub backend: Proxy,
    /// Where it answers.
    pub address: Address,
    /// The secret by which it announces itself.
    pub(super) announced: Option<AnnouncedProxy>,
    pub(super) installed: Installed,
}

/// Everything that stays the same during a check.
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) app: Address,
    pub(super) proxies: Vec<Named>,
    pub(super) files: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) key: Key,
    pub(super) trust: Trust,
}

impl Setup {
    pub(super) fn new(config: Config, options: &Options) -> anyhow::Result<Self> {
        let proxies = options.proxies.iter();
        let proxies = proxies.map(|(name, address)| Named::new(name, address, &config));
        let mut proxies = proxies.collect::<anyhow::Result<Vec<_>>>()?;
        let names: Vec<_> = proxies.iter().map(|proxy| proxy.name.clone()).collect();
        for proxy in &mut proxies {
            if names.iter().filter(|name| **name == proxy.name).count() > 1 {
                proxy.label = format!("{} {}", proxy.name, proxy.address);
            }
        }
        for (route, _) in &options.files {
            let known = config
                .views
                .iter()
                .any(|view| view.route.pattern() == route);
            ensure!(known, "--file: no view has the route `{route}`");
        }
        Ok(Self {
            app: options
                .app
                .clone()
                .unwrap_or_else(|| (&config.listen).into()),
            proxies,
            files: options.files.clone(),
            headers: options.headers.iter().cloned().collect(),
            key: Key::new(config.digest()),
            trust: Trust::new(options.ca_file.as_deref())?,
            config,
        })
    }

    /// The target of a link to a path, good for some minutes.
    pub(super) fn signed(&self, path: &str) -> anyhow::Result<String> {
        let signing = self.config.signing.as_ref();
        let signing = signing.context("there are no keys for links")?;
        // What a proxy takes off is signed, and does not arrive.
        let prefix = signing.prefix.as_deref().unwrap_or_default();
        let life = signing.max_lifetime.map_or(LIFE, |most| most.min(LIFE));
        let signer = sign::signer(signing)?;
        let link = signer.link(format!("{prefix}{path}")).expires_in(life);
        let link = link.sign()?;
        Ok(link.get(prefix.len()..).unwrap_or_default().to_owned())
    }

    /// The path of the existing file that was named for a route.
    pub(super) fn file(&self, route: &str) -> Option<&str> {
        let mut files = self.files.iter();
        let (_, path) = files.find(|(known, _)| known == route)?;
        Some(path)
    }
}

impl Named {
    fn new(name: &str, address: &Address, config: &Config) -> anyhow::Result<Self> {
        let (backend, announced) = match &config.optimize.front {
            Front::Announced(_) => {
                let mut known = config.optimize.front.announced();
                let found = known.find(|(known, _)| *known == name);
                let (_, proxy) = found.with_context(|| unknown(name, config))?;
                (proxy.backend, Some(proxy.clone()))
            }
            _ => {
                let found = Proxy::ALL.into_iter().find(|proxy| proxy.name() == name);
                let Some(backend) = found else {
                    bail!("--proxy: `{name}` is none of nginx, apache, lighttpd, caddy");
                };
                let mut backends = config.rules().filter_map(|rule| rule.backend).peekable();
                if let Some(&first) = backends.peek()
                    && backends.all(|known| known != backend)
                {
                    // Nothing would be asked of it that only its rules tell, and all would look right.
                    bail!(
                        "--proxy: no rule of the file is for {name}; write --proxy {}=URL",
                        first.name()
                    );
                }
                (backend, None)
            }
        };
        let none: Option<&Path> = None;
        Ok(Self {
            name: name.to_owned(),
            label: name.to_owned(),
            backend,
            address: address.clone(),
            announced,
            installed: proxy_config::look(backend, none).unwrap_or_default(),
        })
    }
}

fn unknown(name: &str, config: &Config) -> String {
    let known: Vec<_> = config
        .optimize
        .front
        .announced()
        .map(|(name, _)| name)
        .collect();
    format!(
        "--proxy: the file announces no `{name}`; it announces {}",
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_no_rule_is_for_is_refused() {
        let text = "[optimize]\nbackend = \"nginx\"\n\
                    [[optimize.rules]]\nsource_url = \"/media/\"\ndestination_url = \"/_internal/\"\n\
                    [[views]]\nroute = \"/a\"\nkind = \"virtual\"\ntext = \"a\"\nbasename = \"a.txt\"\n";
        let config = Config::parse(text, Path::new("/nowhere/downloadview.toml")).expect("valid");
        let address: Address = "http://127.0.0.1:8080".parse().expect("an address");
        assert!(Named::new("nginx", &address, &config).is_ok());
        let refused = Named::new("apache", &address, &config).map(|named| named.name);
        let refused = refused.expect_err("no rule is for it").to_string();
        assert!(refused.ends_with("write --proxy nginx=URL"), "{refused}");
    }
}
