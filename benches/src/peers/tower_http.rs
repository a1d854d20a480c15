//! tower-http's `ServeDir`, as its documentation sets it up, on bare hyper.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use hyper_util::service::TowerToHyperService;
use tower_http::services::ServeDir;

use super::http1;

pub(super) fn run(listen: SocketAddr, root: &Path) -> Result<()> {
    http1::serve(listen, TowerToHyperService::new(ServeDir::new(root)))
}
