//! A file with another tag or another date than its own.
//!
//! `DownloadResponse::into_parts` puts it around a file when options state a tag or a date.
//! Everything else is passed on. Conditions are not passed on to the server that has the file,
//! because it would judge them by its own tag and date.

use std::sync::Arc;
use std::time::SystemTime;

use super::{File, LinkRequest, Places, SignedUrl, TypeHint};
use crate::content::{BoxFuture, Content, ETag, Metadata, Want};
use crate::error::Result;

/// A file with another tag or another date than its own.
#[derive(Debug)]
pub(crate) struct Restated {
    file: Arc<dyn File>,
    etag: Option<ETag>,
    modified: Option<SystemTime>,
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
            _ => Arc::new(Self {
                file,
                etag,
                modified,
            }),
        }
    }

    /// Puts the stated validators in place. If no tag is stated, the content keeps its own,
    /// whatever date is stated.
    fn restate(&self, metadata: &mut Metadata) {
        metadata.etag = self.etag.clone().or_else(|| metadata.etag());
        metadata.modified = self.modified.or(metadata.modified);
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

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(async move {
            let mut metadata = self.file.look().await?;
            self.restate(&mut metadata);
            Ok(metadata)
        })
    }

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async move {
            // By its own tag and date the conditions are not meant.
            let mut content = self.file.open(want.without_conditions()).await?;
            self.restate(content.metadata_mut());
            Ok(content)
        })
    }
}
