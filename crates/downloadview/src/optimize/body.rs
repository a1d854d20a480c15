//! The body of [`Optimize`](super::Optimize): the handler's own, or a download's. Hand-off headers
//! are removed from the trailers of the handler's body too, because some server may merge trailers
//! into the headers.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::headers::hand_off;
use crate::response::DownloadBody;

/// The error of a [`ResponseBody`]: the handler's, or [`Error`](crate::Error).
type BoxError = Box<dyn std::error::Error + Send + Sync>;

pin_project_lite::pin_project! {
    /// The body of the responses of [`Optimize`](super::Optimize): the handler's own, or a
    /// download's. Stacks that hold nothing but downloads can turn it into a [`DownloadBody`] again
    /// (`into`).
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project_lite::pin_project! {
    #[derive(Debug)]
    #[project = KindProject]
    enum Kind<B> {
        Inner { #[pin] body: B },
        Download { #[pin] body: DownloadBody },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn inner(body: B) -> Self {
        let kind = Kind::Inner { body };
        Self { kind }
    }

    pub(crate) fn download(body: DownloadBody) -> Self {
        let kind = Kind::Download { body };
        Self { kind }
    }
}

/// For stacks that hold nothing but downloads.
impl<B: Into<Self>> From<ResponseBody<B>> for DownloadBody {
    fn from(body: ResponseBody<B>) -> Self {
        match body.kind {
            Kind::Inner { body } => body.into(),
            Kind::Download { body } => body,
        }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            KindProject::Inner { body } => body
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map(without_hand_off).map_err(Into::into))),
            KindProject::Download { body } => body
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Download { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Download { body } => body.size_hint(),
        }
    }
}

/// Removes hand-off headers from trailers.
fn without_hand_off(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            hand_off::strip(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(data) => data,
    }
}
