//! Other servers: which one a URL means, how it is asked, and what goes along with each request to it.

mod credential;
mod headers;
mod origin;
mod settings;

pub(super) use self::credential::credential;
pub use self::headers::OriginHeader;
pub(super) use self::headers::{hide as hide_headers, read_all as read_headers, read_allow_http};
pub use self::origin::{RemoteOrigin, RemoteUrl, Scheme};
pub(super) use self::settings::read_concurrency;
pub use self::settings::{Forbidden, OriginSettings};
