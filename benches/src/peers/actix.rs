//! actix-files on actix-web with one worker.

use std::net::SocketAddr;
use std::path::Path;

use actix_files::Files;
use actix_web::{App, HttpServer, rt::System};
use anyhow::{Context, Result};

pub(super) fn run(listen: SocketAddr, root: &Path) -> Result<()> {
    let root = root.to_owned();
    let application = move || App::new().service(Files::new("/", &root));
    System::new().block_on(async move {
        HttpServer::new(application)
            .workers(1)
            .bind(listen)
            .with_context(|| format!("cannot listen on {listen}"))?
            .run()
            .await?;
        Ok(())
    })
}
