//! The subject: the gateway, driven from outside by its configuration file alone.

use std::net::SocketAddr;
use std::path::Path;

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
    /// Hands them off to nginx, once it found the link to be signed.
    Signed,
    /// Hands them off to nginx, once this authorizer lets them pass.
    Authorized(SocketAddr),
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
    let binary = lab.binaries.before.as_deref();
    binary
        .map(|binary| launch(lab, "gateway-before", binary, mode))
        .transpose()
}

fn launch(lab: &Lab, name: &str, binary: &Path, mode: Mode) -> Result<Server> {
    let address = free_address()?;
    let config = lab.path(&format!("{name}.toml"));
    lab::write(
        &config,
        configuration(&address.to_string(), &lab.files(), mode),
    )?;
    Server::start(Launch {
        name: name.to_owned(),
        program: binary.to_owned(),
        arguments: vec!["serve".into(), "--config".into(), config.into()],
        address,
        core: lab.cores.server,
        log: lab.path(&format!("{name}.log")),
    })
}

/// One thread, as every peer has one; no log line a request, as nginx's access log is off.
fn configuration(listen: &str, files: &Path, mode: Mode) -> String {
    let storage = match mode {
        Mode::Remote(origin) | Mode::RemoteHandOff(origin) => {
            format!("kind = \"http\"\nurl = \"http://{origin}/files/\"\nallow_private = true\n")
        }
        _ => format!(
            "kind = \"local\"\nroot = \"{}\"\nbase_url = \"/media/\"\n",
            files.display()
        ),
    };
    let optimize = match mode {
        Mode::Stream | Mode::Remote(_) => "backend = \"none\"\nunmatched = \"stream\"\n".to_owned(),
        Mode::HandOff | Mode::Signed | Mode::Authorized(_) => {
            hand_off("source_url = \"/media/\"\n")
        }
        Mode::HandOffUnseen => hand_off("source_url = \"/media/\"\nstat = false\n"),
        Mode::RemoteHandOff(_) => hand_off("storage = \"media\"\n"),
    };
    let permission = match mode {
        Mode::Signed => format!(
            "signature = \"required\"\n\n[signing]\n[[signing.keys]]\nid = \"bench\"\nsecret = \"{LINK_SECRET}\"\n"
        ),
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
