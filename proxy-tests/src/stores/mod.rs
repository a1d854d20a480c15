//! Servers that speak S3, of two kinds: [`Moto`] knows what the answers mean and believes every signature, [`S3s`] checks
//! signatures and knows no conditions. And [`FakeGcs`], which stands for Google Cloud Storage, and [`Azurite`] for Azure's.

mod azurite;
mod fake_gcs;
mod moto;
mod s3s;

pub use self::azurite::Azurite;
pub use self::fake_gcs::{FakeGcs, ServiceAccount};
pub use self::moto::Moto;
pub use self::s3s::S3s;

/// The bucket that each has.
pub const BUCKET: &str = "bucket";
/// The public half of the key that opens it.
pub const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// The secret half.
pub const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
