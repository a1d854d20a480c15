//! What all links of a signer have in common.

use std::sync::Arc;
use std::time::Duration;

use super::Keys;

/// What all links of a signer have in common.
#[derive(Debug, Clone)]
pub(super) struct Issuer {
    pub(super) keys: Keys,
    pub(super) realm: Arc<str>,
    pub(super) max_lifetime: Option<Duration>,
}
