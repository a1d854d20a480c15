//! The subject: the gateway, driven from outside by its configuration file alone.

use std::path::Path;

use anyhow::Result;

use crate::lab::{self, Lab};
use crate::server::{Launch, Server, free_address};

/// What the gateway is configured to do with the files.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// Sends them itself.
    Stream,
    /// Hands them off to nginx.
    HandOff,
    /// Hands them off without looking at them first.
    HandOffUnseen,
}

/// Starts the gateway.
pub(crate) fn start(lab: &Lab, binary: &Path, mode: Mode) -> Result<Server> {
    let address = free_address()?;
    let config = lab.path("downloadview.toml");
    lab::write(
        &config,
        configuration(&address.to_string(), &lab.files(), mode),
    )?;
    Server::start(Launch {
        name: "gateway".to_owned(),
        program: binary.to_owned(),
        arguments: vec!["serve".into(), "--config".into(), config.into()],
        address,
        core: lab.cores.server,
        log: lab.path("gateway.log"),
    })
}

/// One thread, as every peer has one; no log line a request, as nginx's access log is off.
fn configuration(listen: &str, files: &Path, mode: Mode) -> String {
    let root = files.display();
    let optimize = match mode {
        Mode::Stream => "backend = \"none\"\nunmatched = \"stream\"\n".to_owned(),
        Mode::HandOff => hand_off(""),
        Mode::HandOffUnseen => hand_off("stat = false\n"),
    };
    format!(
        r#"listen = "{listen}"

[server]
threads = 1

[log]
level = "warn"

[storages.media]
kind = "local"
root = "{root}"
base_url = "/media/"

[optimize]
{optimize}
[[views]]
route = "/files/{{*path}}"
kind = "storage"
storage = "media"
"#
    )
}

fn hand_off(option: &str) -> String {
    format!(
        r#"backend = "nginx"

[[optimize.rules]]
source_url = "/media/"
destination_url = "/_internal/media/"
{option}"#
    )
}
