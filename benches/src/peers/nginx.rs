//! nginx: as the server of the files, and in front of an application.
//!
//! One worker, `sendfile`, no access log, and connections that are never renewed; everything else is its default. It runs
//! from a generated configuration in the lab's folder and needs no privilege.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::gateway;
use crate::lab::{self, Lab};
use crate::server::{Launch, Server, free_address};

/// Starts nginx as the server of the files.
pub(crate) fn start_static(lab: &Lab) -> Result<Server> {
    let root = lab.root();
    let locations = format!("location / {{ root {}; }}", root.display());
    start(lab, "static nginx", "", &locations)
}

/// The same, with reads of the disk on threads of its own.
pub(crate) fn start_static_with_threads(lab: &Lab) -> Result<Server> {
    let root = lab.root();
    let locations = format!("aio threads; location / {{ root {}; }}", root.display());
    start(lab, "static nginx, aio threads", "", &locations)
}

/// Starts nginx in front of an application, whose hand-offs it follows; both are one server then.
pub(crate) fn start_in_front_of(lab: &Lab, application: Server) -> Result<Server> {
    let handed_over = [("media", lab.files()), ("spool", gateway::spool(lab))];
    let upstream = upstream("application", application.address);
    let internal = handed_over.map(|(name, folder)| {
        format!(
            "location /_internal/{name}/ {{
            internal;
            alias {}/;
        }}
        ",
            folder.display()
        )
    });
    let locations = format!(
        "location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection \"\";
        }}
        {}",
        internal.concat()
    );
    Ok(start(lab, "nginx", &upstream, &locations)?.in_front_of(application))
}

/// Starts nginx as an origin of the files, on the client's core: what it costs is nobody's here.
pub(crate) fn start_origin(lab: &Lab) -> Result<Server> {
    let root = lab.root();
    let locations = format!("location / {{ root {}; }}", root.display());
    start_on(lab.cores.client, lab, "origin", "", &locations)
}

/// Starts nginx as such an origin that states neither tag nor date, so that nobody can tell whether a file is another one.
pub(crate) fn start_silent_origin(lab: &Lab) -> Result<Server> {
    let root = lab.root();
    let locations = format!(
        "location / {{ root {}; etag off; add_header Last-Modified \"\"; }}",
        root.display()
    );
    start_on(lab.cores.client, lab, "origin", "", &locations)
}

/// Starts nginx as a plain reverse proxy of an origin.
pub(crate) fn start_proxying(lab: &Lab, origin: Server) -> Result<Server> {
    let upstream = upstream("origin", origin.address);
    let locations = format!("location / {{ {FETCHING} proxy_pass http://origin; }}");
    let proxy = start(lab, "nginx proxy_pass", &upstream, &locations)?;
    Ok(proxy.fetching_from(origin))
}

/// Starts nginx in front of an application whose hand-offs name files of an origin.
pub(crate) fn start_fetching_for(lab: &Lab, application: Server, origin: Server) -> Result<Server> {
    let upstreams =
        upstream("application", application.address) + &upstream("origin", origin.address);
    let locations = format!(
        "location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection \"\";
        }}
        location ^~ /_internal/media/ {{
            internal;
            set $target $upstream_http_x_download_target;
            {FETCHING}
            proxy_pass http://origin$target;
        }}"
    );
    let proxy = start(lab, "nginx", &upstreams, &locations)?;
    Ok(proxy.in_front_of(application).fetching_from(origin))
}

/// What an authorizer says to everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Yes,
    No,
}

/// What it says with a no.
pub(crate) const NO: &str = "not yours";

/// Starts nginx as a program that says who may, on the client's core: what it costs is nobody's here.
pub(crate) fn start_authorizer(lab: &Lab, word: Word) -> Result<Server> {
    let locations = match word {
        Word::Yes => "location / { return 204; }".to_owned(),
        Word::No => format!("location / {{ return 403 \"{NO}\"; }}"),
    };
    start_on(lab.cores.client, lab, "authorizer", "", &locations)
}

/// Starts nginx as the server of the files that asks an authorizer before each. It keeps its connections, as the gateway
/// does, and a refusal has the same body.
pub(crate) fn start_asking(lab: &Lab, authorizer: Server) -> Result<Server> {
    let upstream = upstream("authorizer", authorizer.address);
    let root = lab.root();
    let locations = format!(
        "location / {{
            root {};
            auth_request /_may;
            error_page 403 = @no;
        }}
        location = /_may {{
            internal;
            proxy_pass http://authorizer;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_pass_request_body off;
            proxy_set_header Content-Length \"\";
            proxy_set_header X-Forwarded-Uri $request_uri;
        }}
        location @no {{ return 403 \"{NO}\"; }}",
        root.display()
    );
    let asking = start(lab, "nginx auth_request", &upstream, &locations)?;
    Ok(asking.fetching_from(authorizer))
}

/// How files are fetched from an origin, by `proxy_pass` alone and for an application alike.
const FETCHING: &str = "proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_max_temp_file_size 0;";

fn upstream(name: &str, address: SocketAddr) -> String {
    format!(
        "upstream {name} {{
            server {address};
            keepalive 64;
            keepalive_requests 1000000000;
        }}
        "
    )
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
    start_on(lab.cores.server, lab, name, upstream, locations)
}

fn start_on(core: usize, lab: &Lab, name: &str, upstream: &str, locations: &str) -> Result<Server> {
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
        core,
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
