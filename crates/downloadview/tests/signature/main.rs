//! Signed links: what the signer makes, what the verifier refuses, and what the layer does with it.
#![cfg(feature = "signature")]

mod django;
mod layer;
mod tampered;
mod vectors;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use downloadview::signature::{Key, Keys, Signer, Verifier};

/// What the vectors are signed with.
pub(crate) const SECRET: &str = "downloadview-test-secret-0123456789abcdef";

/// The time at which the links of the tests are made.
pub(crate) fn then() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Some seconds after that time.
pub(crate) fn after(seconds: u64) -> SystemTime {
    then() + Duration::from_secs(seconds)
}

pub(crate) fn keys() -> Keys {
    Keys::new(Key::new("2026a", SECRET).expect("a key"))
}

pub(crate) fn signer() -> Signer {
    Signer::new(keys())
}

pub(crate) fn verifier() -> Verifier {
    Verifier::new(keys())
}
