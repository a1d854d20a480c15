//! HTTP headers of downloads: what requests ask, and what answers state. One header, one file.
//!
//! Each function is usable without the rest of this crate, for a handler that builds its own
//! answer:
//!
//! | header | what is here |
//! |---|---|
//! | `Content-Disposition` | [`ContentDisposition`]: any name as a valid and safe header |
//! | `Content-Type` | [`content_type_of`], [`MediaTypes`]: the type of a file by its name; [`MediaType`] |
//! | `If-Match`, `If-None-Match`, `If-Modified-Since`, `If-Unmodified-Since`, `If-Range` | [`ConditionalRequest`] |
//! | `Range` | [`resolve_range`], [`Ranges`] |
//! | `X-Accel-Redirect`, `X-Sendfile` … | [`hand_off`]: what only this crate may set |
//!
//! Nothing here reads a file, and nothing a client sends makes it panic.

mod content_disposition;
mod content_type;
mod date;
pub mod hand_off;
mod media_type;
mod media_types;
mod preconditions;
mod range;

pub use self::content_disposition::{ContentDisposition, Disposition};
pub(crate) use self::content_type::guess;
pub use self::content_type::{MediaTypes, content_type_of};
pub(crate) use self::date::http_date;
pub use self::media_type::{MediaType, content_coding, is_active_content, media_type};
pub use self::preconditions::{ConditionalRequest, PreconditionResult};
#[cfg(feature = "remote")]
pub(crate) use self::range::first_range;
pub use self::range::{Ranges, resolve_range};
