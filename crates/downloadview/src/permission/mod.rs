//! What a permission states about an answer, and why one was refused.
//!
//! Whoever decides who may have a file (a signature, the application's word) stands between route
//! and view. It gives a [`Grant`] along with the request, or answers with a [`Denial`].
//!
//! | type | what it is |
//! |---|---|
//! | [`Grant`] | name, type, caching and further headers that the permission states; never a file |
//! | [`Caller`] | who asks: address, scheme and host of the client |
//! | [`AskedUri`] | the URI that the client asked, where something on the way changed it |
//! | [`Denial`] | why somebody may not have the file; see [`Error::Denied`](crate::Error::Denied) |
//!
//! The way of a grant: [`Grant::extend`] puts it into the extensions of the request. The view's
//! service applies it, or the [`OptimizeLayer`](crate::OptimizeLayer) around the view. A middleware
//! inside of that layer, which the layer's own request does not reach, passes it on by
//! [`Grant::pass_on`] in the response. It is applied once.

mod apply;
mod caching;
mod caller;
mod grant;
mod public_uri;

pub(crate) use self::apply::apply;
pub use self::caller::Caller;
pub use self::grant::Grant;
pub use self::public_uri::AskedUri;
#[cfg(any(feature = "authorize", feature = "signature"))]
pub(crate) use self::public_uri::PublicUri;
pub use crate::error::Denial;
