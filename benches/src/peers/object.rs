//! The library's object view on hyper, whose records come from memory or from a database and which is the same otherwise.
//!
//! The database is opened as the gateway opens one.

use std::collections::HashMap;
use std::future::ready;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use downloadview::backend::Nginx;
use downloadview::content::Metadata;
use downloadview::optimize::Optimize;
use downloadview::storage::LocalStorage;
use downloadview::view::{DownloadService, FileRecord, FindRecord, ObjectView};
use downloadview::{DownloadView as _, Error, OptimizeLayer, Optimizer, Rule};
use downloadview_sea_orm::{Role, Table, TableRecords};
use http::request::Parts;
use hyper_util::service::TowerToHyperService;
use sea_orm::ConnectOptions;
use tower_layer::Layer as _;

use super::http1;
use crate::documents::{self, Document};
use crate::request::DOCUMENTS;

const CONNECTIONS: u32 = 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections that were used more recently are taken to be alive.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

pub(super) fn run(listen: SocketAddr, root: &Path, database: Option<&str>) -> Result<()> {
    match database {
        None => http1::serve(listen, application(root, in_memory())?),
        Some(url) => http1::serve_once_made(listen, async {
            let records = in_table(url).await;
            application(root, records.with_context(|| format!("cannot use {url}"))?)
        }),
    }
}

type Application<F> = TowerToHyperService<Optimize<DownloadService<ObjectView<F>>>>;

fn application<F: FindRecord>(root: &Path, records: F) -> Result<Application<F>> {
    let storage = LocalStorage::new(root)?.base_url("/media/")?;
    let optimizer = Optimizer::builder(Nginx::new())
        .rule(Rule::url("/media/").to_uri("/_internal/media/"))
        .build()?;
    let view = ObjectView::new(storage, records).into_service();
    Ok(TowerToHyperService::new(
        OptimizeLayer::new(optimizer).layer(view),
    ))
}

fn slug(request: &Parts) -> downloadview::Result<String> {
    let slug = request.uri.path().strip_prefix(DOCUMENTS);
    slug.map(str::to_owned).ok_or(Error::NotFound)
}

fn in_memory() -> impl FindRecord {
    let documents = documents::all().map(|document| (document.slug.clone(), document));
    let documents: Arc<HashMap<String, Document>> = Arc::new(documents.collect());
    // A copy, as every database makes one.
    move |request: &Parts| ready(slug(request).map(|slug| documents.get(&slug).cloned()))
}

impl FileRecord for Document {
    fn file(&self) -> Option<&str> {
        Some(&self.file)
    }

    fn basename(&self) -> Option<String> {
        Some(self.title.clone())
    }

    fn metadata(&self) -> Metadata {
        Metadata::new()
            .with_size(self.size)
            .with_modified(documents::changed())
    }
}

async fn in_table(url: &str) -> Result<TableRecords> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT_TIMEOUT)
        .test_before_acquire_if_idle_for(TRUSTED_FOR)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|options| options.read_only(true));
    let db = sea_orm::Database::connect(options).await?;
    let table = Table::new("document")
        .lookup("slug", slug)
        .file("file")
        .column(Role::Basename, "title")
        .column(Role::Size, "size")
        .column(Role::Modified, "changed");
    Ok(table.records(db).await?)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Request, StatusCode};
    use http_body_util::Empty;
    use hyper::service::Service as _;

    use super::*;
    use crate::documents::SLUG;

    /// The head that a process over a folder with the document's file answers with.
    fn head(target: &str) -> (StatusCode, HeaderMap) {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("1KiB.bin")).unwrap();
        file.set_len(1024).unwrap();
        let written = std::time::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
        file.set_modified(written).unwrap();
        let application = application(folder.path(), in_memory()).unwrap();
        let request = Request::get(target).body(Empty::<Bytes>::new()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let response = runtime.unwrap().block_on(application.call(request));
        let (head, _) = response.unwrap().into_parts();
        (head.status, head.headers)
    }

    #[test]
    fn a_document_is_handed_off_as_its_record_says() {
        let (status, headers) = head(&format!("{DOCUMENTS}{SLUG}"));
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers["x-accel-redirect"], "/_internal/media/1KiB.bin");
        assert_eq!(headers["etag"], "\"5f5e1000-400\"");
        assert_eq!(headers["content-length"], "0");
    }

    #[test]
    fn an_unknown_slug_is_not_found() {
        for target in ["/documents/none", "/documents/", "/other/hello-world"] {
            assert_eq!(head(target).0, StatusCode::NOT_FOUND, "{target}");
        }
    }
}
