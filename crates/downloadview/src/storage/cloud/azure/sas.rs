//! Shared access signatures of one blob (service SAS), signed with the key of the account.
//!
//! Signed here and not by `object_store`: its Azure signer refuses everything but method, path and
//! lifetime, so that no link could state name and type.
//!
//! <https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas>

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;
use url::Url;

use super::account::{AzureAccount, Credentials};
use crate::storage::strict;

/// The first version whose signature covers the encryption scope, and the layout below.
pub(super) const VERSION: &str = "2020-12-06";
/// What a signature covers of the headers of the answer, in the order of the layout.
const ANSWER: [&str; 5] = ["rscc", "rscd", "rsce", "rscl", "rsct"];

/// Whoever signs for the blobs of one container.
pub(super) fn signer(account: &AzureAccount, container: &str) -> Option<Box<dyn Signer>> {
    let url = format!("{}/{container}", account.url());
    Some(match &account.credentials {
        Credentials::Anonymous => return None,
        Credentials::SasToken(token) => Box::new(Given {
            url,
            token: token.clone(),
        }),
        Credentials::Key(key) => Box::new(SharedKey {
            resource: format!("/blob/{}/{container}", account.name()),
            protocol: match url.starts_with("https://") {
                true => "https",
                false => "https,http",
            },
            url,
            // Of any length, so it cannot fail.
            mac: Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default())),
        }),
    })
}

/// Signs with the key of the account.
struct SharedKey {
    url: String,
    /// What a signature calls the container.
    resource: String,
    /// By which schemes the URL can be used.
    protocol: &'static str,
    mac: Hmac<Sha256>,
}

impl SharedKey {
    fn sign(&self, key: &Path, expiry: &str, answer: &[(String, String)]) -> String {
        let stated = |name: &str| {
            let found = answer.iter().find(|(it, _)| it == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        let resource = format!("{}/{key}", self.resource);
        let fields = [
            "r", // permissions: to read, which HEAD needs too
            "",  // start: at once
            expiry,
            &resource,
            "", // stored policy
            "", // addresses
            self.protocol,
            VERSION,
            "b", // a blob
            "",  // snapshot
            "",  // encryption scope
        ];
        let text = [fields.as_slice(), &ANSWER.map(stated)].concat().join("\n");
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let mut url = format!("{}/{}", self.url, strict(key.as_ref().as_bytes()));
        let own = [
            ("sv", VERSION),
            ("sr", "b"),
            ("sp", "r"),
            ("spr", self.protocol),
            ("se", expiry),
        ];
        let answer = ANSWER.map(|name| (name, stated(name)));
        let pairs = own.into_iter().chain(answer);
        for (name, value) in pairs.chain([("sig", signature.as_str())]) {
            if !value.is_empty() {
                let between = if name == "sv" { '?' } else { '&' };
                let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
                url += &format!("{between}{name}={value}");
            }
        }
        url
    }
}

#[async_trait]
impl Signer for SharedKey {
    async fn signed_url(
        &self,
        method: Method,
        key: &Path,
        lifetime: Duration,
    ) -> object_store::Result<Url> {
        let options = SignedUrlOptions::new();
        self.signed_url_opts(method, key, lifetime, &options).await
    }

    async fn signed_url_opts(
        &self,
        _: Method,
        key: &Path,
        lifetime: Duration,
        options: &SignedUrlOptions,
    ) -> object_store::Result<Url> {
        let expiry = written(SystemTime::now() + lifetime);
        parsed(&self.sign(key, &expiry, &options.extra_query))
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey")
    }
}

/// Puts a token that somebody else signed behind each URL.
struct Given {
    url: String,
    token: String,
}

#[async_trait]
impl Signer for Given {
    async fn signed_url(&self, _: Method, key: &Path, _: Duration) -> object_store::Result<Url> {
        let key = strict(key.as_ref().as_bytes());
        parsed(&format!("{}/{key}?{}", self.url, self.token))
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Given")
    }
}

fn parsed(url: &str) -> object_store::Result<Url> {
    // The error would quote the URL.
    Url::parse(url).map_err(|_| object_store::Error::Generic {
        store: "Azure",
        source: "a signed URL is not valid".into(),
    })
}

/// `2026-11-26T08:49:37Z`, from `Thu, 26 Nov 2026 08:49:37 GMT`.
fn written(time: SystemTime) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let date = httpdate::fmt_http_date(time);
    let month = MONTHS.iter().position(|it| *it == &date[8..11]);
    let month = month.unwrap_or_default() + 1;
    format!(
        "{}-{month:02}-{}T{}Z",
        &date[12..16],
        &date[5..7],
        &date[17..25]
    )
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_time_is_written_as_azure_reads_it() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(written(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
