//! The service of the layer: 405, the question, and then the service inside or the refusal.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::request::canonical;
use super::{AccessRequest, Authorizer, Verdict};
use crate::content::BoxFuture;
use crate::error::Error;
use crate::optimize::ResponseBody;
use crate::permission::{Grant, PublicUri};
use crate::response::DownloadBody;

/// The service of [`Authorize`](super::Authorize), which makes it: the example is there. Its errors
/// are those of the service inside, its body is that service's or a refusal's.
#[derive(Debug, Clone)]
pub struct AuthorizeService<S> {
    inner: S,
    setting: Arc<Setting>,
}

/// Where the router keeps the route that matched.
type RouteName = Arc<dyn Fn(&Extensions) -> Option<Arc<str>> + Send + Sync>;
/// Puts what the authorizer is told into a request.
type Prepare = Arc<dyn Fn(&mut Parts) + Send + Sync>;

/// What the layer says of each request.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) authorizer: Authorizer,
    pub(super) public_uri: PublicUri,
    /// What a proxy took off the path.
    pub(super) prefix: String,
    pub(super) route: Option<RouteName>,
    pub(super) prepare: Option<Prepare>,
}

/// The response future of [`AuthorizeService`]: what its `call` returns.
#[must_use = "a future does nothing until it is polled"]
pub struct AuthorizeFuture<B, E>(BoxFuture<'static, Result<Response<ResponseBody<B>>, E>>);

impl<S> AuthorizeService<S> {
    pub(super) fn new(inner: S, setting: Arc<Setting>) -> Self {
        Self { inner, setting }
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
        let setting = Arc::clone(&self.setting);
        AuthorizeFuture(Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let verdict = setting.ask(&mut parts).await;
            let grant = match verdict {
                Ok(Verdict::Allowed(grant)) => grant,
                Ok(Verdict::Denied { response, .. }) => return Ok(refused(*response)),
                Err(error) => return Ok(refused(error.into_response())),
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

impl Setting {
    /// The authorizer's word, if the method and the path are such that it can be asked.
    async fn ask(&self, parts: &mut Parts) -> Result<Verdict, Error> {
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Err(Error::MethodNotAllowed);
        }
        if let Some(prepare) = &self.prepare {
            prepare(parts);
        }
        let path = canonical(self.public_uri.of(parts).path())?;
        let route = self.route.as_ref().and_then(|find| find(&parts.extensions));
        let mut asked = AccessRequest::at(parts, format!("{}{path}", self.prefix));
        if let Some(route) = &route {
            asked = asked.route(route);
        }
        Ok(self.authorizer.ask(&asked).await)
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting")
            .field("authorizer", &self.authorizer)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
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
