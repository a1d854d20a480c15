//! Connection strings: `NAME=VALUE` with `;` between them, as the portal shows them.

use super::account::{AzureAccount, Credentials, refused};
use crate::error::BuildError;

/// What a connection string says of Blob Storage; what it says of queues and tables is left out.
#[derive(Default)]
pub(super) struct Connection<'a> {
    protocol: Option<&'a str>,
    name: Option<&'a str>,
    key: Option<&'a str>,
    token: Option<&'a str>,
    suffix: Option<&'a str>,
    endpoint: Option<&'a str>,
}

impl<'a> Connection<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, BuildError> {
        let mut said = Self::default();
        let pairs = text.split(';').map(str::trim);
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            // A key ends in `=`, and a token holds some.
            let Some((name, value)) = pair.split_once('=') else {
                return Err(mistaken("a part of it has no `=`"));
            };
            let place = match name.trim().to_ascii_lowercase().as_str() {
                "defaultendpointsprotocol" => &mut said.protocol,
                "accountname" => &mut said.name,
                "accountkey" => &mut said.key,
                "sharedaccesssignature" => &mut said.token,
                "endpointsuffix" => &mut said.suffix,
                "blobendpoint" => &mut said.endpoint,
                "usedevelopmentstorage" => {
                    return Err(mistaken(
                        "UseDevelopmentStorage is not supported: name the emulator by \
                         AccountName, AccountKey and BlobEndpoint",
                    ));
                }
                _ => continue,
            };
            *place = Some(value.trim());
        }
        Ok(said)
    }

    pub(super) fn account(&self) -> Result<AzureAccount, BuildError> {
        let named = self.name.or_else(|| self.endpoint.and_then(name_in));
        let name = named.ok_or_else(|| mistaken("it has no AccountName"))?;
        let account = match (self.key, self.token) {
            (Some(key), _) => AzureAccount::with_key(name, key)?,
            (None, Some(token)) => {
                AzureAccount::new(name.to_owned(), Credentials::of_token(token)?)?
            }
            (None, None) => {
                return Err(mistaken(
                    "it has neither an AccountKey nor a SharedAccessSignature",
                ));
            }
        };
        let protocol = self.protocol.unwrap_or("https");
        match (self.endpoint, self.suffix) {
            (Some(endpoint), _) => account.endpoint(endpoint),
            (None, Some(suffix)) => account.endpoint(&format!("{protocol}://{name}.blob.{suffix}")),
            (None, None) if protocol != "https" => {
                account.endpoint(&format!("{protocol}://{name}.blob.core.windows.net"))
            }
            (None, None) => Ok(account),
        }
    }
}

/// The account of `https://archive.blob.core.windows.net/`.
fn name_in(endpoint: &str) -> Option<&str> {
    let (_, rest) = endpoint.split_once("://")?;
    rest.split_once(".blob.").map(|(name, _)| name)
}

fn mistaken(what: &str) -> BuildError {
    refused(&format!("its connection string cannot be used: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "c2VjcmV0IGtleQ==";

    fn account(text: &str) -> Result<AzureAccount, BuildError> {
        Connection::parse(text)?.account()
    }

    #[test]
    fn a_connection_string_says_account_key_and_place() {
        let key = |name: &str| AzureAccount::with_key(name, KEY).unwrap();
        let of_portal = format!(
            "DefaultEndpointsProtocol=https;AccountName=archive;AccountKey={KEY};\
             EndpointSuffix=core.windows.net"
        );
        assert_eq!(account(&of_portal).unwrap(), key("archive"));
        let china = of_portal.replace("windows.net", "chinacloudapi.cn");
        let url = "https://archive.blob.core.chinacloudapi.cn";
        assert_eq!(
            account(&china).unwrap(),
            key("archive").endpoint(url).unwrap()
        );
        let plain = of_portal.replace("https", "http");
        assert_eq!(
            account(&plain).unwrap().url(),
            "http://archive.blob.core.windows.net"
        );
        let emulator = format!(
            "accountname=devstoreaccount1; accountkey={KEY};\
             BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://x/;"
        );
        let found = account(&emulator).unwrap();
        assert_eq!(found.url(), "http://127.0.0.1:10000/devstoreaccount1");
    }

    #[test]
    fn a_connection_string_with_a_signature_needs_no_name_of_its_own() {
        let text = "BlobEndpoint=https://archive.blob.core.windows.net/;\
                    SharedAccessSignature=sv=2022-11-02&sp=r&sig=x%3D";
        let expected = AzureAccount::with_sas_token("archive", "sv=2022-11-02&sp=r&sig=x%3D");
        assert_eq!(account(text).unwrap(), expected.unwrap());
    }

    #[test]
    fn a_connection_string_that_cannot_be_used_is_refused_and_not_quoted() {
        for (text, part) in [
            ("", "no AccountName"),
            ("AccountKey=s3cr3t", "no AccountName"),
            ("AccountName=archive;s3cr3t", "no `=`"),
            ("AccountName=archive", "neither"),
            ("AccountName=archive;AccountKey=s3cr3t!", "its key is not"),
            ("UseDevelopmentStorage=true", "BlobEndpoint"),
        ] {
            let error = account(text).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("s3cr3t"), "{error}");
        }
    }
}
