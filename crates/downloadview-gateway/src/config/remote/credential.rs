//! What proves to another server who we are.

use crate::config::reader::Secret;
use crate::config::reader::scalar::Fault;

/// One or more visible ASCII characters; spaces are refused. The message never holds the text.
pub(in crate::config) fn credential(text: &str) -> Result<Secret, Fault> {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Secret::new(text)),
        false => Err(Fault::new(
            "it is empty, or holds something other than visible ASCII characters",
            "write it as the server's operator gave it to you, without spaces",
        )),
    }
}
