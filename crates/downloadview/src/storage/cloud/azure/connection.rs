//! Connection strings: `NAME=VALUE` with `;` between them, as the portal shows them.

use crate::error::BuildError;

/// What a connection string says of Blob Storage; what it says of queues and tables is left out.
#[derive(Default)]
pub(super) struct Connection<'a> {
    pub(super) protocol: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) token: Option<&'a str>,
    pub(super) suffix: Option<&'a str>,
    pub(super) endpoint: Option<&'a str>,
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
}

/// The account of `https://archive.blob.core.windows.net/`.
pub(super) fn name_in(endpoint: &str) -> Option<&str> {
    let (_, rest) = endpoint.split_once("://")?;
    rest.split_once(".blob.").map(|(name, _)| name)
}

pub(super) fn mistaken(what: &str) -> BuildError {
    BuildError::new(format!(
        "the account of Azure's Blob Storage: its connection string cannot be used: {what}"
    ))
}
