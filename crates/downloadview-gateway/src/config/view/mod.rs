//! `[[views]]`: what is downloaded at which path.

mod authorize;
mod headers;
mod http;
mod known;
mod object;
mod route;

use std::path::PathBuf;

use ::http::HeaderValue;
use downloadview::storage::StorageName;

pub use self::authorize::{AuthorizeConfig, AuthorizeHost, AuthorizerUrl};
pub use self::headers::HeaderConfig;
pub use self::http::{HttpViewConfig, Piece, UrlTemplate};
pub(super) use self::known::Known;
pub use self::object::{Identifier, ObjectConfig, TableName};
pub use self::route::Route;
use crate::config::optimize::OptimizeConfig;
use crate::config::optimize::RuleConfig;
use crate::config::reader::paths;
use crate::config::reader::scalar::{
    basename, coding, header_value, media_type, one_of, storage_name,
};
use crate::config::reader::{At, Table};
use crate::config::signing::Signature;
use crate::config::spool::ViewSpool;
use crate::config::storage::SharedStorage;

/// One view: a route and what is downloaded there.
/// ```toml
/// [[views]]
/// route = "/files/{*path}"
/// kind = "storage"                        # or "path", "object", "http", "virtual": see ViewKind
/// storage = "media"
/// disposition = "inline"
/// cache_control = "private, max-age=600"
/// optimize = true
/// spool = "keyed"                         # or "off", "always"
///
/// [views.headers]
/// X-Robots-Tag = "noindex"
///
/// [[views.rules]]
/// storage = "media"
/// destination_url = "/_internal/media/"
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewConfig {
    /// `route`: the paths that the view answers. Required.
    pub route: Route,
    /// `kind`, and the keys of that kind: where its files come from. Required.
    pub kind: ViewKind,
    /// `disposition`: whether browsers save or show the file. Default: `"attachment"`.
    pub disposition: Disposition,
    /// `basename`: the name that clients save the file under. Slashes, backslashes and control characters are refused.
    /// Required for `kind = "virtual"`. Default: none, so the file's own.
    pub basename: Option<String>,
    /// `content_type`: the `Content-Type`, as `"text/plain; charset=utf-8"`. Default: none, so that of the file.
    pub content_type: Option<HeaderValue>,
    /// `content_encoding`: the `Content-Encoding`, one word such as `"gzip"`. Default: none, so that of the file.
    pub content_encoding: Option<HeaderValue>,
    /// `cache_control`: the `Cache-Control`. Default: none.
    pub cache_control: Option<HeaderValue>,
    /// `[views.headers]`: further headers; they count more than those of all views. Default: none.
    pub headers: Vec<HeaderConfig>,
    /// `optimize`: whether a proxy may deliver this view's files. False is refused in a view with rules. Default: true.
    pub optimize: bool,
    /// `spool`: which of its files may be copied, where no rule takes them as they are. Refused without `[spool]`, but
    /// for `"off"`. Default: `"keyed"`.
    pub spool: Option<ViewSpool>,
    /// `prepare`: whether a client is told to ask again (202) while a copy is being made, instead of waiting. Refused
    /// without `[spool]`. Default: false.
    pub prepare: bool,
    /// `delete_after_send`: whether a copy goes when its lease ends. Refused without `[spool]`. Default: false.
    pub delete_after_send: bool,
    /// `[[views.rules]]`: rules of this view alone. They come first; a file that none of them takes is left to those of
    /// `[optimize]`. With announced proxies each names its backend, and counts for the proxies of that backend.
    pub rules: Vec<RuleConfig>,
    /// `signature`: whether a request must have a signed link; it needs `[signing]`. Default: no view looks at signatures.
    pub signature: Option<Signature>,
    /// `[views.authorize]`: who is asked before a file is looked at. Default: nobody.
    pub authorize: Option<Box<AuthorizeConfig>>,
    /// The line of the file where the view starts, counted from 1.
    pub line: usize,
}

/// Where a view's files come from.
/// ```toml
/// [[views]]
/// route = "/terms"
/// kind = "path"
/// path = "/srv/terms.pdf"
///
/// [[views]]
/// route = "/reports/{*path}"
/// kind = "path"
/// root = "/srv/reports"
///
/// [[views]]
/// route = "/hello"
/// kind = "virtual"
/// text = "Hello, world!"
/// basename = "hello.txt"
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViewKind {
    /// `kind = "path"` with `path`: always this file, an absolute path. It need not exist yet; a folder is refused.
    PathFile {
        /// The file.
        path: PathBuf,
    },
    /// `kind = "path"` with `root`: the files of a folder, and nothing outside it. The route needs exactly one
    /// parameter.
    PathRoot {
        /// The folder, absolute; it existed when the configuration was read.
        root: PathBuf,
        /// The route parameter that names the file below the folder.
        parameter: String,
    },
    /// `kind = "storage"`: the files of a storage. Without `name`, the route needs exactly one parameter.
    Storage {
        /// The storage.
        storage: SharedStorage,
        /// Which of its files.
        name: StorageFileName,
    },
    /// `kind = "object"`: files of a storage that rows of a database name.
    Object(Box<ObjectConfig>),
    /// `kind = "http"`: files of another server.
    Http(Box<HttpViewConfig>),
    /// `kind = "virtual"`: a text written in the configuration file.
    Virtual {
        /// The text.
        text: String,
    },
}

/// Which file of a storage a view delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageFileName {
    /// `name`: always this one.
    Fixed(StorageName),
    /// The one that this route parameter names.
    Parameter(String),
}

/// Whether browsers save or show a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disposition {
    /// `"attachment"`: saved.
    #[default]
    Attachment,
    /// `"inline"`: shown, if the browser can.
    Inline,
}

impl ViewConfig {
    pub(super) fn read_all(
        file: &mut Table<'_>,
        known: Known<'_>,
        optimize: &OptimizeConfig,
    ) -> Vec<At<Self>> {
        let tables = file.get("views").map(|value| value.tables("[[views]]"));
        tables
            .unwrap_or_default()
            .into_iter()
            .filter_map(|table| Self::read(table, known, optimize))
            .collect()
    }

    /// The place of the result is that of the route.
    fn read(mut table: Table<'_>, known: Known<'_>, config: &OptimizeConfig) -> Option<At<Self>> {
        const KINDS: [(&str, Reader); 5] = [
            ("path", read_path),
            ("storage", read_storage),
            ("object", read_object),
            ("http", read_http),
            ("virtual", read_virtual),
        ];
        const DISPOSITIONS: [(&str, Disposition); 2] = [
            ("attachment", Disposition::Attachment),
            ("inline", Disposition::Inline),
        ];

        let route = table.parsed_at("route", Route::read);
        let route = table.require("route", "\"/files/{*path}\"", route);
        let kind = table.parsed("kind", |text| one_of(text, &KINDS, &[]));
        let read_kind = table.require("kind", "\"storage\"", kind)?;
        let kind = read_kind(&mut table, route.as_ref(), known);
        let disposition = table.parsed("disposition", |text| one_of(text, &DISPOSITIONS, &[]));
        let options = Options::read(&mut table);
        let headers = HeaderConfig::read_all(&mut table, "[views.headers]");
        let signature = Signature::read(&mut table, known.signs);
        let authorize = AuthorizeConfig::read(&mut table).map(Box::new);
        let optimize = table.boolean("optimize").unwrap_or(true);
        let spool = table.parsed("spool", ViewSpool::read);
        let prepare = table.boolean("prepare").unwrap_or(false);
        let delete_after_send = table.boolean("delete_after_send").unwrap_or(false);
        let owner = config.front.owner();
        let rules = RuleConfig::read_all(&mut table, "[[views.rules]]", known.storages, &owner);
        check(&table, optimize, &rules);
        let line = table.source.line(&table.span);
        table.finish();

        let At { span, value: route } = route?;
        let value = Self {
            route,
            kind: kind?,
            disposition: disposition.unwrap_or_default(),
            basename: options.basename,
            content_type: options.content_type,
            content_encoding: options.content_encoding,
            cache_control: options.cache_control,
            headers,
            optimize,
            spool,
            prepare,
            delete_after_send,
            rules,
            signature,
            authorize,
            line,
        };
        Some(At { span, value })
    }
}

/// Reads the keys of one kind. The route is absent when it could not be read itself.
type Reader = fn(&mut Table<'_>, Option<&At<Route>>, Known<'_>) -> Option<ViewKind>;

/// The keys that every kind of view has. They have a type so that the reader of a view stays short.
struct Options {
    basename: Option<String>,
    content_type: Option<HeaderValue>,
    content_encoding: Option<HeaderValue>,
    cache_control: Option<HeaderValue>,
}

impl Options {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            basename: table.parsed("basename", basename),
            content_type: table.parsed("content_type", media_type),
            content_encoding: table.parsed("content_encoding", coding),
            cache_control: table.parsed("cache_control", header_value),
        }
    }
}

fn read_path(table: &mut Table<'_>, route: Option<&At<Route>>, _: Known<'_>) -> Option<ViewKind> {
    let base = table.source.folder;
    let path = table.parsed("path", |text| paths::file(text, base));
    let root = table.parsed("root", |text| paths::folder(text, base));
    match (table.has("path"), table.has("root")) {
        (true, false) => Some(ViewKind::PathFile { path: path? }),
        (false, true) => {
            let parameter = only_parameter(table, route?, "must name the file below `root`");
            Some(ViewKind::PathRoot {
                root: root?,
                parameter: parameter?,
            })
        }
        _ => {
            table.report(
                "a path view has either one `path` or one `root`",
                "write path = \"/srv/report.pdf\" for one file, or root = \"/srv/reports\" for a folder",
            );
            None
        }
    }
}

fn read_storage(
    table: &mut Table<'_>,
    route: Option<&At<Route>>,
    known: Known<'_>,
) -> Option<ViewKind> {
    let storage = table.parsed("storage", |text| known.storages.find(text));
    let storage = table.require("storage", "\"media\"", storage);
    let fixed = table.parsed("name", storage_name);
    let name = if table.has("name") {
        StorageFileName::Fixed(fixed?)
    } else {
        let what = "must name the file in the storage (or give `name`)";
        StorageFileName::Parameter(only_parameter(table, route?, what)?)
    };
    Some(ViewKind::Storage {
        storage: storage??,
        name,
    })
}

fn read_object(
    table: &mut Table<'_>,
    route: Option<&At<Route>>,
    known: Known<'_>,
) -> Option<ViewKind> {
    let object = ObjectConfig::read(table, route, known)?;
    Some(ViewKind::Object(Box::new(object)))
}

fn read_http(table: &mut Table<'_>, route: Option<&At<Route>>, _: Known<'_>) -> Option<ViewKind> {
    let http = HttpViewConfig::read(table, route)?;
    Some(ViewKind::Http(Box::new(http)))
}

fn read_virtual(table: &mut Table<'_>, _: Option<&At<Route>>, _: Known<'_>) -> Option<ViewKind> {
    let text = table.parsed("text", |text| Ok(text.to_owned()));
    let text = table.require("text", "\"Hello, world!\"", text);
    let has_name = table.has("basename").then_some(());
    table.require("basename", "\"hello.txt\"", has_name);
    Some(ViewKind::Virtual { text: text? })
}

/// The parameter of a route that must have exactly one.
fn only_parameter(table: &Table<'_>, route: &At<Route>, what: &str) -> Option<String> {
    if let [parameter] = route.value.parameters() {
        return Some(parameter.clone());
    }
    let count = match route.value.parameters().len() {
        0 => "no parameter".to_owned(),
        several => format!("{several} parameters"),
    };
    let message = format!("`{}` has {count}; exactly one {what}", route.value);
    let problem = crate::config::reader::Problem::new(route.span.clone(), message);
    let help = "end the route in `{*path}`, or in `{name}` for names without a slash";
    table.source.report(problem.with_help(help));
    None
}

fn check(table: &Table<'_>, optimize: bool, rules: &[RuleConfig]) {
    if !optimize && !rules.is_empty() {
        table.report(
            "this view has rules and `optimize = false`, which forbids them",
            "take one of the two out",
        );
    }
}
