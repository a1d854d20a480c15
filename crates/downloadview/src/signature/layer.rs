//! A tower layer that asks for a good link.
//!
//! 1. Methods other than GET and HEAD are 405.
//! 2. The link is verified: a bad one is 403, and nobody further in is called.
//! 3. What the link grants goes along with the request ([`Grant`](crate::permission::Grant)).
//! 4. A download that nobody further in applied the grant to gets it here, or hands it to the layer
//!    around (`future`).

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, Method, Request, Response, Uri};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::future::SignatureFuture;
use super::verifier::Verifier;
use crate::error::Error;
use crate::optimize::{Asked, ResponseBody, answer_denied};
use crate::permission::{Grant, PublicUri};
use crate::response::Deferred;

/// A tower layer that lets only requests with a good signed link pass. It stands around a view, a
/// handler or a whole router, inside or outside of an [`OptimizeLayer`](crate::OptimizeLayer).
///
/// | answer | when |
/// |---|---|
/// | 405 | the method is neither GET nor HEAD; both are good with the same link |
/// | 403, `no-store` | the link is not good; the text says so only of one that has expired |
/// | the answer of what is inside | else; with what the link grants, `private`, kept no longer than the link is good, `Referrer-Policy: no-referrer` and `X-Robots-Tag: noindex` |
///
/// The reason of a refusal stands in the log, and as an [`Outcome`](crate::optimize::Outcome) in
/// the extensions of the response.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::time::Duration;
/// use downloadview::signature::{Key, Keys, RequireSignature, Signer, Verifier};
/// use downloadview::{DownloadView as _, file::VirtualFile, view::VirtualView};
/// use http::{Request, request::Parts};
/// use tower::{Layer as _, ServiceExt as _};
///
/// let keys = Keys::new(Key::new("2026a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI").unwrap());
/// let hello = || VirtualFile::from_text("a.txt", "Hello!");
/// let view = VirtualView::new(move |_: &Parts| async move { Ok(hello()) }).into_service();
/// let service = RequireSignature::new(Verifier::new(keys.clone())).layer(view);
///
/// let request = |target: &str| Request::get(target).body(()).unwrap();
/// let refused = service.clone().oneshot(request("/a.txt")).await.unwrap();
/// assert_eq!(refused.status(), 403);
///
/// let link = Signer::new(keys).link("/a.txt").expires_in(Duration::from_secs(60));
/// let link = link.name("hello.txt").sign().unwrap();
/// let granted = service.oneshot(request(&link)).await.unwrap();
/// assert_eq!(granted.headers()["content-disposition"], "attachment; filename=\"hello.txt\"");
/// # });
/// ```
#[derive(Clone)]
#[doc(alias = "signature_required")]
pub struct RequireSignature {
    verifier: Arc<Verifier>,
    optional: bool,
    public_uri: PublicUri,
}

impl RequireSignature {
    /// A layer that asks for links that this verifier finds good.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        Self {
            verifier: Arc::new(verifier),
            optional: false,
            public_uri: PublicUri::default(),
        }
    }

    /// Lets requests without any parameter of a link pass too, as if this layer were not there: for
    /// a file that has another permission further in. Default: refused.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Where the URI stands that the client asked for, if a router takes a prefix off that of the
    /// request. Default: the URI of the request, or its [`AskedUri`](crate::permission::AskedUri). `downloadview-axum` has this closure for axum. A
    /// prefix that a proxy took off is [`Verifier::prefix`].
    #[must_use]
    pub fn public_uri(
        mut self,
        find: impl Fn(&Extensions) -> Option<Uri> + Send + Sync + 'static,
    ) -> Self {
        self.public_uri = PublicUri::kept_by(find);
        self
    }
}

impl<S> Layer<S> for RequireSignature {
    type Service = SignatureService<S>;

    fn layer(&self, inner: S) -> SignatureService<S> {
        let layer = self.clone();
        SignatureService { inner, layer }
    }
}

impl fmt::Debug for RequireSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireSignature")
            .field("verifier", &self.verifier)
            .field("optional", &self.optional)
            .finish_non_exhaustive()
    }
}

/// The service of [`RequireSignature`], which makes it.
///
/// ```
/// use downloadview::signature::{RequireSignature, SignatureService, Verifier};
/// use tower::Layer as _;
///
/// fn around<S>(verifier: Verifier, inner: S) -> SignatureService<S> {
///     RequireSignature::new(verifier).layer(inner)
/// }
/// # let _ = around::<()>;
/// ```
#[derive(Debug, Clone)]
pub struct SignatureService<S> {
    inner: S,
    layer: RequireSignature,
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for SignatureService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = SignatureFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return SignatureFuture::answered(Error::MethodNotAllowed.into_response());
        }
        let layer = &self.layer;
        let public = layer.public_uri.of(&head);
        if layer.optional && !layer.verifier.is_asked(&public) {
            return SignatureFuture::passing(self.inner.call(Request::from_parts(head, body)));
        }
        match layer.verifier.check_as(&head, &public) {
            Ok(grant) => {
                grant.extend(&mut head.extensions);
                let grant = Grant::of(&head.extensions).cloned().unwrap_or_default();
                let deferred = head.extensions.get::<Deferred>().is_some();
                let inner = self.inner.call(Request::from_parts(head, body));
                SignatureFuture::granted(inner, grant, deferred)
            }
            Err(denial) => {
                let asked = Asked::of(&mut Request::from_parts(head, ()));
                SignatureFuture::answered(answer_denied(&asked, denial, None))
            }
        }
    }
}
