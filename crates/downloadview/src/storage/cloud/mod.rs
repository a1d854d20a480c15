//! Files in buckets of object stores.
//!
//! `object_store` signs URLs, and fetches credentials through our own client. The bytes come by a
//! signed URL through [`fetch`](crate::fetch), which makes one request and checks the answer.
//!
//! 1. `key`: which names are keys.
//! 2. `bucket`: a storage of signed URLs.
//! 3. `settings`: what its builders have in common.
//! 4. `connector`: how credentials are fetched.
//! 5. `s3`, `gcs`, `azure`: who signs, and where the right to do so comes from.

#[cfg(feature = "azure")]
mod azure;
mod bucket;
#[cfg(any(feature = "s3", feature = "gcs"))]
mod connector;
#[cfg(feature = "gcs")]
mod gcs;
mod key;
#[cfg(feature = "s3")]
mod s3;
mod settings;

#[cfg(feature = "azure")]
pub use self::azure::{AzureAccount, AzureBuilder, AzureStorage};
#[cfg(feature = "gcs")]
pub use self::gcs::{GcsBuilder, GcsStorage};
#[cfg(feature = "s3")]
pub use self::s3::{S3Builder, S3Storage};
