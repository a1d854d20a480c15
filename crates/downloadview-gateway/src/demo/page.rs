//! The page `/` and the same as data, `/grid.json`: the grid, made anew for each request.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use minijinja::{Environment, context};

use super::grid::{Cell, Grid, Hop};
use super::views::{VIEWS, View};

const TEMPLATE: &str = include_str!("page.html");

/// Only what stands in the page itself.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; img-src data:");

/// What the page shows.
#[derive(Debug)]
pub(super) struct Page {
    /// The ways to the application.
    pub(super) grid: Grid,
    /// Why there is no column for some proxies, a sentence for each reason.
    pub(super) absent: Vec<String>,
}

/// The two routes.
pub(super) fn routes(page: Arc<Page>) -> Router {
    Router::new()
        .route("/", get(html))
        .route("/grid.json", get(json))
        .with_state(page)
}

async fn html(State(page): State<Arc<Page>>, headers: HeaderMap) -> Response {
    let host = host_of(&headers);
    let cells = page.grid.check(&host).await;
    match render(&page, &host, &cells) {
        Ok(html) => {
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("text/html; charset=utf-8"),
                ),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (headers, html).into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn json(State(page): State<Arc<Page>>, headers: HeaderMap) -> Response {
    let cells = page.grid.check(&host_of(&headers)).await;
    match serde_json::to_vec_pretty(&cells) {
        Ok(json) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, json).into_response()
        }
        Err(error) => failed(&error),
    }
}

/// What the client calls this machine; on a phone that is not `localhost`.
fn host_of(headers: &HeaderMap) -> String {
    let stated = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let authority = stated.and_then(|host| host.parse::<Authority>().ok());
    authority.map_or("localhost".to_owned(), |it| it.host().to_owned())
}

fn render(page: &Page, host: &str, cells: &[Cell]) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.add_template("page.html", TEMPLATE)?;
    let hops = &page.grid.hops;
    let rows = VIEWS.iter().map(|view| {
        context! {
            name => view.name,
            path => view.path,
            fixed_to => view.fixed_to,
            cells => hops.iter().map(|hop| cell(view, hop, cells)).collect::<Vec<_>>(),
        }
    });
    environment.get_template("page.html")?.render(context! {
        rows => rows.collect::<Vec<_>>(),
        proxies => hops.iter().map(|hop| hop.proxy).collect::<Vec<_>>(),
        verified => cells.iter().filter(|cell| cell.verified).count(),
        total => cells.len(),
        absent => page.absent.clone(),
        direct => hops.first().map(|hop| hop.url(host, "")),
    })
}

/// A cell as the template shows it; without one, the route is for another proxy.
fn cell(view: &View, hop: &Hop, cells: &[Cell]) -> minijinja::Value {
    let found = cells
        .iter()
        .find(|cell| cell.view == view.name && cell.proxy == hop.proxy);
    let Some(cell) = found else {
        return context! { proxy => hop.proxy };
    };
    context! {
        proxy => cell.proxy,
        url => cell.url.clone(),
        outcome => cell.outcome,
        header => cell.header.clone(),
        verified => cell.verified,
        reason => cell.reason.clone(),
        milliseconds => format!("{:.1}", cell.time.as_secs_f64() * 1000.0),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "the page cannot be shown");
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "the page cannot be shown; the log says why\n",
    )
        .into_response()
}
