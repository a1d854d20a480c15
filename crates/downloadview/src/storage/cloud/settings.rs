//! What the builders of all stores have in common.

use std::time::Duration;

use super::bucket::{Access, Bucket, LINK_LIFETIME, Parameters, checked_lifetime};
use super::key::Prefix;
use crate::error::BuildError;
use crate::fetch::{Client, OriginBuilder};
use crate::storage::SignedUrl;

/// One setting of the origin.
type OriginSetting = Box<dyn FnOnce(OriginBuilder) -> OriginBuilder + Send>;

/// Where the store is, how it is asked, and what of it is the storage's.
pub(super) struct Settings {
    pub(super) client: Client,
    pub(super) endpoint: Option<String>,
    pub(super) allow_http: bool,
    pub(super) prefix: String,
    pub(super) link_lifetime: Duration,
    origin: Vec<OriginSetting>,
}

impl Settings {
    pub(super) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            endpoint: None,
            allow_http: false,
            prefix: String::new(),
            link_lifetime: LINK_LIFETIME,
            origin: Vec::new(),
        }
    }

    pub(super) fn origin(
        &mut self,
        setting: impl FnOnce(OriginBuilder) -> OriginBuilder + Send + 'static,
    ) {
        self.origin.push(Box::new(setting));
    }

    /// The store's own URL, or else that which the cloud has.
    pub(super) fn endpoint(&self, default: &str) -> Result<SignedUrl, BuildError> {
        match &self.endpoint {
            Some(url) => endpoint(url, self.allow_http),
            None => Ok(SignedUrl::parse(default)?),
        }
    }

    /// The bucket at a URL that has no slash at its end.
    pub(super) fn bucket(
        self,
        url: String,
        access: Access,
        parameters: Parameters,
    ) -> Result<Bucket, BuildError> {
        let parsed = SignedUrl::parse(&url)?;
        let settings = self.origin.into_iter();
        let origin = self.client.origin(parsed.origin()).logged_as(&*url);
        let origin = settings.fold(origin, |it, set| set(it));
        Ok(Bucket {
            origin: origin.build()?,
            prefix: Prefix::parse(&self.prefix)?,
            access,
            url,
            link_lifetime: checked_lifetime(self.link_lifetime)?,
            parameters,
            knows_suffixes: true,
        })
    }
}

/// The storage that a `Bucket` is.
macro_rules! storage {
    ($name:ident) => {
        impl crate::storage::Storage for $name {
            fn look<'a>(
                &'a self,
                name: &'a crate::storage::StorageName,
            ) -> crate::content::BoxFuture<'a, crate::error::Result<crate::content::Metadata>> {
                Box::pin(self.0.look(name))
            }

            fn open<'a>(
                &'a self,
                name: &'a crate::storage::StorageName,
                want: crate::content::Want<'a>,
            ) -> crate::content::BoxFuture<'a, crate::error::Result<crate::content::Content>> {
                Box::pin(self.0.open(name, want))
            }

            fn places(&self, name: &crate::storage::StorageName) -> crate::storage::Places {
                self.0.places(name)
            }

            fn cache_key(
                &self,
                name: &crate::storage::StorageName,
            ) -> Option<crate::content::CacheKey> {
                Some(self.0.cache_key(name))
            }

            fn link<'a>(
                &'a self,
                name: &'a crate::storage::StorageName,
                ask: crate::storage::LinkRequest<'a>,
            ) -> crate::content::BoxFuture<
                'a,
                crate::error::Result<Option<crate::storage::SignedUrl>>,
            > {
                Box::pin(self.0.link(name, ask))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }
    };
}

/// What all builders set alike.
macro_rules! setters {
    () => {
        /// Allows an endpoint whose URL begins with `http://`. Default: `https://` only.
        pub fn allow_http(mut self) -> Self {
            self.settings.allow_http = true;
            self
        }

        /// Allows an endpoint on this machine or in a private network. Default: public addresses
        /// only.
        pub fn allow_private(self) -> Self {
            self.origin(crate::fetch::OriginBuilder::allow_private)
        }

        /// What stands before each file's name in the key, as segments: `media/2026`. Default:
        /// nothing.
        pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
            self.settings.prefix = prefix.into();
            self
        }

        /// How long a link may be used to begin a download: whole seconds, at most 7 days. Default:
        /// 60 s.
        ///
        /// One that has begun goes on after that, but a client that resumes needs a new link.
        pub fn link_lifetime(mut self, lifetime: std::time::Duration) -> Self {
            self.settings.link_lifetime = lifetime;
            self
        }

        /// Changes further settings for the store's server: time-outs, concurrency, sizes, as in
        /// `builder.origin(|origin| origin.concurrency(64))`.
        pub fn origin(
            mut self,
            setting: impl FnOnce(crate::fetch::OriginBuilder) -> crate::fetch::OriginBuilder
            + Send
            + 'static,
        ) -> Self {
            self.settings.origin(setting);
            self
        }
    };
}

pub(super) use {setters, storage};

/// What stands in a path or before a host as it is. Older buckets have capitals and underscores.
#[cfg(any(feature = "s3", feature = "gcs"))]
pub(super) fn check_name(name: &str) -> Result<(), BuildError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let ends = name.starts_with('.') || name.ends_with('.');
    if (3..=255).contains(&name.len()) && name.bytes().all(plain) && !ends {
        return Ok(());
    }
    Err(BuildError::new(
        "the name of the bucket is not a valid one: 3 or more letters, digits, hyphens and dots",
    ))
}

fn endpoint(url: &str, allow_http: bool) -> Result<SignedUrl, BuildError> {
    let parsed =
        SignedUrl::parse(url).map_err(|error| refused(&format!("is not a valid URL: {error}")))?;
    if parsed.target().contains('?') {
        return Err(refused("has a query"));
    }
    if parsed.origin().starts_with("http://") && !allow_http {
        return Err(refused(
            "begins with http://, over which anybody on the way reads the files: `allow_http` would allow it",
        ));
    }
    Ok(parsed)
}

fn refused(what: &str) -> BuildError {
    BuildError::new(format!("the endpoint of a bucket {what}"))
}
