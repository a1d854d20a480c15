//! Pages of the application's own in place of the short texts that say why there is no file.
//!
//! `future` applies them to every answer that carries a `Refusal`, ours or that of a view. A page
//! of another layer is not replaced again, because the `Refusal` is removed with the text.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use crate::headers::hand_off;
use crate::response::{DownloadBody, Refusal};

/// Makes a page of a refusal, or leaves the text.
type Page = dyn Fn(&Refusal) -> Option<Response<Bytes>> + Send + Sync;

/// What to show in place of a refusal; by default the text stays.
#[derive(Clone, Default)]
pub(super) struct ErrorPages(Option<Arc<Page>>);

impl ErrorPages {
    pub(super) fn new(
        page: impl Fn(&Refusal) -> Option<Response<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(page)))
    }

    /// These pages, or `others` if there are none.
    pub(super) fn or(self, others: Self) -> Self {
        Self(self.0.or(others.0))
    }

    /// The response with the application's page, if the response is a refusal and there is a page
    /// for it.
    pub(super) fn apply<B>(
        &self,
        response: Response<B>,
        body: impl FnOnce(DownloadBody) -> B,
    ) -> Response<B> {
        let refusal = response.extensions().get::<Refusal>();
        let Some(page) = refusal.and_then(|refusal| self.0.as_ref()?(refusal)) else {
            return response;
        };
        let (mut head, _) = response.into_parts();
        let (of_page, bytes) = page.into_parts();
        head.extensions.remove::<Refusal>();
        for name in of_page.headers.keys() {
            head.headers.remove(name);
        }
        for (name, value) in &of_page.headers {
            head.headers.append(name, value.clone());
        }
        hand_off::strip(&mut head.headers);
        let length = HeaderValue::from(bytes.len());
        head.headers.insert(header::CONTENT_LENGTH, length);
        Response::from_parts(head, body(DownloadBody::full(bytes)))
    }
}

impl fmt::Debug for ErrorPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErrorPages")
            .field(&self.0.is_some())
            .finish()
    }
}
