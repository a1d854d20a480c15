//! One store with an application over it, behind nginx or alone.

use proxy_tests::{Application, Database, Proxy, Request, Response, Server, Site};

use crate::library;
use crate::rows::{create_table, write_files};

/// How files reach the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The application hands them to nginx.
    Nginx,
    /// The application sends them itself.
    Streamed,
}

/// An application, and nginx before it if it hands its files over.
pub(crate) struct Stand {
    pub(crate) name: String,
    pub(crate) mode: Mode,
    // Dropped in this order: the proxy, the application, what both use.
    front: Option<Server>,
    pub(crate) gateway: Option<Server>,
    _library: Option<Application>,
    pub(crate) database: Option<Database>,
    pub(crate) site: Site,
}

impl Stand {
    /// The library over rows in memory.
    pub(crate) fn in_memory(mode: Mode) -> Self {
        let site = site(mode, None);
        let library = library::over_memory(&site, mode);
        Self::new("memory", mode, site, None, None, Some(library))
    }

    /// The library over a SeaORM entity.
    pub(crate) fn over_entity(start: fn() -> Database, mode: Mode) -> Self {
        let database = with_table(start);
        let site = site(mode, None);
        let library = library::over_database(&site, mode, database.url());
        Self::new("entity", mode, site, Some(database), None, Some(library))
    }

    /// The gateway over a table.
    pub(crate) fn over_table(start: fn() -> Database, mode: Mode) -> Self {
        let database = with_table(start);
        let site = site(mode, Some(&database));
        let gateway = site.start_gateway();
        Self::new("table", mode, site, Some(database), Some(gateway), None)
    }

    fn new(
        kind: &str,
        mode: Mode,
        site: Site,
        database: Option<Database>,
        gateway: Option<Server>,
        library: Option<Application>,
    ) -> Self {
        let store = database.as_ref().map_or("", Database::name);
        let front = (mode == Mode::Nginx).then(|| site.start_proxy(Proxy::Nginx));
        Self {
            name: format!("{kind} {store} {mode:?}"),
            mode,
            front,
            gateway,
            _library: library,
            database,
            site,
        }
    }

    /// What a client gets.
    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Response {
        self.send(&Request::get(target))
    }

    /// What a client gets.
    #[track_caller]
    pub(crate) fn send(&self, request: &Request) -> Response {
        let address = match &self.front {
            Some(front) => front.address(),
            None => self.site.app(),
        };
        let answer = request.send(address);
        answer.unwrap_or_else(|error| panic!("{}: {request:?}: {error:#}", self.name))
    }

    /// What the application itself answers, to nginx or whoever asks.
    #[track_caller]
    pub(crate) fn ask_application(&self, target: &str) -> Response {
        let answer = Request::get(target).send(self.site.app());
        answer.unwrap_or_else(|error| panic!("{}: {target}: {error:#}", self.name))
    }
}

fn with_table(start: fn() -> Database) -> Database {
    let database = start();
    create_table(&database);
    database
}

/// A site whose `downloadview.toml` has the object views, or for an application without a gateway only what nginx's
/// configuration is made of.
fn site(mode: Mode, database: Option<&Database>) -> Site {
    let views = match database {
        Some(database) => object_views(&database.url()),
        None => {
            "[[views]]\nroute = \"/{*path}\"\nkind = \"storage\"\nstorage = \"media\"\n".to_owned()
        }
    };
    let site = Site::new(&configuration(mode, &views));
    write_files(&site);
    site
}

/// One storage, and its files handed to nginx or not.
pub(crate) fn configuration(mode: Mode, views: &str) -> String {
    let optimize = match mode {
        Mode::Nginx => {
            "backend = \"nginx\"\n[[optimize.rules]]\nstorage = \"media\"\ndestination_url = \"/_internal/media/\"\n"
        }
        Mode::Streamed => "backend = \"none\"\n",
    };
    format!(
        "listen = \"@LISTEN@\"\n[storages.media]\nkind = \"local\"\nroot = \"@MEDIA@\"\n[optimize]\n{optimize}{views}"
    )
}

/// The keys that every view over `document` has.
pub(crate) const COLUMNS: &str = "\
    basename_field = \"basename\"\n\
    content_type_field = \"content_type\"\n\
    content_encoding_field = \"content_encoding\"\n\
    size_field = \"size\"\n\
    modified_field = \"modified\"\n\
    etag_field = \"etag\"\n";

/// One object view. `further` are more of its keys.
pub(crate) fn object_view(
    route: &str,
    table: &str,
    lookup: &str,
    file: &str,
    further: &str,
) -> String {
    format!(
        "[[views]]\nroute = \"{route}\"\nkind = \"object\"\ndatabase = \"main\"\ntable = \"{table}\"\n\
         lookup = \"{lookup}\"\nstorage = \"media\"\nfile_field = \"{file}\"\n{further}"
    )
}

fn object_views(url: &str) -> String {
    let inline = format!("disposition = \"inline\"\n{COLUMNS}");
    [
        format!("[databases.main]\nurl = \"{url}\"\n"),
        object_view("/documents/{slug}", "document", "slug", "file", COLUMNS),
        object_view("/by-id/{id}", "document", "id", "file", COLUMNS),
        object_view("/other/{slug}", "document", "slug", "other_file", COLUMNS),
        object_view("/inline/{slug}", "document", "slug", "file", &inline),
        object_view("/published/{slug}", "published", "slug", "file", ""),
    ]
    .concat()
}
