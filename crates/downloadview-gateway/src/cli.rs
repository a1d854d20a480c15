//! The command line: what may be asked of the gateway, and the help that says so.

mod spool;

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use http::{HeaderName, HeaderValue, Uri};

pub use self::spool::{SpoolArgs, SpoolClearArgs, SpoolCommand, SpoolLookArgs, SpoolPruneArgs};
use crate::config::{Listen, Proxy};
use crate::probe::{Address, AddressError};

/// Serves downloads described by one TOML file, and leaves the bytes to the proxy in front.
///
/// Each view of the file says what is downloaded at which path. Rules say which of these files the proxy in front
/// delivers by itself; all others the gateway streams.
#[derive(Debug, Parser)]
#[command(name = "downloadview", version, after_help = after_help(), arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

fn after_help() -> String {
    let demo = match cfg!(feature = "demo") {
        true => DEMO_EXAMPLE,
        false => "",
    };
    format!("Examples:\n{demo}{AFTER_HELP}")
}

const DEMO_EXAMPLE: &str = "  downloadview demo
      Everything on this machine, to look at: http://127.0.0.1:8000/
";

const AFTER_HELP: &str = "  downloadview serve --config downloadview.toml
      The gateway. SIGTERM or SIGINT lets running downloads finish; a second one does not.
  downloadview explain --config downloadview.toml /files/report.pdf
      Which view, file, rule and header this request would get.
  downloadview check --config downloadview.toml --proxy nginx=http://127.0.0.1:8080
      Whether all of it works, through the real proxy; and if not, which part is wrong.
  downloadview proxy-config nginx --config downloadview.toml > snippet.conf
      The configuration of the nginx in front; or of apache, lighttpd, caddy.

Exit codes:
  0  done, or stopped when asked to
  1  the configuration, or something on this machine, stands in the way; stderr says what and how to fix it
  2  the command line is wrong";

/// What to do.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Serve the views of a configuration file
    Serve(ServeArgs),
    /// Show what a request would get, and why
    Explain(ExplainArgs),
    /// Make a signed link, or a key for them, or say why a link is refused
    #[command(override_usage = SIGN_USAGE, after_help = SIGN_HELP)]
    Sign(SignArgs),
    /// Ask a live set-up, and say which part is wrong
    #[command(after_help = CHECK_HELP)]
    Check(CheckArgs),
    /// Print the configuration of the proxy in front
    #[command(after_help = PROXY_CONFIG_HELP)]
    ProxyConfig(ProxyConfigArgs),
    /// Look after the local copies that the spool keeps
    #[command(after_help = spool::HELP)]
    Spool(SpoolArgs),
    /// Run the demonstration: every kind of view, before each proxy that is installed
    #[cfg(feature = "demo")]
    Demo(DemoArgs),
    /// Take away what a killed demonstration leaves; `demo` starts it by itself
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    DemoGuard {
        /// The folder of the demonstration
        folder: PathBuf,
    },
}

const SIGN_USAGE: &str = "\
downloadview sign --config FILE PATH --expires TIME [OPTIONS]
       downloadview sign --config FILE --explain LINK [--audience USER | --client IP]
       downloadview sign --new-key";

const SIGN_HELP: &str = "\
Examples:
  downloadview sign --new-key
      A secret for [[signing.keys]].
  downloadview sign --config downloadview.toml /files/a%20b.txt --expires 1h --name \"Report.txt\"
      The link, to be put behind scheme and host.
  downloadview sign --config downloadview.toml --explain '/files/a%20b.txt?X-Download-Key=…'
      What a link says, and why it is refused.

Exit codes:
  0  done; with --explain: the link is good
  1  with --explain: the link is refused; or the file stands in the way, and stderr says how to fix it
  2  the command line is wrong";

const PROXY_CONFIG_HELP: &str = "\
Examples:
  downloadview proxy-config apache --config downloadview.toml > snippet.conf
      What goes into the configuration of an existing server; its first lines say where.
  downloadview proxy-config nginx --config downloadview.toml --standalone > /tmp/front.conf
  mkdir -p /tmp/front && nginx -e stderr -p /tmp/front -c /tmp/front.conf
      A whole nginx of your own, unprivileged. The first lines of each file say how that proxy is started.
  downloadview proxy-config nginx --config downloadview.toml --print-script > /etc/nginx/downloadview.js
  downloadview proxy-config nginx --config downloadview.toml --script /etc/nginx/downloadview.js > snippet.conf
      With nginx's module njs: of the servers from which it fetches files no header passes that is not allowed.
  (umask 077; downloadview proxy-config caddy --proxy edge --config downloadview.toml > Caddyfile)
      For the announced proxy `edge`. The file holds its secret.";

const CHECK_HELP: &str = "\
Examples:
  downloadview check --config downloadview.toml --proxy nginx=http://127.0.0.1:8080
      Places files, asks the gateway and nginx for them, and removes them.
  downloadview check --config downloadview.toml --file '/reports/{id}=/reports/17'
      Asks for a file that exists, where none can be placed: rows, buckets, other servers, folders that are read only.
  downloadview check --config downloadview.toml --offline
      The file alone.

Exit codes:
  0  all is right
  1  something is wrong: the text says which part, and what to change
  2  nobody could tell of something, or the command line is wrong";

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Where the gateway answers without a proxy: http://HOST:PORT or unix:PATH [default: where the file says]
    #[arg(long, value_name = "URL", conflicts_with = "offline")]
    pub app: Option<Address>,
    /// A proxy in front: the NAME of [optimize.proxies.NAME], or nginx, apache, lighttpd, caddy; may be repeated
    #[arg(long = "proxy", value_name = "NAME=URL", value_parser = proxy, conflicts_with = "offline")]
    pub proxies: Vec<(String, Address)>,
    /// For the view of this route, the path of a request for a file that exists; may be repeated
    #[arg(long = "file", value_name = "ROUTE=PATH", value_parser = file, conflicts_with = "offline")]
    pub files: Vec<(String, String)>,
    /// The credentials of a client that may have the files of views with `authorize`: 'Cookie: session=…'; may be repeated
    #[arg(long = "header", value_name = "LINE", value_parser = header_line, conflicts_with = "offline")]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The certificates, in PEM, that sign those of https servers [default: those that the system trusts]
    #[arg(long, value_name = "FILE", conflicts_with = "offline")]
    pub ca_file: Option<PathBuf>,
    /// Look at the file alone
    #[arg(long)]
    pub offline: bool,
    /// Check again and again, with this pause: 30s, 5m
    #[arg(long, value_name = "PAUSE", value_parser = pause)]
    pub watch: Option<Duration>,
    /// What is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// A table, for people.
    #[default]
    Text,
    /// One line, for machines.
    Json,
}

/// The configuration file.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The configuration file
    #[arg(long = "config", value_name = "FILE", env = "DOWNLOADVIEW_CONFIG")]
    pub file: PathBuf,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Listen here in place of the file's `listen`: IP:PORT or unix:PATH
    #[arg(long, value_name = "ADDR", env = "DOWNLOADVIEW_LISTEN")]
    pub listen: Option<Listen>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The path of a request: /files/report.pdf; or a whole URL, of which scheme and host do not matter
    #[arg(value_name = "PATH", value_parser = link_uri)]
    pub uri: Uri,
    /// As if the announced proxy of this name had asked [default: nobody in between]
    #[arg(long, value_name = "NAME")]
    pub proxy: Option<String>,
    /// As if the client had sent this header: 'Cookie: sessionid=…'; may be repeated
    #[arg(long = "header", value_name = "LINE", value_parser = header_line)]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// As if the client had this address
    #[arg(long, value_name = "IP")]
    pub client: Option<IpAddr>,
}

/// Arguments of `sign`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["target", "new_key", "explain"])))]
pub struct SignArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "DOWNLOADVIEW_CONFIG")]
    pub config: Option<PathBuf>,
    /// The path of the link as it stands in the URL, percent-encoded, and perhaps a query
    #[arg(value_name = "PATH", requires = "expires")]
    pub target: Option<String>,
    /// Print a secret for a new key
    #[arg(long)]
    pub new_key: bool,
    /// Say what this link says, and why it is refused
    #[arg(long, value_name = "LINK")]
    pub explain: Option<String>,
    /// For how long the link is good: 10m, 1h, 7d, or never; required with PATH
    #[arg(long, value_name = "TIME", value_parser = life, requires = "target")]
    pub expires: Option<Life>,
    /// The name under which clients save the file
    #[arg(long, value_name = "NAME", requires = "target")]
    pub name: Option<String>,
    /// Browsers show the file
    #[arg(long, requires = "target", conflicts_with = "attachment")]
    pub inline: bool,
    /// Browsers save the file
    #[arg(long, requires = "target")]
    pub attachment: bool,
    /// The media type
    #[arg(long = "type", value_name = "TYPE", requires = "target")]
    pub content_type: Option<String>,
    /// For whom alone the link is: the value of the cookie that `user_cookie` names
    #[arg(long, value_name = "USER", conflicts_with = "client")]
    pub audience: Option<String>,
    /// For whose network alone the link is: /24 of IPv4, /64 of IPv6
    #[arg(long, value_name = "IP")]
    pub client: Option<IpAddr>,
}

/// For how long a link is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// For this time.
    For(Duration),
    /// As long as its key is.
    Never,
}

fn life(text: &str) -> Result<Life, String> {
    match text {
        "never" => Ok(Life::Never),
        text => crate::config::duration(text)
            .map(Life::For)
            .map_err(|fault| format!("{}; {}", fault.message, fault.help)),
    }
}

/// Arguments of `proxy-config`.
#[derive(Debug, Args)]
pub struct ProxyConfigArgs {
    /// The proxy
    #[arg(value_name = "BACKEND", value_enum)]
    pub backend: Proxy,
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print a complete configuration that an unprivileged user can start
    #[arg(long)]
    pub standalone: bool,
    /// Which of several announced proxies: the NAME of [optimize.proxies.NAME]
    #[arg(long, value_name = "NAME")]
    pub proxy: Option<String>,
    /// The nginx or caddy that will read it: what is printed depends on its version and its modules
    /// [default: the one on PATH]
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// The certificates, in PEM, that sign those of the servers from which nginx or Caddy fetches files
    /// [default: those that the system trusts]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// nginx has the module njs, and finds here what --print-script prints: of the servers from which it fetches files none but
    /// allowed headers reach clients [default: known ones are hidden by name, all others pass]
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Print that script
    #[arg(long, conflicts_with_all = ["standalone", "script"])]
    pub print_script: bool,
    /// Where that proxy listens [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", requires = "standalone")]
    pub listen: Option<Listen>,
    /// Where the gateway listens, if not where the file says
    #[arg(long, value_name = "ADDR", env = "DOWNLOADVIEW_LISTEN")]
    pub app: Option<Listen>,
}

/// Arguments of `demo`.
#[cfg(feature = "demo")]
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Listen here; the proxies take free ports that follow [default: 127.0.0.1:8000, or the next free port]
    #[arg(long, value_name = "ADDR", env = "DOWNLOADVIEW_LISTEN")]
    pub listen: Option<std::net::SocketAddr>,
    /// Proxies to start: auto (those installed), none, or names: nginx,apache,lighttpd,caddy
    #[arg(long, value_name = "WHICH", default_value = "auto", value_parser = proxies)]
    pub proxies: Proxies,
}

/// Which proxies the demonstration starts.
#[cfg(feature = "demo")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proxies {
    /// `auto`: those that are installed.
    Installed,
    /// `none`, or a list: no others than these.
    Named(Vec<Proxy>),
}

impl ValueEnum for Proxy {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

#[cfg(feature = "demo")]
fn proxies(text: &str) -> Result<Proxies, String> {
    match text {
        "auto" => Ok(Proxies::Installed),
        "none" => Ok(Proxies::Named(Vec::new())),
        names => {
            let proxies = names
                .split(',')
                .map(|name| {
                    Proxy::from_str(name, false).map_err(|_| {
                        format!("`{name}` is none of the proxies that this starts: nginx, apache, lighttpd, caddy")
                    })
                });
            proxies.collect::<Result<_, _>>().map(Proxies::Named)
        }
    }
}

/// `Name: value`.
fn header_line(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a header has a colon: 'Cookie: sessionid=…'")?;
    let name = HeaderName::try_from(name.trim()).map_err(|error| error.to_string())?;
    let value = HeaderValue::try_from(value.trim()).map_err(|error| error.to_string())?;
    Ok((name, value))
}

fn proxy(text: &str) -> Result<(String, Address), String> {
    let (name, url) = text
        .split_once('=')
        .ok_or("write NAME=URL: nginx=http://127.0.0.1:8080")?;
    let address = url
        .parse()
        .map_err(|error: AddressError| error.to_string())?;
    Ok((name.to_owned(), address))
}

/// A route may hold `=` too; a path begins with a slash.
fn file(text: &str) -> Result<(String, String), String> {
    let (route, path) = text
        .split_once("=/")
        .ok_or("write ROUTE=PATH: /files/{*path}=/files/a.pdf")?;
    let path = format!("/{path}");
    request_uri(&path)?;
    Ok((route.to_owned(), path))
}

fn pause(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time; write seconds or minutes: 30s, 5m");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let number = text.trim_end_matches(unit);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit {
        _ if number == 0 => Err(wrong()),
        's' => Ok(Duration::from_secs(number)),
        'm' => Ok(Duration::from_secs(number * 60)),
        _ => Err(wrong()),
    }
}

/// The path and the query of a link. Scheme, host and fragment do not matter; a path may hold `://` too.
pub(crate) fn target_of(link: &str) -> Cow<'_, str> {
    let target = link.split('#').next().unwrap_or_default();
    let after_scheme = match target.starts_with('/') {
        true => None,
        false => target.split_once("://"),
    };
    match after_scheme {
        None => target.into(),
        Some((_, rest)) => match rest.find(['/', '?']).map(|at| &rest[at..]) {
            None => "/".into(),
            Some(query) if query.starts_with('?') => format!("/{query}").into(),
            Some(path) => path.into(),
        },
    }
}

/// A path, or a whole link as it was copied.
fn link_uri(text: &str) -> Result<Uri, String> {
    request_uri(&target_of(text))
}

fn request_uri(text: &str) -> Result<Uri, String> {
    if !text.starts_with('/') {
        return Err(format!("a path starts with a slash: /{text}"));
    }
    text.parse()
        .map_err(|error| format!("{error}; percent-encode it as a client would: %20 for a space"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_pause_is_a_number_of_seconds_or_minutes() {
        assert_eq!(pause("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(pause("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "s", "30", "0s", "-1s", "1h", "ä"] {
            assert!(pause(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_request_is_told_by_its_path_or_by_its_url() {
        for (link, target) in [
            ("/files/a", "/files/a"),
            ("/files/http://b/c?d=e://f/g", "/files/http://b/c?d=e://f/g"),
            ("http://host:80/files/a?b#c", "/files/a?b"),
            ("https://host", "/"),
            ("https://host?b=/c", "/?b=/c"),
        ] {
            assert_eq!(target_of(link), target, "{link}");
            assert_eq!(link_uri(link).unwrap().to_string(), target);
        }
        assert!(link_uri("files/a").is_err());
    }

    #[test]
    fn a_file_is_known_by_its_route_and_its_path() {
        let found = file("/a={b}=/c=d");
        assert_eq!(found, Ok(("/a={b}".to_owned(), "/c=d".to_owned())));
        assert!(file("/a").is_err());
    }
}
