//! A small HTTP/1.1 client: one request, one connection, the whole answer.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing here is far away or large.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 64 * 1024;

/// Gets `path` from the server at `address`: at most 64 KiB within 5 s.
///
/// # Errors
///
/// The server cannot be reached, does not speak HTTP, or takes too long or says too much.
pub async fn get(
    address: SocketAddr,
    path: &str,
    headers: HeaderMap,
) -> anyhow::Result<Response<Bytes>> {
    let mut request = Request::get(path).body(Empty::new())?;
    *request.headers_mut() = headers;
    let host = HeaderValue::try_from(address.to_string())?;
    request.headers_mut().insert(header::HOST, host);
    timeout(PATIENCE, send(address, request))
        .await
        .with_context(|| format!("no answer within {} s", PATIENCE.as_secs()))?
}

async fn send(
    address: SocketAddr,
    request: Request<Empty<Bytes>>,
) -> anyhow::Result<Response<Bytes>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MOST_BYTES).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // The server may close first; what it sent is there to be read.
        _ = &mut connection => exchange.await,
    }
}
