//! Who signs for S3: keys that were stated, or keys for a while from where the program runs (a
//! cluster, a container, a machine in the cloud).

use std::fmt;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

use super::refused;
use crate::error::BuildError;

/// Where credentials come from.
#[derive(Clone)]
pub(super) enum Credentials {
    /// As stated, for as long as the program runs.
    Static {
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
    },
    /// A service account of a cluster takes a role (STS `AssumeRoleWithWebIdentity`).
    WebIdentity {
        token_file: String,
        role_arn: String,
        session_name: Option<String>,
        sts_endpoint: Option<String>,
    },
    /// The address, relative to 169.254.170.2, where ECS hands them out.
    Container { relative_uri: String },
    /// EKS Pod Identity, and whatever speaks like it.
    Pod { uri: String, token_file: String },
    /// The machine's own role, by its metadata service (IMDSv2).
    Instance,
    /// None: the bucket is public.
    Anonymous,
}

/// A key as it was stated, perhaps in part.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) id: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) session_token: Option<String>,
}

impl Keys {
    /// These, or where else the right to sign comes from.
    ///
    /// # Errors
    ///
    /// Where that is not said, or said twice, or half of a key is missing.
    pub(super) fn or(self, other: Option<Credentials>) -> Result<Credentials, BuildError> {
        match (self.id, self.secret, other) {
            (Some(access_key_id), Some(secret_access_key), None) => Ok(Credentials::Static {
                access_key_id,
                secret_access_key,
                session_token: self.session_token,
            }),
            (None, None, Some(other)) if self.session_token.is_none() => Ok(other),
            (None, None, None) => Err(refused(
                "nothing says who signs: state `access_key_id` and `secret_access_key`, or take them from the environment, or \
                 say that the bucket is public (`anonymous`)",
            )),
            (_, _, Some(_)) => Err(refused(
                "keys and another source of credentials are stated: one must go",
            )),
            _ => Err(refused(
                "`access_key_id` and `secret_access_key` go together, and one is missing",
            )),
        }
    }
}

impl Credentials {
    /// What the variables say, in the order of Amazon's own programs; the machine's role if they
    /// say nothing.
    ///
    /// # Errors
    /// When one of a pair is missing.
    pub(super) fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, BuildError> {
        let both = |one: &str, other: &str| match (variable(one), variable(other)) {
            (Some(one), Some(other)) => Ok(Some((one, other))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(incomplete(one, other)),
            (None, Some(_)) => Err(incomplete(other, one)),
        };
        if let Some((access_key_id, secret_access_key)) =
            both("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")?
        {
            return Ok(Self::Static {
                access_key_id,
                secret_access_key,
                session_token: variable("AWS_SESSION_TOKEN"),
            });
        }
        if let Some((token_file, role_arn)) = both("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")? {
            return Ok(Self::WebIdentity {
                token_file,
                role_arn,
                session_name: variable("AWS_ROLE_SESSION_NAME"),
                sts_endpoint: variable("AWS_ENDPOINT_URL_STS"),
            });
        }
        if let Some(relative_uri) = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            return Ok(Self::Container { relative_uri });
        }
        let pod = both(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        )?;
        Ok(match pod {
            Some((uri, token_file)) => Self::Pod { uri, token_file },
            None => Self::Instance,
        })
    }

    /// Whose right to read it is; nothing secret.
    pub(super) fn reader(&self) -> String {
        match self {
            Self::Static { access_key_id, .. } => format!("key {access_key_id}"),
            Self::WebIdentity { role_arn, .. } => format!("role {role_arn}"),
            Self::Container { relative_uri } => format!("container {relative_uri}"),
            Self::Pod { uri, .. } => format!("pod {uri}"),
            Self::Instance => "instance".to_owned(),
            Self::Anonymous => String::new(),
        }
    }

    pub(super) fn state_to(self, builder: AmazonS3Builder) -> AmazonS3Builder {
        match self {
            Self::Static {
                access_key_id,
                secret_access_key,
                session_token,
            } => {
                let builder = builder
                    .with_access_key_id(access_key_id)
                    .with_secret_access_key(secret_access_key);
                with(builder, Key::Token, session_token)
            }
            Self::WebIdentity {
                token_file,
                role_arn,
                session_name,
                sts_endpoint,
            } => {
                let builder = builder
                    .with_config(Key::WebIdentityTokenFile, token_file)
                    .with_config(Key::RoleArn, role_arn);
                let builder = with(builder, Key::RoleSessionName, session_name);
                with(builder, Key::StsEndpoint, sts_endpoint)
            }
            Self::Container { relative_uri } => {
                builder.with_config(Key::ContainerCredentialsRelativeUri, relative_uri)
            }
            Self::Pod { uri, token_file } => builder
                .with_config(Key::ContainerCredentialsFullUri, uri)
                .with_config(Key::ContainerAuthorizationTokenFile, token_file),
            Self::Instance | Self::Anonymous => builder,
        }
    }
}

fn with(builder: AmazonS3Builder, key: Key, value: Option<String>) -> AmazonS3Builder {
    match value {
        Some(value) => builder.with_config(key, value),
        None => builder,
    }
}

fn incomplete(stated: &str, missing: &str) -> BuildError {
    BuildError::new(format!(
        "{stated} is set and {missing} is not: they go together"
    ))
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static { .. } => "Static",
            Self::WebIdentity { .. } => "WebIdentity",
            Self::Container { .. } => "Container",
            Self::Pod { .. } => "Pod",
            Self::Instance => "Instance",
            Self::Anonymous => "Anonymous",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<Credentials, BuildError> {
        Credentials::of(&|name| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variables_are_taken_in_the_order_of_amazons_programs() {
        let instance = [];
        let pod = [
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://169.254.170.23/",
            ),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token"),
        ];
        let container = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];
        let identity = [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
            ("AWS_ROLE_ARN", "arn"),
        ];
        let keys = [
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let mut set = Vec::new();
        for (more, expected) in [
            (instance.as_slice(), "Instance"),
            (&pod, "Pod"),
            (&container, "Container"),
            (&identity, "WebIdentity"),
            (&keys, "Static"),
        ] {
            set.extend_from_slice(more);
            assert_eq!(format!("{:?}", of(&set).unwrap()), expected);
        }
    }

    #[test]
    fn half_a_pair_is_refused_by_name_and_without_its_value() {
        for (stated, missing) in [
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
            ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ] {
            let error = of(&[(stated, "s3cr3t")]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{stated} is set and {missing} is not")));
            assert!(!error.contains("s3cr3t"));
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let keys = [
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        assert_eq!(format!("{:?}", of(&keys).unwrap()), "Static");
    }
}
