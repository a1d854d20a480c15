//! What may stand in front of the application: one proxy or none, or several that prove which one
//! they are.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::plan::Candidate;
use super::{Announced, Asked, Optimizer};
use crate::content::{ETag, Metadata};

/// Which optimizer a request gets: always the same one, or the one of the proxy that the request
/// proves.
///
/// Everything that takes a front also takes an [`Optimizer`] or [`Announced`] proxies, in an
/// [`Arc`] or not.
///
/// ```
/// use downloadview::Optimizer;
/// use downloadview::optimize::{Announced, Front};
///
/// let fixed: Front = Optimizer::none().into();
/// let announced: Front = Announced::new().into();
/// # let _ = (fixed, announced);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Front {
    /// One set of rules, for every request.
    Fixed(Arc<Optimizer>),
    /// The rules of the proxy that the request proves. Without a proof everything is streamed or
    /// redirected.
    Announced(Arc<Announced>),
}

impl Front {
    /// The optimizer for a request that carried this announcement.
    pub(super) fn optimizer(&self, announcement: Option<&HeaderValue>) -> &Optimizer {
        match self {
            Self::Fixed(optimizer) => optimizer,
            Self::Announced(announced) => announced.optimizer(announcement),
        }
    }

    /// The name of the announced proxy that a request proved, if it did.
    ///
    /// ```
    /// use downloadview::Optimizer;
    /// use downloadview::optimize::{Announced, Asked, Front};
    /// use http::Request;
    ///
    /// let announced = Announced::new().proxy("edge", "0123456789abcdef", Optimizer::none())?;
    /// let front = Front::from(announced);
    /// let request = Request::get("/").header("x-downloadview-proxy", "edge 0123456789abcdef");
    /// let asked = Asked::of(&mut request.body(()).unwrap());
    /// assert_eq!(front.proven(&asked), Some("edge"));
    /// # Ok::<(), downloadview::BuildError>(())
    /// ```
    #[must_use]
    pub fn proven(&self, asked: &Asked) -> Option<&str> {
        match self {
            Self::Fixed(_) => None,
            Self::Announced(announced) => announced.name_of(asked.announcement()?),
        }
    }

    /// Removes hand-off headers that only its backends know.
    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        match self {
            Self::Fixed(optimizer) => optimizer.strip(headers),
            Self::Announced(announced) => announced.strip(headers),
        }
    }

    /// The tag that a proxy which may serve the file always states.
    pub(super) fn own_etag(&self, candidate: &Candidate<'_>, metadata: &Metadata) -> Option<ETag> {
        match self {
            Self::Fixed(optimizer) => optimizer.own_etag(candidate, metadata),
            Self::Announced(announced) => announced.own_etag(candidate, metadata),
        }
    }
}

impl From<Optimizer> for Front {
    fn from(optimizer: Optimizer) -> Self {
        Self::Fixed(Arc::new(optimizer))
    }
}

impl From<Arc<Optimizer>> for Front {
    fn from(optimizer: Arc<Optimizer>) -> Self {
        Self::Fixed(optimizer)
    }
}

impl From<Announced> for Front {
    fn from(announced: Announced) -> Self {
        Self::Announced(Arc::new(announced))
    }
}

impl From<Arc<Announced>> for Front {
    fn from(announced: Arc<Announced>) -> Self {
        Self::Announced(announced)
    }
}
