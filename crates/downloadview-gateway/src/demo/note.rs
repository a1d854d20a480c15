//! The witness as middleware of axum.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::witness::{Envelope, Seen, Witness};

/// Goes around everything: notes the answer to a request that carries a ticket.
pub(super) async fn note(State(witness): State<Witness>, request: Request, next: Next) -> Response {
    let Some(number) = witness.ticket_of(request.headers()) else {
        return next.run(request).await;
    };
    let envelope = Envelope::whole(&request);
    let response = next.run(request).await;
    witness.note(number, Seen::of(envelope, &response));
    response
}
