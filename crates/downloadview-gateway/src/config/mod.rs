//! The configuration file: read, checked, and turned into plain types.
//!
//! 1. `reader` walks the TOML tables key by key and keeps the place of every value;
//! 2. each table has a file or a folder of its own here, which holds the type and its reader;
//! 3. `check` looks across tables;
//! 4. `reader::error` shows all mistakes of one run, each with line, column, excerpt and help.
//!
//! Nothing of the file is used before all of it was understood. Paths are absolute afterwards; names of storages
//! are known to exist; header values, routes, sizes and durations have been parsed.
//!
//! ```
//! use downloadview_gateway::config::Config;
//!
//! let text = r#"
//!     [[views]]
//!     route = "/hello"
//!     kind = "virtual"
//!     text = "Hello, world!"
//!     basename = "hello.txt"
//! "#;
//! let config = Config::parse(text, "downloadview.toml".as_ref())?;
//! assert_eq!(config.views[0].route.pattern(), "/hello");
//! # Ok::<(), downloadview_gateway::config::ConfigError>(())
//! ```

mod check;
mod database;
mod listen;
mod log;
mod media_types;
mod optimize;
mod reader;
mod remote;
mod server;
mod signing;
mod spool;
mod storage;
mod trusted;
mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use downloadview::headers::MediaTypes;

use ring::digest;
use toml::de::DeTable;

pub use self::database::{DatabaseConfig, DatabaseKind, DatabaseUrl};
pub use self::listen::{Listen, ListenError};
pub use self::log::{LogFormat, LogSettings};
pub use self::optimize::{
    AnnouncedProxy, Charset, Destination, Front, LimitRate, NginxRule, OptimizeConfig, Proxy,
    RuleConfig, Source, Unmatched,
};
pub use self::reader::{Colours, ConfigError, Problem, Secret};
pub use self::remote::{Forbidden, OriginHeader, OriginSettings, RemoteOrigin, RemoteUrl, Scheme};
pub use self::server::ServerSettings;
pub use self::signing::{LinkKey, Signature, SigningConfig};
pub use self::spool::{SpoolConfig, SpoolFill, ViewSpool};
#[cfg(feature = "azure")]
pub use self::storage::AzureConfig;
pub use self::storage::{
    BucketSettings, HttpConfig, LocalStorageConfig, S3Config, S3Credentials, SharedStorage,
    StorageConfig, StorageKind, Symlinks, Unreadable,
};
#[cfg(feature = "gcs")]
pub use self::storage::{CredentialsFile, GcsConfig, GcsCredentials};
pub use self::trusted::TrustedProxies;
pub use self::view::{
    AuthorizeConfig, AuthorizeHost, AuthorizerUrl, Disposition, HeaderConfig, HttpViewConfig,
    Identifier, ObjectConfig, Piece, Route, StorageFileName, TableName, UrlTemplate, ViewConfig,
    ViewKind,
};

use self::database::Databases;
pub(crate) use self::optimize::can_be_kept;
pub(crate) use self::reader::scalar::{duration, listing, nearest};

use self::reader::{Table, mask_lines};
use self::storage::Storages;
use self::view::Known;

/// The whole file.
/// ```toml
/// listen = "127.0.0.1:8000"             # or "unix:/run/downloadview.sock"
///
/// [storages.media]                      # StorageConfig
/// kind = "local"
/// root = "/srv/media"
///
/// [optimize]                            # OptimizeConfig
/// backend = "nginx"
///
/// [[optimize.rules]]                    # RuleConfig
/// storage = "media"
/// destination_url = "/_internal/media/"
///
/// [[views]]                             # ViewConfig
/// route = "/files/{*path}"
/// kind = "storage"
/// storage = "media"
/// ```
///
/// A key that its table does not know is refused, with the nearest known key as help. A duration is written `"500ms"`,
/// `"60s"`, `"5m"`, `"1h"` or `"7d"`; a size is a number of bytes, `65536`, or `"64KiB"`, `"1MiB"`, `"2GiB"`. A
/// relative path starts at the folder of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the text came from, for messages.
    pub file: PathBuf,
    /// `listen`: where the gateway listens. Default: `127.0.0.1:8000`. `serve --listen` and `DOWNLOADVIEW_LISTEN` count
    /// more. A change of it takes a restart.
    pub listen: Listen,
    /// `trusted_proxies`: proxies whose word on the client counts. Default: those that announce themselves, and no
    /// others.
    pub trusted_proxies: TrustedProxies,
    /// `[storages.NAME]`: the storages by name. Default: none.
    pub storages: BTreeMap<String, SharedStorage>,
    /// `[databases.NAME]`: the databases by name. Default: none.
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// `[optimize]`: what is left to the proxy in front. Default: nothing.
    pub optimize: OptimizeConfig,
    /// `[spool]`: local copies of what no rule takes as it is. Default: none are kept. It needs a proxy in front, and
    /// its rules stand behind all others in `optimize`.
    pub spool: Option<SpoolConfig>,
    /// `[[views]]`: the views, in the order of the file; at least one. Two whose routes overlap are refused, as is one
    /// whose route lies in an internal location of the proxy.
    pub views: Vec<ViewConfig>,
    /// `[signing]`: the keys of signed links. Default: none.
    pub signing: Option<SigningConfig>,
    /// `[headers]`: headers of every download; where `[views.headers]` names the same header, that counts. Default:
    /// none.
    pub headers: Vec<HeaderConfig>,
    /// `[media_types]`: the types of files by extension, and the charset of text. Default: the library's own types, and
    /// `utf-8`.
    ///
    /// ```toml
    /// [media_types]
    /// charset = "utf-8"             # of text; false: none is stated
    ///
    /// [media_types.extensions]
    /// gcode = "text/x-gcode"        # without the dot
    /// ```
    pub media_types: Arc<MediaTypes>,
    /// `[server]`: limits of the HTTP listener. A change of them takes a restart.
    pub server: ServerSettings,
    /// `[log]`: how much is logged, and in which form. A change of it takes a restart.
    pub log: LogSettings,
    text: MaskedText,
    digest: Digest,
}

/// The file's text without its secrets, for later reports. Not part of `Debug`, which would print every line.
#[derive(Clone, PartialEq, Eq)]
struct MaskedText(String);

/// Of the file's text, with its secrets: who knows it knows the file. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Default)]
struct Digest(Vec<u8>);

impl Config {
    /// Reads and checks a file. Environment variables that the file names (`url_env` and others) are read too, and
    /// folders and database files are looked at; no server is connected to.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds mistakes: all those that one run can tell apart.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(file).map_err(|error| ConfigError::unreadable(file, error))?;
        Self::parse(&text, file)
    }

    /// Reads and checks a text. Relative paths in it start at the folder of `file`, which need not exist itself.
    ///
    /// # Errors
    ///
    /// The text holds mistakes: all those that one run can tell apart.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let problems = errors.iter().map(|error| syntax_problem(text, error));
            return Err(ConfigError::invalid(
                file,
                mask_lines(text),
                problems.collect(),
            ));
        }
        let folder = folder_of(file);
        let source = reader::Source::new(text, &folder);
        let span = 0..0;
        let table = Table::new(&source, "the file", span, document.get_ref());
        let mut config = Self::read(table, file);
        config.digest = Digest(
            digest::digest(&digest::SHA256, text.as_bytes())
                .as_ref()
                .to_vec(),
        );
        let problems = source.into_problems();
        match problems.is_empty() {
            true => Ok(config),
            false => Err(ConfigError::invalid(file, config.text.0, problems)),
        }
    }

    /// Refuses the file for what came to light after it was read: no such column, no such server. Each problem is a
    /// place in the file, as [`Identifier`] and others keep it, what is wrong there, and how to fix it. The report
    /// looks like any other, and its excerpts show no secret; nor may the messages.
    #[must_use]
    pub fn refuse(&self, problems: Vec<(Range<usize>, String, String)>) -> ConfigError {
        let text = self.text.0.clone();
        let problems = problems.into_iter().map(|(span, message, help)| {
            let end = span.end.min(text.len());
            Problem::new(span.start.min(end)..end, message).with_help(help)
        });
        let problems = problems.collect();
        ConfigError::invalid(&self.file, text, problems)
    }

    /// Where something went wrong, a default stands in; the caller throws the result away then.
    fn read(mut table: Table<'_>, file: &Path) -> Self {
        let source = table.source;
        let listen = table.parsed("listen", |text| Listen::read(text, source.folder));
        let trusted_proxies = TrustedProxies::read(&mut table);
        let storages = Storages::read(&mut table);
        let databases = Databases::read(&mut table);
        let mut optimize = OptimizeConfig::read(&mut table, &storages);
        let has_spool = table.has("spool");
        let spool = SpoolConfig::read(&mut table);
        let signing = SigningConfig::read(&mut table);
        let known = Known {
            storages: &storages,
            databases: &databases,
            signs: table.has("signing"),
        };
        let views = ViewConfig::read_all(&mut table, known, &optimize);
        let headers = HeaderConfig::read_all(&mut table, "[headers]");
        let media_types = media_types::read(&mut table);
        let server = ServerSettings::read(&mut table);
        let log = LogSettings::read(&mut table);
        if !table.has("views") {
            table.report("there is nothing to download: no [[views]]", "add a view");
        }
        if let Some(spool) = &spool {
            let of_views = views.iter().flat_map(|view| &view.value.rules);
            let of_views: Vec<_> = of_views.cloned().collect();
            optimize.add_spool(&table, spool, &of_views);
            check::spool_among_files(source, spool, &views);
        }
        if !has_spool {
            check::spools_without_table(source, &views);
        }
        check::overlapping_routes(source, &views);
        check::hidden_routes(source, &optimize, &views);
        check::headers_of_ours(source, &optimize, &views);
        check::streamed_though_refused(source, &optimize, &views);
        table.finish();
        Self {
            file: file.to_owned(),
            listen: listen.unwrap_or_default(),
            trusted_proxies,
            storages: storages.read,
            databases: databases.read,
            optimize,
            spool,
            views: views.into_iter().map(|view| view.value).collect(),
            signing,
            headers,
            media_types,
            server,
            log,
            text: MaskedText(source.masked()),
            digest: Digest::default(),
        }
    }

    /// The SHA-256 of the file's text. It proves knowledge of the file and its secrets, so it is for keys, never to be
    /// told.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.digest.0
    }

    /// Every rule: those of announced proxies, those of `[optimize]`, then those of the views.
    pub fn rules(&self) -> impl Iterator<Item = &RuleConfig> {
        let of_proxies = self.optimize.front.announced();
        let of_proxies = of_proxies.flat_map(|(_, proxy)| &proxy.rules);
        let of_views = self.views.iter().flat_map(|view| &view.rules);
        of_proxies.chain(&self.optimize.rules).chain(of_views)
    }
}

impl Config {
    /// The headers that the file sets on any download, those of all views first.
    pub fn stated_headers(&self) -> impl Iterator<Item = &HeaderConfig> {
        let of_views = self.views.iter().flat_map(|view| &view.headers);
        self.headers.iter().chain(of_views)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

impl fmt::Debug for MaskedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskedText(..)")
    }
}

/// A mistake that the TOML parser found, in our own form. The parser recovers, so one file may hold several.
fn syntax_problem(text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    let span = span.start.min(text.len())..span.end.min(text.len());
    let help = match error.message() {
        "duplicate key" => "keep one of the two",
        _ => {
            "strings stand in quotes, [tables] and [[lists of tables]] in brackets: https://toml.io"
        }
    };
    Problem::new(span, error.message().to_owned()).with_help(help)
}

/// The absolute folder of a file, where its relative paths start; the working folder for a bare file name.
fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new(""));
    match folder.as_os_str().is_empty() {
        true => path::absolute("."),
        false => path::absolute(folder),
    }
    .unwrap_or_else(|_| folder.to_owned())
}
