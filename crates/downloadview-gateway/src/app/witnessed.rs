//! Requests with a ticket are answered as ever, and noted; who shows the receipt gets the notes.

use downloadview::file::VirtualFile;
use downloadview::optimize::ReadsOutcome;
use downloadview::{DownloadFuture, DownloadOptions, DownloadResponse, Error};
use http::Request;

use super::{App, Peer};
use crate::witness::{Asked, CHECK, Client, Envelope, LONG, Seen};

/// The names that nobody saves the notes under, and a long answer.
const NAME: &str = "notes.json";
const LONG_NAME: &str = "long.bin";

/// Answers a request that carries the header, be it right or wrong.
pub(super) fn answer(app: &App, mut request: Request<()>, peer: Peer) -> DownloadFuture {
    let asked = app.shared.witness.asked(&request);
    request.headers_mut().remove(CHECK);
    match asked {
        None => app.answer(&mut request.into_parts().0, peer),
        Some(Asked::Receipt(number)) => {
            let notes = app.shared.witness.take_of(&number);
            // Plain data always is JSON.
            told(serde_json::to_string(&notes).unwrap_or_default())
        }
        Some(Asked::Taken(number)) => {
            let taken = app.shared.witness.taken_of(&number);
            told(serde_json::to_string(&taken).unwrap_or_default())
        }
        Some(Asked::Long(number)) => match app.shared.witness.pour(number) {
            Ok(pouring) => {
                let file = VirtualFile::from_chunks(LONG_NAME, pouring).size(LONG);
                // Whoever compresses would hide how much he keeps.
                let options = DownloadOptions::new().cache_control("no-store, no-transform");
                DownloadResponse::new(file)
                    .options(options)
                    .into_http()
                    .into()
            }
            Err(error) => Error::other(error).into_response().into(),
        },
        Some(Asked::Ticket(number)) => {
            let (envelope, witness) = (Envelope::of(&request), app.shared.witness.clone());
            let client = client(app, &request, peer);
            request.extensions_mut().insert(ReadsOutcome);
            let answer = app.answer(&mut request.into_parts().0, peer);
            DownloadFuture::new(async move {
                let response = answer.await.unwrap_or_else(|never| match never {});
                let seen = Seen::of(envelope, &response);
                witness.note(number, Seen { client, ..seen });
                response
            })
        }
    }
}

/// Whom the view of a request takes for its client.
fn client(app: &App, request: &Request<()>, peer: Peer) -> Option<Client> {
    let mounted = app.route(request.uri().path())?;
    // What is remembered of a request is taken out of it.
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri.clone_from(request.uri());
    parts.headers.clone_from(request.headers());
    let asked = mounted.asked(&mut parts);
    let caller = mounted.caller(&asked, &parts, peer);
    let lines = request.headers().get_all("x-forwarded-for").iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    Some(Client {
        forwarded_for: lines.join(", "),
        address: caller.ip(),
        host: caller
            .host_of(&parts)
            .map(|it| it.to_string())
            .unwrap_or_default(),
        is_https: caller.scheme() == "https",
    })
}

/// What only the one who asks should have.
fn told(text: String) -> DownloadFuture {
    let options = DownloadOptions::new().cache_control("no-store");
    let told = DownloadResponse::new(VirtualFile::from_text(NAME, text));
    told.options(options).into_http().into()
}
