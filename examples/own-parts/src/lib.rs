//! An example to copy: parts of your own beside those of downloadview.
//!
//! | part | is | here |
//! |---|---|---|
//! | [`backend`] | a proxy that downloadview does not know | Courier, which takes a quoted path |
//! | [`storage`] | files by name | packages, each version under its digest |
//! | [`file`](mod@file) | one file | a tar archive, made while it is sent, that can be resumed |
//!
//! [`service`] joins them. Everything else (conditions, ranges, heads, names, the decision who
//! sends the bytes) is the library's.

pub mod backend;
pub mod file;
pub mod storage;

use backend::Courier;
use downloadview::error::BuildError;
use downloadview::file::StorageFile;
use downloadview::optimize::Optimize;
use downloadview::storage::{Storage, StorageName};
use downloadview::view::DownloadService;
use downloadview::{DownloadView, File, OptimizeLayer, Optimizer, Result, Rule};
use file::Archive;
use http::request::Parts;
use std::path::Path;
use std::sync::Arc;
use storage::Packages;
use tower_layer::Layer as _;

/// A tower service: `/NAME` is the newest version of a package, `/` all of them in one archive.
///
/// Courier sends the packages that lie below `folder`, if it finds them at the same path as this
/// program does. The archive lies nowhere, so it is streamed.
///
/// # Errors
///
/// If the rule cannot work.
pub fn service<S: Storage>(
    packages: Arc<Packages<S>>,
    folder: &Path,
) -> Result<Optimize<DownloadService<PackageView<S>>>, BuildError> {
    let optimizer = Optimizer::builder(Courier::new().rate(1 << 20))
        .rule(Rule::dir(folder).to_path(folder).named("packages"))
        .build()?;
    Ok(OptimizeLayer::new(optimizer).layer(PackageView { packages }.into_service()))
}

/// Finds the file that a request is for. Ask here who may have it.
#[derive(Debug)]
pub struct PackageView<S> {
    packages: Arc<Packages<S>>,
}

impl<S: Storage> DownloadView for PackageView<S> {
    type File = Arc<dyn File>;

    async fn file(&self, request: &Parts) -> Result<Arc<dyn File>> {
        let packages = Arc::clone(&self.packages);
        Ok(match request.uri.path() {
            "/" => Arc::new(Archive::new(packages)?),
            path => Arc::new(StorageFile::new(
                packages,
                StorageName::from_url_path(path)?,
            )),
        })
    }
}
