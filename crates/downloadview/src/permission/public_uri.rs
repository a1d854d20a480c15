//! The URI that the client asked for, where something on the way here changed that of the request.

use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, Uri};

/// The URI that the client asked, where [`NormalizeEscapes`](crate::view::NormalizeEscapes) has
/// changed it: in the extensions of the request.
///
/// A middleware of your own that changes the URI, and stands outside of layers that decide who may,
/// puts it there too:
///
/// ```
/// use downloadview::permission::AskedUri;
/// use http::{Request, Uri};
///
/// let mut request = Request::get("/old/report.pdf").body(()).unwrap();
/// let asked = std::mem::replace(request.uri_mut(), Uri::from_static("/new/report.pdf"));
/// request.extensions_mut().insert(AskedUri::new(asked));
/// assert_eq!(AskedUri::of(request.extensions()).unwrap(), "/old/report.pdf");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedUri(Uri);

impl AskedUri {
    /// This URI was asked for.
    #[must_use]
    pub fn new(uri: Uri) -> Self {
        Self(uri)
    }

    /// That of a request; `None` if nobody says that its URI was changed.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Uri> {
        extensions.get::<Self>().map(|asked| &asked.0)
    }
}

/// Finds the URI that the client asked for.
type Find = Arc<dyn Fn(&Extensions) -> Option<Uri> + Send + Sync>;

/// How a layer finds the URI that the client asked for: an [`AskedUri`], else what a router keeps,
/// else that of the request.
#[cfg_attr(
    not(any(feature = "authorize", feature = "signature")),
    allow(dead_code)
)]
#[derive(Clone, Default)]
pub(crate) struct PublicUri(Option<Find>);

#[cfg_attr(
    not(any(feature = "authorize", feature = "signature")),
    allow(dead_code)
)]
impl PublicUri {
    /// With what a router keeps.
    pub(crate) fn kept_by(
        find: impl Fn(&Extensions) -> Option<Uri> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(find)))
    }

    /// That of a request.
    pub(crate) fn of<'a>(&self, request: &'a Parts) -> Cow<'a, Uri> {
        if let Some(asked) = AskedUri::of(&request.extensions) {
            return Cow::Borrowed(asked);
        }
        let kept = self.0.as_ref().and_then(|find| find(&request.extensions));
        kept.map_or(Cow::Borrowed(&request.uri), Cow::Owned)
    }
}
