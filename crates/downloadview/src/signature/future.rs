//! The future of the layer: waits for the response, and sees to it that the grant is applied once.
//!
//! 1. An answer that was made already (a refusal, or a layer further in answered) passes.
//! 2. A download that a layer around this one will answer takes the grant along.
//! 3. A download that nobody else will answer, of a handler without any layer, gets it here.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, response};
use http_body::Body;

use crate::optimize::{Outcome, ResponseBody};
use crate::permission::{self, Grant};
use crate::response::{Download, DownloadBody, carries};

pin_project_lite::pin_project! {
    /// The response future of [`SignatureService`](super::SignatureService).
    #[derive(Debug)]
    pub struct SignatureFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project_lite::pin_project! {
    #[derive(Debug)]
    #[project = KindProject]
    enum Kind<F> {
        Answered { response: Option<Response<DownloadBody>> },
        Inner { #[pin] inner: F, granted: Option<Granted> },
    }
}

/// What is to be applied to a download.
#[derive(Debug)]
struct Granted {
    grant: Grant,
    /// Whether a layer around this one will answer.
    deferred: bool,
}

impl<F> SignatureFuture<F> {
    pub(super) fn answered(response: Response<DownloadBody>) -> Self {
        let response = Some(response);
        Self {
            kind: Kind::Answered { response },
        }
    }

    pub(super) fn passing(inner: F) -> Self {
        let granted = None;
        Self {
            kind: Kind::Inner { inner, granted },
        }
    }

    pub(super) fn granted(inner: F, grant: Grant, deferred: bool) -> Self {
        let granted = Some(Granted { grant, deferred });
        Self {
            kind: Kind::Inner { inner, granted },
        }
    }
}

impl<F, B, E> Future for SignatureFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProject::Answered { response } => {
                let response = response.take().expect("polled after completion");
                Poll::Ready(Ok(response.map(ResponseBody::download)))
            }
            KindProject::Inner { inner, granted } => {
                let (mut head, body) = ready!(inner.poll(cx))?.into_parts();
                if let Some(granted) = granted.take() {
                    granted.apply(&mut head, &body);
                }
                Poll::Ready(Ok(Response::from_parts(head, ResponseBody::inner(body))))
            }
        }
    }
}

impl Granted {
    fn apply(self, head: &mut response::Parts, body: &impl Body) {
        let download = Download::of(&head.extensions);
        let Some(download) = download.filter(|_| head.extensions.get::<Outcome>().is_none()) else {
            return;
        };
        if self.deferred {
            self.grant.pass_on(&mut head.extensions);
        } else if carries(body, download) {
            let download = download.clone();
            // The body goes on with the download that it came with: the head is what is sent.
            let _ = permission::apply(&self.grant, head, download);
        }
    }
}
