//! The witness as middleware of axum.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::probe::{Number, Witness};

/// Goes around everything: notes the answer to a request that carries a ticket.
pub(super) async fn note(State(witness): State<Witness>, request: Request, next: Next) -> Response {
    let ticket = Number::of(request.headers());
    let asked = ticket.map(|ticket| (ticket, request.headers().clone()));
    let response = next.run(request).await;
    if let Some((ticket, request)) = asked {
        witness.note(ticket, request, &response);
    }
    response
}
