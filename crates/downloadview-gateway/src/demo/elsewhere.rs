//! Two servers that stand in for machines elsewhere: an origin that speaks HTTP, and a store that speaks S3.
//!
//! Both are views of this library, on ports of their own of the loopback interface. The store knows as much of S3 as
//! downloads need: objects of one bucket by `GET` and `HEAD` of a signed URL, ranges, conditions, and the `response-*`
//! parameters that state an answer's headers. It asks for a signature and does not check it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use downloadview::view::StorageView;
use downloadview::{DownloadOptions, Result};
use downloadview_axum::view;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use tokio::net::TcpListener;
use url::form_urlencoded;

use super::files::{Files, media};

/// The bucket of the store.
pub(super) const BUCKET: &str = "demo";

/// Where the two answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elsewhere {
    pub(super) origin: SocketAddr,
    pub(super) store: SocketAddr,
}

impl Elsewhere {
    /// Starts both; they end with the runtime.
    pub(super) async fn start(files: &Files) -> anyhow::Result<Self> {
        Ok(Self {
            origin: serve(origin(files)?).await?,
            store: serve(store(files)?).await?,
        })
    }
}

impl Elsewhere {
    /// The URL of a path of the origin.
    pub(super) fn origin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.origin)
    }

    /// Where the store is asked.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.store)
    }

    /// The URL below which the objects of the bucket are found.
    pub(super) fn store_url(&self) -> String {
        format!("{}/{BUCKET}/", self.endpoint())
    }
}

async fn serve(router: Router) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

fn origin(files: &Files) -> Result<Router> {
    let files = StorageView::new(media(files)?);
    Ok(Router::new().nest_service("/files", view(files)))
}

fn store(files: &Files) -> Result<Router> {
    let objects = StorageView::new(media(files)?).options_with(stated);
    Ok(Router::new()
        .nest_service(&format!("/{BUCKET}"), view(objects))
        .layer(from_fn(signed)))
}

/// Refuses what has no signature.
async fn signed(request: Request, next: Next) -> Response {
    match parameter(request.uri().query(), "X-Amz-Signature") {
        Some(_) => next.run(request).await,
        None => StatusCode::FORBIDDEN.into_response(),
    }
}

/// The headers that the URL asks for.
fn stated(request: &Parts, options: DownloadOptions) -> Result<DownloadOptions> {
    const STATED: [(&str, header::HeaderName); 3] = [
        ("response-content-disposition", header::CONTENT_DISPOSITION),
        ("response-content-type", header::CONTENT_TYPE),
        ("response-cache-control", header::CACHE_CONTROL),
    ];

    let stated = STATED.into_iter().filter_map(|(parameter, name)| {
        let value = self::parameter(request.uri.query(), parameter)?;
        Some((name, HeaderValue::try_from(value).ok()?))
    });
    Ok(stated.fold(options, |options, (name, value)| {
        options.header(name, value)
    }))
}

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut parameters = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let (_, value) = parameters.find(|(key, _)| key == name)?;
    Some(value.into_owned())
}
