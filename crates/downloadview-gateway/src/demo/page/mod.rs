//! The page `/`, the same as data, `/grid.json`, and the page's script: all made anew for each request.
//!
//! From top to bottom the page shows
//!
//! 1. the [`matrix`] of all views and proxies, each cell with its details;
//! 2. what a large file costs the application (`cost`);
//! 3. one download step by step (`journey`);
//! 4. what becomes of a file name that somebody types (`names`).

mod cost;
mod journey;
mod matrix;
mod names;

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use minijinja::{Environment, context};
use url::form_urlencoded;

use super::files::Files;
use super::grid::{Grid, Hop};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("live.js");

/// Only what the application itself serves.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The name that stands in the form until somebody types another.
const EXAMPLE: &str = "Résumé “50 %” 🚀.pdf";

/// What a demonstration without any proxy is.
const WITHOUT_PROXY: &str = "No proxy runs here: the application streams every file itself, but for those that a client is sent to \
                             the store for.";

/// What the page shows.
#[derive(Debug)]
pub(super) struct Page {
    /// The ways to the application.
    pub(super) grid: Grid,
    /// Why some proxies have no column: a text for each reason.
    absent: RwLock<Vec<String>>,
    /// What becomes of names.
    names: names::Fronts,
}

impl Page {
    /// The page of these ways to the application.
    ///
    /// # Errors
    ///
    /// The folder of the files cannot be opened.
    pub(super) fn new(
        grid: Grid,
        absent: Vec<String>,
        files: &Files,
    ) -> downloadview::Result<Self> {
        Ok(Self {
            grid,
            absent: RwLock::new(absent),
            names: names::Fronts::new(files)?,
        })
    }
}

impl Page {
    /// One more reason why a proxy has no column.
    pub(super) fn note(&self, why: String) {
        let mut absent = self.absent.write().unwrap_or_else(PoisonError::into_inner);
        absent.push(why);
    }

    /// Why some proxies have no column, or all of them.
    pub(super) fn notes(&self) -> Vec<String> {
        let absent = self.absent.read().unwrap_or_else(PoisonError::into_inner);
        let without_proxy = match self.grid.hops().as_slice() {
            [_] => Some(WITHOUT_PROXY.to_owned()),
            _ => None,
        };
        without_proxy
            .into_iter()
            .chain(absent.iter().cloned())
            .collect()
    }
}

/// The three routes.
pub(super) fn routes(page: Arc<Page>) -> Router {
    Router::new()
        .route("/", get(html))
        .route("/grid.json", get(json))
        .route("/live.js", get(script))
        .with_state(page)
}

async fn html(State(page): State<Arc<Page>>, uri: Uri, headers: HeaderMap) -> Response {
    let host = host_of(&headers);
    let query = uri.query().unwrap_or_default();
    let typed = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name");
    let typed = typed.map(|(_, name)| name);
    match render(&page, &host, typed.as_deref()).await {
        Ok(html) => {
            let policy = (header::CONTENT_SECURITY_POLICY, POLICY);
            fresh("text/html; charset=utf-8", [policy], html)
        }
        Err(error) => failed(&error),
    }
}

async fn json(State(page): State<Arc<Page>>, headers: HeaderMap) -> Response {
    let cells = page.grid.check(&host_of(&headers)).await;
    match serde_json::to_vec_pretty(&cells) {
        Ok(json) => fresh("application/json", [], json),
        Err(error) => failed(&error),
    }
}

async fn script() -> Response {
    fresh("text/javascript; charset=utf-8", [], SCRIPT)
}

/// An answer that is good for now only.
fn fresh<const N: usize>(
    content_type: &'static str,
    headers: [(HeaderName, HeaderValue); N],
    body: impl IntoResponse,
) -> Response {
    let stated = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (stated, headers, body).into_response()
}

/// What the client calls this machine; on a phone that is not `localhost`.
fn host_of(headers: &HeaderMap) -> String {
    let stated = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let authority = stated.and_then(|host| host.parse::<Authority>().ok());
    authority.map_or("localhost".to_owned(), |it| it.host().to_owned())
}

async fn render(page: &Page, host: &str, typed: Option<&str>) -> Result<String, minijinja::Error> {
    let (grid, hops) = (&page.grid, page.grid.hops());
    let cells = grid.check(host).await;
    let costs = cost::measure(grid).await;
    let journey = journey::take(grid).await;
    let named = page.names.of(typed.unwrap_or(EXAMPLE)).await;
    let mut environment = Environment::new();
    environment.add_template("page.html", TEMPLATE)?;
    environment.get_template("page.html")?.render(context! {
        style => STYLE,
        proxies => hops.iter().map(|hop| shown(hop.proxy)).collect::<Vec<_>>(),
        rows => matrix::of_all(&hops, &cells),
        fixed => matrix::of_one(&hops, &cells),
        verified => cells.iter().filter(|cell| cell.verified).count(),
        total => cells.len(),
        absent => page.notes(),
        direct => hops.first().map(|hop| hop.url(host, "")),
        costs => costs.iter().map(cost::Cost::shown).collect::<Vec<_>>(),
        large => cost::SIZE,
        large_links => hops.iter().map(|hop| hop.url(host, cost::PATH)).collect::<Vec<_>>(),
        journey => journey,
        named => named,
        typed => typed.is_some(),
    })
}

/// A proxy's name as people read it.
fn shown(proxy: &'static str) -> &'static str {
    match proxy {
        Hop::DIRECT => "no proxy",
        proxy => proxy,
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
