//! One HTTP header, one file: what requests ask and what answers state.

mod content_disposition;
mod content_type;
mod date;
pub mod hand_off;
mod media_types;
mod preconditions;
mod range;

pub use self::content_disposition::{ContentDisposition, Disposition};
pub(crate) use self::content_type::guess;
pub use self::content_type::{
    MediaTypes, content_coding, content_type_of, is_active_content, media_type,
};
pub(crate) use self::date::http_date;
pub use self::preconditions::{ConditionalRequest, PreconditionResult};
#[cfg(feature = "remote")]
pub(crate) use self::range::first_range;
pub use self::range::{Ranges, resolve_range};
