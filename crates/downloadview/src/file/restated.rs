//! A file with another tag or another date than its own.
//!
//! `DownloadResponse::into_parts` puts it around a file when options state a tag or a date.
//! Everything else is passed on. Conditions are not passed on to the server that has the file,
//! because it would judge them by its own tag and date.

use std::sync::Arc;
use std::time::SystemTime;

use super::{File, LinkRequest, Places, SignedUrl, TypeHint};
use crate::content::{BoxFuture, CacheKey, Content, ETag, Metadata, Want};
use crate::error::Result;

/// A file with another tag or another date than its own.
#[derive(Debug)]
pub(crate) struct Restated {
    file: Arc<dyn File>,
    /// The tag and the date, and nothing else.
    stated: Metadata,
}

impl Restated {
    /// The file with these validators; the file itself if nothing is stated.
    pub(crate) fn around(
        file: Arc<dyn File>,
        etag: Option<ETag>,
        modified: Option<SystemTime>,
    ) -> Arc<dyn File> {
        match (&etag, modified) {
            (None, None) => file,
            _ => {
                let mut stated = Metadata::new();
                stated.set_etag(etag);
                stated.modified = modified;
                Arc::new(Self { file, stated })
            }
        }
    }
}

/// What is asked of the file itself: by its own tag and date the conditions are not meant.
fn meant(want: Want<'_>) -> Want<'_> {
    match want.is_as_source() {
        true => want,
        false => want.without_conditions(),
    }
}

impl Restated {
    /// What was opened, as this file describes it.
    fn described(&self, opened: Content, want: Want<'_>) -> Content {
        match want.is_as_source() {
            true => opened,
            false => opened.map_metadata(|found| found.restated_by(&self.stated)),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl File for Restated {
    fn name(&self) -> &str {
        self.file.name()
    }

    fn type_hint(&self) -> TypeHint<'_> {
        self.file.type_hint()
    }

    fn places(&self) -> Places {
        self.file.places()
    }

    fn link<'a>(&'a self, ask: LinkRequest<'a>) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        self.file.link(ask)
    }

    fn cache_key(&self) -> Option<CacheKey> {
        let key = self.file.cache_key()?;
        Some(key.stating(self.stated.clone()))
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(async move {
            let found = self.file.look().await?;
            Ok(found.restated_by(&self.stated))
        })
    }

    fn look_now(&self) -> Option<Result<Metadata>> {
        let found = self.file.look_now()?;
        Some(found.map(|found| found.restated_by(&self.stated)))
    }

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async move {
            let opened = self.file.open(meant(want)).await?;
            Ok(self.described(opened, want))
        })
    }

    fn open_now(&self, want: Want<'_>) -> Option<Result<Content>> {
        let opened = self.file.open_now(meant(want))?;
        Some(opened.map(|opened| self.described(opened, want)))
    }
}
