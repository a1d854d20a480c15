//! Buckets of Google's and Azure's clouds as the configuration describes them. Nothing is connected to.
//!
//! Comes in: the checked table of a storage, and the client that all servers share. Goes out: the library's
//! storage, or why it cannot be, such as credentials that are none. Those of S3 are in `remote`.

use std::sync::Arc;

use downloadview::BuildError;
use downloadview::fetch::Client;
#[cfg(feature = "azure")]
use downloadview::storage::AzureStorage;
#[cfg(feature = "gcs")]
use downloadview::storage::GcsStorage;
use downloadview::storage::Storage;

use super::remote::configured;
#[cfg(feature = "azure")]
use crate::config::AzureConfig;
#[cfg(feature = "gcs")]
use crate::config::{GcsConfig, GcsCredentials};

#[cfg(feature = "gcs")]
pub(super) fn gcs(
    client: &Client,
    name: &str,
    config: &GcsConfig,
) -> Result<Arc<dyn Storage>, BuildError> {
    let (settings, name) = (config.settings.origin.clone(), name.to_owned());
    let mut builder = GcsStorage::builder(client, &config.bucket)
        .prefix(&config.settings.prefix)
        .link_lifetime(config.settings.link_lifetime)
        .origin(move |builder| configured(builder, &settings).logged_as(name));
    if let Some(endpoint) = &config.endpoint {
        builder = builder.endpoint(endpoint.to_string());
    }
    if config.settings.allow_http {
        builder = builder.allow_http();
    }
    builder = match &config.credentials {
        GcsCredentials::Anonymous => builder.anonymous(),
        GcsCredentials::Environment => builder.environment(),
        GcsCredentials::File(file) => builder.credentials_file(file.path.to_string_lossy()),
    };
    Ok(Arc::new(builder.build()?))
}

#[cfg(feature = "azure")]
pub(super) fn azure(
    client: &Client,
    name: &str,
    config: &AzureConfig,
) -> Result<Arc<dyn Storage>, BuildError> {
    let (settings, name) = (config.settings.origin.clone(), name.to_owned());
    let mut builder = AzureStorage::builder(client, config.account.clone(), &config.container)
        .prefix(&config.settings.prefix)
        .link_lifetime(config.settings.link_lifetime)
        .origin(move |builder| configured(builder, &settings).logged_as(name));
    if config.settings.allow_http {
        builder = builder.allow_http();
    }
    Ok(Arc::new(builder.build()?))
}
