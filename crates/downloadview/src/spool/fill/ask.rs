//! Step 1: what the source says of the copy that is known.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, header};
use tokio::time::Instant;

use crate::content::{Content, Want};
use crate::error::Error;
use crate::file::File;
use crate::spool::counters::add;
use crate::spool::inner::Inner;
use crate::spool::name::{CopyName, Id, State, Validator};
use crate::spool::source::Source;

/// How long a source that could not answer is left alone, where a stale copy does.
const EXCUSED: Duration = Duration::from_secs(5);

/// What the source says of the copy that is known.
pub(in crate::spool) enum Asked {
    /// It is still good, and has this size.
    Good(u64),
    /// There is another state, perhaps opened already.
    Changed(Option<Box<Content>>),
}

/// The question.
pub(super) struct Question<'a> {
    pub(super) spool: &'a Inner,
    pub(super) id: Id,
    pub(super) file: &'a dyn File,
}

impl Question<'_> {
    /// Asks the source about the state of the copy that is known.
    pub(super) async fn ask(&self) -> Result<Asked, Error> {
        let Some((name, source)) = self.spool.index().peek(self.id) else {
            return Ok(Asked::Changed(None));
        };
        let mut headers = HeaderMap::new();
        let tag = source.as_ref().and_then(|source| source.metadata.etag());
        let date = source.as_ref().and_then(|it| it.metadata.last_modified());
        if let Some(tag) = tag {
            headers.insert(header::IF_NONE_MATCH, tag.to_header_value());
        } else if let Some(date) = date {
            let date = httpdate::fmt_http_date(date);
            headers.extend(
                date.try_into()
                    .map(|date| (header::IF_MODIFIED_SINCE, date)),
            );
        }
        // Of a copy that an earlier process left only the hash of its tag is known: the head tells.
        let want = match headers.is_empty() {
            true => Want::head(&headers),
            false => Want::get(&headers),
        };
        let answered = self.file.open(want.as_source()).await;
        let content = match answered {
            Ok(content) => content,
            // Perhaps it knows no HEAD.
            Err(_) if source.is_none() => return Ok(Asked::Changed(None)),
            Err(error) => return self.stale(name, source, error),
        };
        let settled = content.settled().is_some();
        let state = Validator::of(content.metadata()).map(State::Validated);
        let metadata = match (settled, source) {
            (true, Some(source)) => source.metadata,
            _ if state == Some(name.state) => Arc::new(content.metadata().clone()),
            // A HEAD brings no bytes.
            _ => {
                let content = (!headers.is_empty()).then(|| Box::new(content));
                return Ok(Asked::Changed(content));
            }
        };
        self.spool.index().refresh(name, Source::new(metadata));
        add(&self.spool.counting.validated, 1);
        Ok(Asked::Good(name.size))
    }

    /// The source cannot be asked: the copy may still do, for a while.
    fn stale(&self, name: CopyName, source: Option<Source>, error: Error) -> Result<Asked, Error> {
        let settings = &self.spool.settings;
        let may = settings.max_age.saturating_add(settings.stale_if_error);
        let server_failed = error.status().is_server_error();
        let Some(source) = source.filter(|it| server_failed && it.asked.elapsed() < may) else {
            return Err(error);
        };
        if settings.stale_if_error.is_zero() {
            return Err(error);
        }
        tracing::debug!(reason = %error, age = ?source.asked.elapsed(), "a stale copy is used");
        self.spool.index().excuse(name, Instant::now() + EXCUSED);
        add(&self.spool.counting.stale, 1);
        Ok(Asked::Good(name.size))
    }
}
