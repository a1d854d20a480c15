//! What the gateway is compared with: servers of this program, and nginx.

mod actix;
mod bare_hyper;
mod http1;
pub(crate) mod nginx;
mod object;
mod tower_http;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use self::bare_hyper::{same_head, sample_head};
use crate::database::Database;
use crate::lab::{self, Lab};
use crate::server::{Launch, Server, free_address};

/// A peer that is a subcommand of this program.
#[derive(Debug, Subcommand)]
pub(crate) enum Peer {
    /// hyper alone: answers every request with one fixed head and no body.
    BareHyper {
        /// Address to listen on.
        #[arg(long)]
        listen: SocketAddr,
        /// File with the head to answer, as it crossed the wire.
        #[arg(long)]
        head: PathBuf,
    },
    /// tower-http's `ServeDir` on hyper.
    TowerHttp {
        /// Address to listen on.
        #[arg(long)]
        listen: SocketAddr,
        /// Folder to serve.
        #[arg(long)]
        root: PathBuf,
    },
    /// actix-files on actix-web.
    ActixFiles {
        /// Address to listen on.
        #[arg(long)]
        listen: SocketAddr,
        /// Folder to serve.
        #[arg(long)]
        root: PathBuf,
    },
    /// The library's `ObjectView` on hyper, which hands the files of documents off to nginx.
    Object {
        /// Address to listen on.
        #[arg(long)]
        listen: SocketAddr,
        /// Folder of the files.
        #[arg(long)]
        root: PathBuf,
        /// Database whose table `document` holds the records; by default this process's memory does.
        #[arg(long, value_name = "URL")]
        database: Option<String>,
    },
}

impl Peer {
    /// Serves until the process is stopped.
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::BareHyper { listen, head } => bare_hyper::run(listen, &head),
            Self::TowerHttp { listen, root } => tower_http::run(listen, &root),
            Self::ActixFiles { listen, root } => actix::run(listen, &root),
            Self::Object {
                listen,
                root,
                database,
            } => object::run(listen, &root, database.as_deref()),
        }
    }
}

/// Starts bare hyper, to answer `head`.
pub(crate) fn start_bare_hyper(lab: &Lab, head: &[u8]) -> Result<Server> {
    let path = lab.path("head.http");
    lab::write(&path, head)?;
    start(
        lab,
        "bare-hyper",
        "bare hyper",
        ["--head".into(), path.into()],
    )
}

/// Starts tower-http's `ServeDir`.
pub(crate) fn start_tower_http(lab: &Lab) -> Result<Server> {
    let root = ["--root".into(), lab.root().into()];
    start(lab, "tower-http", "tower-http", root)
}

/// Starts actix-files.
pub(crate) fn start_actix_files(lab: &Lab) -> Result<Server> {
    let root = ["--root".into(), lab.root().into()];
    start(lab, "actix-files", "actix-files", root)
}

/// Starts static-web-server, if the run was given one.
pub(crate) fn start_static_web_server(lab: &Lab) -> Result<Option<Server>> {
    let Some(program) = &lab.binaries.static_web_server else {
        return Ok(None);
    };
    let address = free_address()?;
    let mut arguments: Vec<OsString> = vec!["--root".into(), lab.root().into()];
    arguments.extend(["--host".into(), address.ip().to_string().into()]);
    arguments.extend(["--port".into(), address.port().to_string().into()]);
    arguments.extend(["--log-level", "error", "--cache-control-headers", "false"].map(Into::into));
    let launch = Launch {
        name: "static-web-server".to_owned(),
        program: program.clone(),
        arguments,
        address,
        core: lab.cores.server,
        log: lab.path(&format!("static-web-server-{}.log", address.port())),
    };
    Server::start(launch).map(Some)
}

/// Starts the object view over records in its own memory.
pub(crate) fn start_object_in_memory(lab: &Lab) -> Result<Server> {
    let root = ["--root".into(), lab.files().into()];
    start(lab, "object", "memory", root)
}

/// Starts the object view over a database, and the database; both are one server then.
pub(crate) fn start_object_over(lab: &Lab, database: &Database) -> Result<Server> {
    let running = database.start(lab)?;
    let root = ["--root".into(), lab.files().into()];
    let url = ["--database".into(), running.url.into()];
    let options = root.into_iter().chain(url);
    let application = start(lab, "object", &database.name, options)?;
    Ok(match running.server {
        Some(server) => application.backed_by(server),
        None => application,
    })
}

fn start(
    lab: &Lab,
    command: &str,
    name: &str,
    options: impl IntoIterator<Item = OsString>,
) -> Result<Server> {
    let address = free_address()?;
    let mut arguments: Vec<OsString> = vec!["peer".into(), command.into()];
    arguments.extend(["--listen".into(), address.to_string().into()]);
    arguments.extend(options);
    Server::start(Launch {
        name: name.to_owned(),
        program: lab.harness.clone(),
        arguments,
        address,
        core: lab.cores.server,
        // Several of one kind may run at once; the port tells them apart.
        log: lab.path(&format!("{command}-{}.log", address.port())),
    })
}
