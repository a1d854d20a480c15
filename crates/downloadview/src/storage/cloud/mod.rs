//! Files in buckets of object stores.
//!
//! `object_store` signs URLs, and fetches credentials through our own client. The bytes come by a
//! signed URL through [`fetch`](crate::fetch), which makes one request and checks the answer.
//!
//! 1. `key`: which names are keys.
//! 2. `credentials`: who signs, and where the right to do so comes from.
//! 3. `bucket`: a storage of signed URLs. `s3` and its neighbours build one.

mod bucket;
mod credentials;
mod key;
mod s3;

pub use self::s3::{S3Builder, S3Storage};
