//! Where a bucket is: its region and its URL.

use super::refused;
use crate::error::BuildError;
use crate::storage::SignedUrl;

/// The region that was stated, or the one that most other stores take.
pub(super) fn region(stated: Option<String>, has_endpoint: bool) -> Result<String, BuildError> {
    match stated {
        Some(region) if is_region(&region) => Ok(region),
        Some(_) => Err(refused(
            "its region is not a valid one: letters, digits and hyphens",
        )),
        None if has_endpoint => Ok("us-east-1".to_owned()),
        None => Err(refused(
            "Amazon's S3 needs the region, such as eu-central-1",
        )),
    }
}

fn is_region(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    !text.is_empty() && text.bytes().all(plain)
}

/// `https://host/bucket` or `https://bucket.host`, with the path of the endpoint if it has one.
pub(super) fn bucket_url(endpoint: &SignedUrl, bucket: &str, is_virtual_hosted: bool) -> String {
    let path = endpoint.path().trim_end_matches('/');
    match endpoint.origin().split_once("://") {
        Some((scheme, host)) if is_virtual_hosted => format!("{scheme}://{bucket}.{host}{path}"),
        _ => format!("{}{path}/{bucket}", endpoint.origin()),
    }
}
