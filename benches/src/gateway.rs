//! The subject: the gateway, driven from outside by its configuration file alone.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::lab::{self, Lab};
use crate::server::{Launch, Server, free_address};

/// What links are signed with.
pub(crate) const LINK_SECRET: &str = "a-secret-of-the-benchmarks-0123456789abcdef";

/// What the gateway is configured to do with the files.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// Sends them itself.
    Stream,
    /// Hands them off to nginx.
    HandOff,
    /// Hands them off without looking at them first.
    HandOffUnseen,
    /// Fetches them from this origin and sends them itself.
    Remote(SocketAddr),
    /// Lets nginx fetch them from this origin.
    RemoteHandOff(SocketAddr),
    /// Hands nginx its copies of the files of this origin.
    Spooled(SocketAddr, Copies),
    /// Hands them off to nginx, once it found the link to be signed.
    Signed,
    /// Hands them off to nginx, once this authorizer lets them pass.
    Authorized(SocketAddr),
}

/// For how many requests a copy of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copies {
    /// For all.
    ForAll,
    /// For one each: the origin states nothing that would tell one state of the file from another.
    ForOne,
}

/// Starts the gateway.
pub(crate) fn start(lab: &Lab, binary: &Path, mode: Mode) -> Result<Server> {
    launch(lab, "gateway", binary, mode)
}

/// Starts the same gateway a second time, beside the first.
pub(crate) fn start_beside(lab: &Lab, binary: &Path, mode: Mode) -> Result<Server> {
    launch(lab, "gateway-beside", binary, mode)
}

/// Starts the earlier build of the gateway, if the run has one.
pub(crate) fn start_before(lab: &Lab, mode: Mode) -> Result<Option<Server>> {
    starts_before(lab, mode).map(|start| start()).transpose()
}

/// A way to start it again and again.
pub(crate) fn starts_before(lab: &Lab, mode: Mode) -> Option<impl Fn() -> Result<Server>> {
    let binary = lab.binaries.before.as_deref()?;
    Some(move || launch(lab, "gateway-before", binary, mode))
}

fn launch(lab: &Lab, name: &str, binary: &Path, mode: Mode) -> Result<Server> {
    let address = free_address()?;
    let config = lab.path(&format!("{name}.toml"));
    let folders = Folders {
        files: &lab.files(),
        spool: &spool(lab),
    };
    lab::write(&config, configuration(&address.to_string(), &folders, mode))?;
    if let Mode::Spooled(..) = mode {
        empty(folders.spool)?;
    }
    Server::start(Launch {
        name: name.to_owned(),
        program: binary.to_owned(),
        arguments: vec!["serve".into(), "--config".into(), config.into()],
        address,
        core: lab.cores.server,
        log: lab.path(&format!("{name}.log")),
    })
}

/// Where the gateway keeps its copies, and nginx finds them.
pub(crate) fn spool(lab: &Lab) -> PathBuf {
    lab.path("spool")
}

/// A folder of the gateway's own, which nginx's worker may read.
fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir(folder)?;
    Ok(fs::set_permissions(folder, Permissions::from_mode(0o755))?)
}

struct Folders<'a> {
    files: &'a Path,
    spool: &'a Path,
}

/// One thread, as every peer has one; no log line a request, as nginx's access log is off.
fn configuration(listen: &str, folders: &Folders<'_>, mode: Mode) -> String {
    let storage = match mode {
        Mode::Remote(origin) | Mode::RemoteHandOff(origin) | Mode::Spooled(origin, _) => {
            format!("kind = \"http\"\nurl = \"http://{origin}/files/\"\nallow_private = true\n")
        }
        _ => format!(
            "kind = \"local\"\nroot = \"{}\"\nbase_url = \"/media/\"\n",
            folders.files.display()
        ),
    };
    let optimize = match mode {
        Mode::Stream | Mode::Remote(_) => "backend = \"none\"\nunmatched = \"stream\"\n".to_owned(),
        Mode::HandOff | Mode::Signed | Mode::Authorized(_) => {
            hand_off("source_url = \"/media/\"\n")
        }
        Mode::HandOffUnseen => hand_off("source_url = \"/media/\"\nstat = false\n"),
        Mode::RemoteHandOff(_) => hand_off("storage = \"media\"\n"),
        // A copy for one request goes soon after it, so that the disk does not fill up.
        Mode::Spooled(_, copies) => format!(
            "backend = \"nginx\"\n\n[spool]\ndir = \"{}\"\ndestination_url = \"/_internal/spool/\"\n\
             min_free_bytes = 0\nmax_age = \"1h\"\nlease = \"{}\"\n",
            folders.spool.display(),
            match copies {
                Copies::ForAll => "90s",
                Copies::ForOne => "1s",
            }
        ),
    };
    let permission = match mode {
        Mode::Signed => format!(
            "signature = \"required\"\n\n[signing]\n[[signing.keys]]\nid = \"bench\"\nsecret = \"{LINK_SECRET}\"\n"
        ),
        Mode::Spooled(_, Copies::ForOne) => "spool = \"always\"\n".to_owned(),
        Mode::Authorized(authorizer) => {
            format!("[views.authorize]\nurl = \"http://{authorizer}/may\"\n")
        }
        _ => String::new(),
    };
    format!(
        r#"listen = "{listen}"

[server]
threads = 1

[log]
level = "warn"

[storages.media]
{storage}
[optimize]
{optimize}
[[views]]
route = "/files/{{*path}}"
kind = "storage"
storage = "media"
{permission}"#
    )
}

fn hand_off(source: &str) -> String {
    format!(
        r#"backend = "nginx"

[[optimize.rules]]
destination_url = "/_internal/media/"
{source}"#
    )
}
