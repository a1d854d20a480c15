//! Requests with a ticket are answered as ever, and noted; who shows the receipt gets the notes.

use downloadview::file::VirtualFile;
use downloadview::optimize::ReadsOutcome;
use downloadview::{DownloadFuture, DownloadOptions, DownloadResponse};
use http::Request;

use super::App;
use crate::witness::{Asked, CHECK, Envelope, Seen};

/// The name that nobody saves the notes under.
const NAME: &str = "notes.json";

/// Answers a request that carries the header, be it right or wrong.
pub(super) fn answer(app: &App, mut request: Request<()>) -> DownloadFuture {
    let asked = app.shared.witness.asked(request.headers());
    request.headers_mut().remove(CHECK);
    match asked {
        None => app.answer(request),
        Some(Asked::Receipt(number)) => {
            let notes = app.shared.witness.take_of(&number);
            // Plain data always is JSON.
            let text = serde_json::to_string(&notes).unwrap_or_default();
            let options = DownloadOptions::new().cache_control("no-store");
            let notes = DownloadResponse::new(VirtualFile::from_text(NAME, text));
            notes.options(options).into_http().into()
        }
        Some(Asked::Ticket(number)) => {
            let (envelope, witness) = (Envelope::of(&request), app.shared.witness.clone());
            request.extensions_mut().insert(ReadsOutcome);
            let answer = app.answer(request);
            DownloadFuture::new(async move {
                let response = answer.await.unwrap_or_else(|never| match never {});
                witness.note(number, Seen::of(envelope, &response));
                response
            })
        }
    }
}
