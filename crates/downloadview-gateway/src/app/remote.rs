//! Other servers as the configuration describes them, and which file of one a request means.
//!
//! At start [`origin`] and [`bucket`] make of a checked table what the library asks by; what the file does not say
//! keeps the library's default. For a request [`target`] makes of the route's values what that server is asked for:
//! server and query are those of the file, whatever the values say.

use std::sync::Arc;

use downloadview::fetch::{Client, Origin, OriginBuilder, RequestTarget};
use downloadview::storage::{S3Storage, Storage, StorageName};
use downloadview::{BuildError, Result};
use http::StatusCode;

use crate::config::{
    Forbidden, OriginHeader, OriginSettings, Piece, RemoteOrigin, S3Config, S3Credentials,
    UrlTemplate,
};

/// The origin of a storage or of a view. Nothing is connected to.
pub(super) fn origin(
    client: &Client,
    origin: &RemoteOrigin,
    settings: &OriginSettings,
    headers: &[OriginHeader],
) -> Result<Origin, BuildError> {
    let builder = configured(client.origin(origin.to_string()), settings);
    let builder = headers.iter().fold(builder, |builder, header| {
        builder.header(header.name.clone(), header.value.clone())
    });
    builder.build()
}

/// The bucket of the storage `name`. Nothing is connected to.
pub(super) fn bucket(
    client: &Client,
    name: &str,
    config: &S3Config,
) -> Result<Arc<dyn Storage>, BuildError> {
    let (settings, name) = (config.settings.origin.clone(), name.to_owned());
    let mut builder = S3Storage::builder(client, &config.bucket)
        .region(&config.region)
        .prefix(&config.settings.prefix)
        .link_lifetime(config.settings.link_lifetime)
        .origin(move |builder| configured(builder, &settings).logged_as(name));
    if let Some(endpoint) = &config.endpoint {
        builder = builder.endpoint(endpoint.to_string());
    }
    if config.virtual_hosted {
        builder = builder.virtual_hosted();
    }
    if config.settings.allow_http {
        builder = builder.allow_http();
    }
    builder = match &config.credentials {
        S3Credentials::Anonymous => builder.anonymous(),
        S3Credentials::Environment => builder.environment()?,
        S3Credentials::Keys {
            id,
            secret,
            session_token,
        } => {
            let keyed = builder
                .access_key_id(id.expose())
                .secret_access_key(secret.expose());
            match session_token {
                Some(token) => keyed.session_token(token.expose()),
                None => keyed,
            }
        }
    };
    Ok(Arc::new(builder.build()?))
}

/// What the file says of how a server is asked; the rest is the library's.
pub(super) fn configured(builder: OriginBuilder, settings: &OriginSettings) -> OriginBuilder {
    let mut builder =
        builder
            .redirects(settings.redirects)
            .forbidden_as(match settings.forbidden {
                Forbidden::NotFound => StatusCode::NOT_FOUND,
                Forbidden::Forbidden => StatusCode::FORBIDDEN,
            });
    if settings.allow_private {
        builder = builder.allow_private();
    }
    if let Some(timeout) = settings.connect_timeout {
        builder = builder.connect_timeout(timeout);
    }
    if let Some(timeout) = settings.first_byte_timeout {
        builder = builder.first_byte_timeout(timeout);
    }
    if let Some(timeout) = settings.idle_timeout {
        builder = builder.idle_timeout(timeout);
    }
    if let Some(requests) = settings.concurrency {
        builder = builder.concurrency(requests.get());
    }
    match settings.max_size {
        Some(bytes) => builder.max_size(bytes),
        None => builder,
    }
}

/// The file that a request means. Each value becomes segments of the path, decoded and encoded again: none climbs, and
/// none begins a query.
pub(super) fn target<'v>(
    url: &UrlTemplate,
    mut values: impl Iterator<Item = &'v str>,
) -> Result<RequestTarget> {
    let mut target = String::new();
    for piece in &url.path {
        match piece {
            Piece::Text(text) => target.push_str(text),
            Piece::Parameter(_) => {
                let value = values.next().unwrap_or_default();
                target.push_str(&StorageName::from_encoded(value)?.to_url_path());
            }
        }
    }
    if let Some(query) = &url.query {
        target.push('?');
        target.push_str(query.expose());
    }
    Ok(RequestTarget::parse(&target)?)
}
