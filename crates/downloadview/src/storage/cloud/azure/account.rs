//! A storage account: its URL, and who signs for it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::connection::{Connection, mistaken, name_in};
use crate::error::BuildError;
use crate::storage::SignedUrl;

/// An account of Azure's Blob Storage, and what opens its containers.
///
/// | made by | who signs | links for clients |
/// |---|---|---|
/// | [`with_key`](Self::with_key) | this program | yes |
/// | [`with_sas_token`](Self::with_sas_token) | whoever made the token | none: it would be given away |
/// | [`anonymous`](Self::anonymous) | nobody, the container is public | plain URLs |
/// | [`from_connection_string`](Self::from_connection_string) | as that says | |
/// | [`environment`](Self::environment) | as the variables say | |
///
/// Managed identities and Entra ID are not supported: `object_store` knows them, but cannot sign
/// URLs that state the headers of their answers.
///
/// ```
/// use downloadview::storage::AzureAccount;
///
/// let account = AzureAccount::with_key("archive", "c2VjcmV0IGtleQ==")?;
/// assert_eq!(account.url(), "https://archive.blob.core.windows.net");
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct AzureAccount {
    name: String,
    url: String,
    pub(super) credentials: Credentials,
}

/// Who signs.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// The account's key, decoded.
    Key(Vec<u8>),
    /// A query that somebody else signed, without `?`.
    SasToken(String),
    /// Nobody: the container is public.
    Anonymous,
}

impl AzureAccount {
    /// Signs with one of the account's two keys, in base64 as the portal shows it.
    ///
    /// # Errors
    ///
    /// For a name that is not 3 to 24 lower-case letters and digits, and for a key that is not
    /// valid base64.
    pub fn with_key(name: impl Into<String>, key: &str) -> Result<Self, BuildError> {
        let name = name.into();
        let decoded = STANDARD.decode(key.trim()).ok();
        let decoded = decoded.filter(|bytes| !bytes.is_empty());
        let key = decoded.ok_or_else(|| refused("its key is not valid base64"))?;
        Self::new(name, Credentials::Key(key))
    }

    /// Sends a shared access signature that was made elsewhere: the query with `sv=` and `sig=`; a
    /// `?` before it is left out. It needs the permission to read (`sp=r`).
    ///
    /// The token goes to proxies, which fetch with it, for as long as it is valid. No client gets
    /// it, so a redirect to such a file is an error: a rule with `redirect` needs the account's
    /// key.
    ///
    /// # Errors
    ///
    /// For a name as in [`with_key`](Self::with_key), and for a token without a signature.
    pub fn with_sas_token(name: impl Into<String>, token: &str) -> Result<Self, BuildError> {
        Self::new(name.into(), Credentials::of_token(token)?)
    }

    /// Signs nothing: the container is public. Its links are plain URLs, whose answers state what
    /// is stored.
    ///
    /// # Errors
    ///
    /// For a name as in [`with_key`](Self::with_key).
    pub fn anonymous(name: impl Into<String>) -> Result<Self, BuildError> {
        Self::new(name.into(), Credentials::Anonymous)
    }

    /// What the portal calls a connection string:
    /// `DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net`,
    /// or one with `BlobEndpoint` and `SharedAccessSignature`.
    ///
    /// # Errors
    ///
    /// For a text that names no account, or neither a key nor a signature, and for
    /// `UseDevelopmentStorage`. The text is not quoted.
    pub fn from_connection_string(text: &str) -> Result<Self, BuildError> {
        Self::of(&Connection::parse(text)?)
    }

    /// Takes the account from the variables that Azure's own programs know.
    ///
    /// - `AZURE_STORAGE_CONNECTION_STRING`, which says everything;
    /// - else `AZURE_STORAGE_ACCOUNT_NAME` or `AZURE_STORAGE_ACCOUNT`, with
    ///   `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_STORAGE_ACCESS_KEY` or `AZURE_STORAGE_KEY`, or else
    ///   with `AZURE_STORAGE_SAS_TOKEN`.
    ///
    /// # Errors
    ///
    /// When none is set, or a part is missing or not valid.
    pub fn environment() -> Result<Self, BuildError> {
        Self::variables(&|name| std::env::var(name).ok())
    }

    /// As [`environment`](Self::environment), with variables from elsewhere; one that is empty is
    /// not set.
    ///
    /// # Errors
    ///
    /// As [`environment`](Self::environment).
    pub fn variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, BuildError> {
        const NAMES: [&str; 2] = ["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"];
        const KEYS: [&str; 3] = [
            "AZURE_STORAGE_ACCOUNT_KEY",
            "AZURE_STORAGE_ACCESS_KEY",
            "AZURE_STORAGE_KEY",
        ];
        let first = |names: &[&str]| {
            let mut set = names.iter().filter_map(|name| variable(name));
            set.find(|value| !value.is_empty())
        };
        if let Some(text) = first(&["AZURE_STORAGE_CONNECTION_STRING"]) {
            return Self::from_connection_string(&text);
        }
        let name = first(&NAMES);
        match (name, first(&KEYS), first(&["AZURE_STORAGE_SAS_TOKEN"])) {
            (Some(name), Some(key), _) => Self::with_key(name, &key),
            (Some(name), None, Some(token)) => Self::with_sas_token(name, &token),
            (Some(_), None, None) => Err(refused(
                "AZURE_STORAGE_ACCOUNT_NAME is set, and neither AZURE_STORAGE_ACCOUNT_KEY nor \
                 AZURE_STORAGE_SAS_TOKEN is",
            )),
            (None, ..) => Err(refused(
                "nothing says which it is: set AZURE_STORAGE_CONNECTION_STRING, or \
                 AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or \
                 AZURE_STORAGE_SAS_TOKEN",
            )),
        }
    }

    /// The same account at another URL: of an emulator, of another cloud of Azure's, or of a domain
    /// of your own. Default: `https://NAME.blob.core.windows.net`.
    ///
    /// The path stays: `http://127.0.0.1:10000/devstoreaccount1`.
    ///
    /// # Errors
    ///
    /// For what is not a URL, and for one with a query.
    pub fn endpoint(self, url: &str) -> Result<Self, BuildError> {
        let parsed = SignedUrl::parse(url)
            .map_err(|error| refused(&format!("its endpoint is not a valid URL: {error}")))?;
        if parsed.target().contains('?') {
            return Err(refused("its endpoint has a query"));
        }
        let url = format!("{}{}", parsed.origin(), parsed.path());
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { url, ..self })
    }

    /// The URL of its Blob Storage, without a slash at the end. It is no secret.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether clients can be sent to its files: not with a token that somebody else signed.
    #[must_use]
    pub fn can_redirect(&self) -> bool {
        !matches!(self.credentials, Credentials::SasToken(_))
    }

    fn of(said: &Connection<'_>) -> Result<Self, BuildError> {
        let named = said.name.or_else(|| said.endpoint.and_then(name_in));
        let name = named.ok_or_else(|| mistaken("it has no AccountName"))?;
        let account = match (said.key, said.token) {
            (Some(key), _) => Self::with_key(name, key)?,
            (None, Some(token)) => Self::new(name.to_owned(), Credentials::of_token(token)?)?,
            (None, None) => {
                return Err(mistaken(
                    "it has neither an AccountKey nor a SharedAccessSignature",
                ));
            }
        };
        let protocol = said.protocol.unwrap_or("https");
        match (said.endpoint, said.suffix) {
            (Some(endpoint), _) => account.endpoint(endpoint),
            (None, Some(suffix)) => account.endpoint(&format!("{protocol}://{name}.blob.{suffix}")),
            (None, None) if protocol != "https" => {
                account.endpoint(&format!("{protocol}://{name}.blob.core.windows.net"))
            }
            (None, None) => Ok(account),
        }
    }

    fn new(name: String, credentials: Credentials) -> Result<Self, BuildError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !(3..=24).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(refused(
                "its name is not a valid one: 3 to 24 lower-case letters and digits",
            ));
        }
        let url = format!("https://{name}.blob.core.windows.net");
        Ok(Self {
            name,
            url,
            credentials,
        })
    }
}

impl Credentials {
    fn of_token(token: &str) -> Result<Self, BuildError> {
        let token = token.trim();
        let token = token.strip_prefix('?').unwrap_or(token);
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte);
        let is_signed = token.split('&').any(|pair| pair.starts_with("sig="));
        match is_signed && token.bytes().all(plain) {
            true => Ok(Self::SasToken(token.to_owned())),
            false => Err(refused(
                "its shared access signature is not a valid one: a query with `sig=`, encoded as \
                 the portal shows it",
            )),
        }
    }
}

/// Nothing of keys.
impl fmt::Debug for AzureAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureAccount")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("credentials", &self.credentials)
            .finish()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key",
            Self::SasToken(_) => "SasToken",
            Self::Anonymous => "Anonymous",
        })
    }
}

pub(super) fn refused(what: &str) -> BuildError {
    BuildError::new(format!("the account of Azure's Blob Storage: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "c2VjcmV0IGtleQ==";
    const TOKEN: &str = "sv=2022-11-02&sp=r&sig=s3cr3t%3D";

    fn of(set: &[(&str, &str)]) -> Result<AzureAccount, BuildError> {
        AzureAccount::variables(&|name| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn of_string(text: &str) -> Result<AzureAccount, BuildError> {
        AzureAccount::from_connection_string(text)
    }

    #[test]
    fn a_connection_string_says_account_key_and_place() {
        let key = |name: &str| AzureAccount::with_key(name, KEY).unwrap();
        let of_portal = format!(
            "DefaultEndpointsProtocol=https;AccountName=archive;AccountKey={KEY};\
             EndpointSuffix=core.windows.net"
        );
        assert_eq!(of_string(&of_portal).unwrap(), key("archive"));
        let china = of_portal.replace("windows.net", "chinacloudapi.cn");
        let url = "https://archive.blob.core.chinacloudapi.cn";
        assert_eq!(
            of_string(&china).unwrap(),
            key("archive").endpoint(url).unwrap()
        );
        let plain = of_portal.replace("https", "http");
        assert_eq!(
            of_string(&plain).unwrap().url(),
            "http://archive.blob.core.windows.net"
        );
        let emulator = format!(
            "accountname=devstoreaccount1; accountkey={KEY};\
             BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://x/;"
        );
        let found = of_string(&emulator).unwrap();
        assert_eq!(found.url(), "http://127.0.0.1:10000/devstoreaccount1");
    }

    #[test]
    fn a_connection_string_with_a_signature_needs_no_name_of_its_own() {
        let text = "BlobEndpoint=https://archive.blob.core.windows.net/;\
                    SharedAccessSignature=sv=2022-11-02&sp=r&sig=x%3D";
        let expected = AzureAccount::with_sas_token("archive", "sv=2022-11-02&sp=r&sig=x%3D");
        assert_eq!(of_string(text).unwrap(), expected.unwrap());
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
            let error = of_string(text).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn an_account_is_found_in_the_variables_of_azures_programs() {
        let keyed = AzureAccount::with_key("archive", KEY).unwrap();
        for set in [
            [
                ("AZURE_STORAGE_ACCOUNT_NAME", "archive"),
                ("AZURE_STORAGE_ACCOUNT_KEY", KEY),
            ],
            [
                ("AZURE_STORAGE_ACCOUNT", "archive"),
                ("AZURE_STORAGE_KEY", KEY),
            ],
        ] {
            assert_eq!(of(&set).unwrap(), keyed);
        }
        let name = ("AZURE_STORAGE_ACCOUNT", "archive");
        let token = ("AZURE_STORAGE_SAS_TOKEN", TOKEN);
        let given = AzureAccount::with_sas_token("archive", &format!("?{TOKEN}")).unwrap();
        assert_eq!(of(&[name, token]).unwrap(), given);
        let key = ("AZURE_STORAGE_ACCESS_KEY", KEY);
        assert_eq!(of(&[name, token, key]).unwrap(), keyed);
        let all = format!("AccountName=first;AccountKey={KEY}");
        let all = ("AZURE_STORAGE_CONNECTION_STRING", all.as_str());
        assert_eq!(of(&[name, key, all]).unwrap().name(), "first");
    }

    #[test]
    fn variables_that_do_not_suffice_are_refused_by_name() {
        let name = ("AZURE_STORAGE_ACCOUNT", "archive");
        for (set, part) in [
            (vec![], "nothing says which"),
            (vec![("AZURE_STORAGE_KEY", KEY)], "nothing says which"),
            (vec![name], "neither AZURE_STORAGE_ACCOUNT_KEY nor"),
            (
                vec![name, ("AZURE_STORAGE_KEY", "")],
                "neither AZURE_STORAGE_ACCOUNT_KEY nor",
            ),
        ] {
            let error = of(&set).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_an_account_is_refused_and_not_quoted() {
        for name in ["", "ab", "Archive", "a.example/", "a-b", &"a".repeat(25)] {
            let error = AzureAccount::anonymous(name).unwrap_err().to_string();
            assert!(error.contains("24 lower-case"), "{error}");
        }
        for key in ["", "s3cr3t!", "c2VjcmV0IGtleQ"] {
            let error = AzureAccount::with_key("archive", key).unwrap_err();
            assert!(error.to_string().contains("its key is not"), "{error}");
        }
        for token in [
            "",
            "sv=1&s3cr3t",
            "sig=s3cr3t#",
            "sig=s3 cr3t",
            "sig=s3cr3t\n&a",
        ] {
            let error = AzureAccount::with_sas_token("archive", token).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("with `sig=`"), "{error}");
            assert!(!error.contains("cr3t"), "{error}");
        }
    }

    #[test]
    fn an_endpoint_keeps_its_path_and_has_no_query() {
        let account = || AzureAccount::anonymous("archive").unwrap();
        let at = |url: &str| account().endpoint(url).map(|it| it.url().to_owned());
        let emulator = "http://127.0.0.1:10000/devstoreaccount1";
        assert_eq!(at(&format!("{emulator}/")).unwrap(), emulator);
        assert_eq!(at("https://a.example:443").unwrap(), "https://a.example");
        for url in [
            "a.example",
            "https://a.example/?sig=s3cr3t",
            "https://u:s3cr3t@a.example",
        ] {
            let error = at(url).unwrap_err().to_string();
            assert!(
                error.contains("endpoint") && !error.contains("s3cr3t"),
                "{error}"
            );
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let keyed = AzureAccount::with_key("archive", KEY).unwrap();
        let given = AzureAccount::with_sas_token("archive", TOKEN).unwrap();
        let shown = format!("{keyed:?} {given:?}");
        for secret in [KEY, "secret", "s3cr3t", "115"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
