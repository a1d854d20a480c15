//! One HTTP header, one file: what requests ask and what answers state.

mod content_disposition;
mod content_type;
mod date;
pub(crate) mod hand_off;
mod media_types;
mod preconditions;
mod range;

use http::{HeaderMap, HeaderName};

pub use self::content_disposition::{ContentDisposition, Disposition};
pub(crate) use self::content_type::guess;
pub use self::content_type::{content_coding, content_type_of, is_active_content, media_type};
pub use self::preconditions::{ConditionalRequest, Verdict};
pub use self::range::{Ranges, resolve_range};

/// Removes all of `names`. One pass finds out that there is nothing to do, which is the rule.
pub(crate) fn remove_all(headers: &mut HeaderMap, names: &[HeaderName]) {
    if headers.keys().any(|name| names.contains(name)) {
        for name in names {
            headers.remove(name);
        }
    }
}
