//! Whether an object store says that there is no such bucket, or only no such object: both are 404.
//!
//! Amazon S3, Google Cloud Storage and what speaks like them say it in the body, so a HEAD does not
//! tell. Azure says it in a header of its own.

use std::time::Duration;

use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

/// So many bytes of an error are looked at; those of the stores have a few hundred.
const MOST: usize = 4096;
/// A store sends its error in one piece. The client does not wait for one that does not.
const LONGEST: Duration = Duration::from_secs(1);

const IN_BODY: &[u8] = b"<Code>NoSuchBucket</Code>";
const IN_HEADER: (&str, &str) = ("x-ms-error-code", "ContainerNotFound");

/// Reads the start of the body of a 404.
pub(super) async fn is_meant(headers: &HeaderMap, mut body: Incoming) -> bool {
    let (name, code) = IN_HEADER;
    if headers.get(name).is_some_and(|value| value == code) {
        return true;
    }
    let mut start = Vec::new();
    let reading = async {
        while start.len() < MOST
            && let Some(Ok(frame)) = body.frame().await
        {
            start.extend(frame.into_data().unwrap_or_default());
        }
    };
    // What came in time is judged.
    let _ = timeout(LONGEST, reading).await;
    start.windows(IN_BODY.len()).any(|part| part == IN_BODY)
}
