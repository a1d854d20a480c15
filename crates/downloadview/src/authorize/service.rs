//! The service of the layer: 405, the question, and then the service inside or the refusal.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{AccessRequest, Authorizer, Verdict};
use crate::content::BoxFuture;
use crate::error::Error;
use crate::optimize::ResponseBody;
use crate::permission::Grant;
use crate::response::DownloadBody;

/// The service of [`Authorize`](super::Authorize), which makes it. Its errors are those of the
/// service inside, its body is that service's or a refusal's.
#[derive(Debug, Clone)]
pub struct AuthorizeService<S> {
    inner: S,
    authorizer: Authorizer,
}

/// The response future of [`AuthorizeService`].
#[must_use = "a future does nothing until it is polled"]
pub struct AuthorizeFuture<B, E>(BoxFuture<'static, Result<Response<ResponseBody<B>>, E>>);

impl<S> AuthorizeService<S> {
    pub(super) fn new(inner: S, authorizer: Authorizer) -> Self {
        Self { inner, authorizer }
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for AuthorizeService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    ReqB: Send + 'static,
    ResB: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = AuthorizeFuture<ResB, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        // The one that is ready goes along.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let authorizer = self.authorizer.clone();
        AuthorizeFuture(Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let verdict = match asked(&parts) {
                Ok(asked) => authorizer.ask(&asked).await,
                Err(error) => return Ok(refused(error.into_response())),
            };
            let grant = match verdict {
                Verdict::Allowed(grant) => grant,
                Verdict::Denied { response, .. } => return Ok(refused(*response)),
            };
            grant.extend(&mut parts.extensions);
            // With that of a layer further out.
            let grant = Grant::of(&parts.extensions).cloned().unwrap_or_default();
            let response = inner.call(Request::from_parts(parts, body)).await?;
            let mut response = response.map(ResponseBody::inner);
            grant.pass_on(response.extensions_mut());
            Ok(response)
        }))
    }
}

/// What the authorizer is asked, if the method and the path are such that it can be.
fn asked(parts: &http::request::Parts) -> Result<AccessRequest<'_>, Error> {
    match parts.method {
        Method::GET | Method::HEAD => AccessRequest::of(parts),
        _ => Err(Error::MethodNotAllowed),
    }
}

fn refused<B>(response: Response<DownloadBody>) -> Response<ResponseBody<B>> {
    response.map(ResponseBody::download)
}

impl<B, E> Future for AuthorizeFuture<B, E> {
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<B, E> fmt::Debug for AuthorizeFuture<B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeFuture").finish_non_exhaustive()
    }
}
