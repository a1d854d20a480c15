//! nginx: as the server of the files, and in front of an application.
//!
//! One worker, `sendfile`, no access log, and connections that are never renewed; everything else is its default. It runs
//! from a generated configuration in the lab's folder and needs no privilege.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::lab::{self, Lab};
use crate::server::{Launch, Server, free_address};

/// Starts nginx as the server of the files.
pub(crate) fn start_static(lab: &Lab) -> Result<Server> {
    let root = lab.root();
    let locations = format!("location / {{ root {}; }}", root.display());
    start(lab, "static nginx", "", &locations)
}

/// Starts nginx in front of an application, whose hand-offs it follows; both are one server then.
pub(crate) fn start_in_front_of(lab: &Lab, application: Server) -> Result<Server> {
    let address = application.address;
    let upstream = format!(
        "upstream application {{
            server {address};
            keepalive 64;
            keepalive_requests 1000000000;
        }}"
    );
    let files = lab.files();
    let locations = format!(
        "location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection \"\";
        }}
        location /_internal/media/ {{
            internal;
            alias {}/;
        }}",
        files.display()
    );
    Ok(start(lab, "nginx", &upstream, &locations)?.in_front_of(application))
}

/// What nginx says of its version, such as `nginx/1.22.1`.
pub(crate) fn version() -> Result<String> {
    let output = Command::new(find())
        .arg("-v")
        .output()
        .context("cannot run nginx; install the package nginx, or nginx-light")?;
    let text = String::from_utf8_lossy(&output.stderr);
    Ok(text.trim().trim_start_matches("nginx version: ").to_owned())
}

fn start(lab: &Lab, name: &str, upstream: &str, locations: &str) -> Result<Server> {
    let address = free_address()?;
    // Two of them may run at once; the port tells them apart.
    let prefix = lab.path(&format!("nginx-{}", address.port()));
    std::fs::create_dir_all(&prefix)
        .with_context(|| format!("cannot create the folder {}", prefix.display()))?;
    let config = prefix.join("nginx.conf");
    let listen = address.to_string();
    lab::write(
        &config,
        configuration(&prefix, &listen, upstream, locations),
    )?;
    let log = prefix.join("error.log");
    Server::start(Launch {
        name: name.to_owned(),
        program: find(),
        arguments: vec![
            "-p".into(),
            prefix.clone().into(),
            "-c".into(),
            config.into(),
            "-e".into(),
            log.clone().into(),
        ],
        address,
        core: lab.cores.server,
        log,
    })
}

fn configuration(prefix: &Path, listen: &str, upstream: &str, locations: &str) -> String {
    let prefix = prefix.display();
    format!(
        "daemon off;
worker_processes 1;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log warn;

events {{
    worker_connections 2048;
}}

http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    keepalive_requests 1000000000;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;

    {upstream}
    server {{
        listen {listen};
        {locations}
    }}
}}
"
    )
}

/// Distributions keep it in `/usr/sbin`, which is often not searched.
fn find() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join("nginx"))
        .find(|file| file.is_file())
        .unwrap_or_else(|| PathBuf::from("/usr/sbin/nginx"))
}
