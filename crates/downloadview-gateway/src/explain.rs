//! `downloadview explain`: which view, file, rule, backend and header a request would get, and why not the others.
//!
//! It answers the request as `serve` would, step by step, and prints the trace of the decision: it cannot be of
//! another opinion. No client is answered and no content is read; a local file is looked at, and an authorizer or another
//! server is asked, as they would be.
//! 1. the announced proxy that is assumed, if the configuration has any;
//! 2. the route and its view;
//! 3. the file that the view finds, with its places, or why there is none;
//! 4. the decision, rule by rule;
//! 5. what another server answered, if the file is there and would be streamed; else it is not asked;
//! 6. the outcome, and the head of the answer.
//!
//! A secret is never printed, nor is the query of a signed URL.

mod spooled;

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::time::Duration;

use anyhow::bail;
use downloadview::optimize::{Outcome, PROXY_HEADER, RuleVerdict, Step, Trace};
use downloadview::storage::SignedUrl;
use downloadview::{DownloadBody, DownloadResponse, Error};
use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};

use crate::app::{self, Mounted, Peer};
use crate::config::{AnnouncedProxy, Config, Front, RuleConfig, Signature, SpoolConfig, ViewKind};
use crate::numbers::counted;

/// Who is assumed to ask, and with what.
///
/// ```
/// use downloadview_gateway::explain::Assumed;
/// let alice = Assumed {
///     headers: vec![("cookie".parse()?, "session=abc".parse()?)],
///     client: Some([192, 0, 2, 7].into()),
///     ..Assumed::default()
/// };
/// # let _ = alice;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Assumed<'a> {
    /// The announced proxy that the request comes through. Default: nobody in between.
    pub proxy: Option<&'a str>,
    /// The client's headers. Default: none.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The client's address. Default: unknown.
    pub client: Option<IpAddr>,
}

/// Explains a GET of `uri`: as if the announced proxy `proxy` had asked, or else nobody in between.
///
/// # Errors
///
/// The configuration cannot be built, or announces no such proxy. A path that leads nowhere is explained, not an error.
pub async fn explain(config: &Config, uri: &Uri, proxy: Option<&str>) -> anyhow::Result<String> {
    let assumed = Assumed {
        proxy,
        ..Assumed::default()
    };
    // Boxed, or whoever awaits it holds all of it.
    Box::pin(explain_to(config, uri, &assumed)).await
}

/// As [`explain`], for whom it is assumed.
///
/// # Errors
///
/// As there.
pub async fn explain_to(
    config: &Config,
    uri: &Uri,
    assumed: &Assumed<'_>,
) -> anyhow::Result<String> {
    let proxy = assumed.proxy.map(|name| announced(config, name));
    let proxy = proxy.transpose()?;
    let app = app::build(config).await?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    // The signature is the permission, and what is printed here may end in a report.
    let mut text = match target.split_once("&X-Download-Signature=") {
        Some((signed, _)) => format!("GET {signed}&X-Download-Signature=…\n"),
        None => format!("GET {uri}\n"),
    };
    if let Front::Announced(_) = config.optimize.front {
        from(&mut text, config, proxy)?;
    }
    match app.route(uri.path()) {
        None => no_view(&mut text, config)?,
        Some(mounted) => {
            view(&mut text, config, mounted)?;
            let mut request = request(uri, proxy)?.into_parts().0;
            request.headers.extend(assumed.headers.iter().cloned());
            let asked = mounted.asked(&mut request).traced();
            let mut caller = mounted.caller(&asked, &request, Peer::Unknown);
            if let Some(address) = assumed.client {
                caller = caller.address(address);
                writeln!(text, "client    {address}")?;
            }
            request.extensions.insert(caller);
            let response = match mounted.permit(asked, &request).await {
                Ok(asked) => {
                    permitted(&mut text, mounted)?;
                    let found = mounted.find(&request).await;
                    file(&mut text, &found)?;
                    mounted.answer(&asked, found).await
                }
                Err(refusal) => *refusal,
            };
            if let Some(trace) = response.extensions().get::<Trace>() {
                let rules = mounted.view().rules.iter().chain(&config.optimize.rules);
                let spool = config.spool.as_ref();
                let max_age = spool.map_or(Duration::ZERO, SpoolConfig::max_age);
                decision(&mut text, trace, rules, max_age)?;
            }
            if is_of_another_server(mounted) {
                origin(&mut text, &response)?;
            }
            match spooled::later(config, mounted, &response) {
                Some(later) => writeln!(text, "{later}")?,
                None => answer(&mut text, &response)?,
            }
        }
    }
    Ok(text)
}

/// An announced proxy and its name.
pub(crate) type Named<'a> = (&'a str, &'a AnnouncedProxy);

fn announced<'a>(config: &'a Config, name: &str) -> anyhow::Result<Named<'a>> {
    let proxies = || config.optimize.front.announced();
    if let Some(found) = proxies().find(|(known, _)| *known == name) {
        return Ok(found);
    }
    let file = config.file.display();
    let known: Vec<_> = proxies().map(|(name, _)| name).collect();
    match known.as_slice() {
        [] => bail!(
            "{file}: there is no announced proxy `{name}`, the file announces none; leave --proxy out"
        ),
        known => bail!(
            "{file}: there is no announced proxy `{name}`; use one of: {}",
            known.join(", ")
        ),
    }
}

/// The request that is explained.
pub(crate) fn request(uri: &Uri, proxy: Option<Named<'_>>) -> anyhow::Result<Request<()>> {
    let mut request = Request::get(uri.clone()).body(())?;
    if let Some((name, proxy)) = proxy {
        let announcement = format!("{name} {}", proxy.secret.expose());
        let headers = request.headers_mut();
        headers.insert(PROXY_HEADER, announcement.try_into()?);
    }
    Ok(request)
}

/// Whom the request seems to come through. Printed only where proxies announce themselves.
fn from(text: &mut String, config: &Config, proxy: Option<Named<'_>>) -> fmt::Result {
    if let Some((name, proxy)) = proxy {
        let kind = proxy.backend.name();
        return writeln!(
            text,
            "through   the announced proxy {name}, which is {kind}"
        );
    }
    let names: Vec<_> = config
        .optimize
        .front
        .announced()
        .map(|(name, _)| name)
        .collect();
    let names = names.join(", ");
    writeln!(
        text,
        "through   no announced proxy (--proxy names one: {names})"
    )
}

fn no_view(text: &mut String, config: &Config) -> fmt::Result {
    writeln!(text, "view      none: 404. The routes are")?;
    for view in &config.views {
        writeln!(text, "            {} (line {})", view.route, view.line)?;
    }
    Ok(())
}

fn view(text: &mut String, config: &Config, mounted: &Mounted) -> fmt::Result {
    let view = mounted.view();
    let file = config.file.display();
    writeln!(text, "route     {} ({file}:{})", view.route, view.line)?;
    match &view.kind {
        ViewKind::PathFile { path } => writeln!(text, "view      path: {}", path.display()),
        ViewKind::PathRoot { root, .. } => {
            writeln!(text, "view      path: below {}", root.display())
        }
        ViewKind::Storage { storage, .. } => writeln!(text, "view      storage: {storage}"),
        ViewKind::Object(object) => {
            let (table, database) = (&object.table, &object.database);
            let (lookup, storage) = (&object.lookup, &object.storage);
            writeln!(
                text,
                "view      object: {lookup} in table {table} of {database}, files in {storage}"
            )
        }
        ViewKind::Http(http) => writeln!(text, "view      http: of {}", http.url.origin),
        ViewKind::Virtual { .. } => {
            writeln!(text, "view      virtual: a text of the configuration")
        }
    }?;
    match view.signature {
        Some(Signature::Required) => writeln!(text, "signature required")?,
        Some(Signature::Optional) => writeln!(text, "signature optional")?,
        None => {}
    }
    match &view.authorize {
        Some(authorize) => writeln!(text, "authorize {}", authorize.url),
        None => Ok(()),
    }
}

/// Which steps let the request pass.
fn permitted(text: &mut String, mounted: &Mounted) -> fmt::Result {
    for step in mounted.steps() {
        writeln!(text, "permit    {step}: may pass")?;
    }
    Ok(())
}

/// What the view found: a file, or an error.
fn file(text: &mut String, found: &Result<DownloadResponse, Error>) -> fmt::Result {
    let response = match found {
        Ok(response) => response,
        Err(error) => {
            let because = std::error::Error::source(error);
            let because = because.map(|source| format!(": {source}"));
            let because = because.unwrap_or_default();
            return writeln!(text, "file      none: {error}{because}");
        }
    };
    let file = response.file();
    writeln!(text, "file      {}", shown(file.name()))?;
    let places = file.places();
    if let Some(path) = places.path() {
        writeln!(text, "  path    {}", shown(&path.to_string_lossy()))?;
    }
    match places.shown_url() {
        Some(url) => writeln!(text, "  url     {url}"),
        None => Ok(()),
    }
}

/// A name from the request, in one line and without a command for the terminal.
fn shown(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for character in name.chars() {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown
}

/// The decision, as it was made, and those of the `rules` that have no part in any.
fn decision<'a>(
    text: &mut String,
    trace: &Trace,
    rules: impl Iterator<Item = &'a RuleConfig>,
    max_age: Duration,
) -> fmt::Result {
    writeln!(text, "decision")?;
    let (mut idle, mut of_spool) = (Vec::new(), Vec::new());
    for rule in rules {
        idle.extend(rule.idle().map(|why| (rule.label(), why)));
        of_spool.extend(rule.is_of_spool().then(|| rule.label()));
    }
    if trace.steps().is_empty() && idle.is_empty() {
        writeln!(text, "  no rules")?;
    }
    for (rule, why) in idle {
        writeln!(text, "  rule {rule}: {why}")?;
    }
    for step in trace.steps() {
        match step {
            Step::Spooled {
                copy, asked_about, ..
            } => spooled::step(text, copy, asked_about.as_deref(), max_age)?,
            Step::PassedBy { reason, .. } => writeln!(text, "  no rule is asked: {reason}")?,
            Step::Look {
                found: Ok(size), ..
            } => {
                let size = size.map_or("of unknown size".to_owned(), |size| {
                    counted(size, "byte", "bytes")
                });
                writeln!(text, "  the file was looked at: {size}")?;
            }
            Step::Look {
                found: Err(why), ..
            } => writeln!(text, "  the file was looked at: {why}")?,
            // It is for copies alone, and there is none.
            Step::Rule {
                name,
                verdict: RuleVerdict::IsForOthers(_),
                ..
            } if of_spool.iter().any(|label| **label == **name) => {}
            Step::Rule {
                name,
                backend,
                verdict,
                ..
            } => {
                let carried = backend.map_or("a redirect".to_owned(), |name| format!("for {name}"));
                writeln!(text, "  rule {name}, {carried}: {verdict}")?;
            }
            Step::Denied { denial, .. } => writeln!(text, "  refused: {denial}")?,
            Step::Fetch {
                backend,
                method,
                url,
                ..
            } => fetch(text, *backend, method, url)?,
            _ => {}
        }
    }
    Ok(())
}

/// What somebody will ask of another server, without the query: it may be a permission.
fn fetch(
    text: &mut String,
    backend: Option<&str>,
    method: &Method,
    url: &Result<SignedUrl, String>,
) -> fmt::Result {
    match (backend, url) {
        (Some(_), Ok(url)) => writeln!(text, "    upstream request {method} {url}"),
        (None, Ok(url)) => writeln!(text, "    the client is sent to {url}"),
        (_, Err(why)) => writeln!(text, "    there is no URL for {method}: {why}"),
    }
}

fn is_of_another_server(mounted: &Mounted) -> bool {
    match &mounted.view().kind {
        ViewKind::Http(_) => true,
        ViewKind::Storage { storage, .. } => storage.kind.remote().is_some(),
        ViewKind::Object(object) => object.storage.kind.remote().is_some(),
        _ => false,
    }
}

/// What the server that has the file said, where the gateway asked it: only what is streamed is looked at.
fn origin(text: &mut String, response: &Response<DownloadBody>) -> fmt::Result {
    let of_copy = spooled::is_asked_about(response);
    match response.extensions().get::<Outcome>() {
        _ if of_copy == Some(true) => {
            writeln!(
                text,
                "origin    was asked, and says that the copy still holds"
            )
        }
        _ if of_copy == Some(false) => {
            writeln!(text, "origin    was not asked: the copy needs no question")
        }
        Some(Outcome::Delegated { .. } | Outcome::Redirected { .. }) => writeln!(
            text,
            "origin    was not asked: whoever fetches the file finds out whether it is there"
        ),
        Some(Outcome::Streamed { .. }) => {
            let length = response.headers().get(CONTENT_LENGTH);
            let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
            let length = length.map_or("of unknown size".to_owned(), |it| {
                counted(it, "byte", "bytes")
            });
            writeln!(text, "origin    was asked and has the file: {length}")
        }
        Some(Outcome::NotFound) => writeln!(
            text,
            "origin    was asked and has no such file, or does not show it"
        ),
        Some(Outcome::Failed { .. }) => {
            writeln!(
                text,
                "origin    gave no answer that can be used; the log says why"
            )
        }
        _ => Ok(()),
    }
}

/// What became of the request, and the head that would be sent.
fn answer(text: &mut String, response: &Response<DownloadBody>) -> fmt::Result {
    match response.extensions().get::<Outcome>() {
        Some(Outcome::Delegated { rule, backend, .. }) => {
            let backend = backend.name();
            writeln!(text, "outcome   delegated to {backend} by rule {rule}")?;
        }
        Some(Outcome::Redirected { rule, .. }) => {
            writeln!(text, "outcome   redirected by rule {rule}")?;
        }
        Some(Outcome::Streamed { reason, .. }) => {
            writeln!(text, "outcome   streamed by the gateway: {reason}")?;
        }
        Some(Outcome::Denied { denial, .. }) => {
            write!(text, "outcome   denied: {denial}")?;
            match response.headers().get(LOCATION) {
                Some(there) => writeln!(text, ", and the client is sent to {}", place(there))?,
                None => writeln!(text)?,
            }
        }
        Some(outcome) => match outcome.reason() {
            Some(reason) => writeln!(text, "outcome   {}: {reason}", outcome.kind())?,
            None => writeln!(text, "outcome   {}", outcome.kind())?,
        },
        None => writeln!(text, "outcome   an error")?,
    }
    writeln!(text, "answer    {}", response.status())?;
    headers(text, response.headers())
}

/// Where a redirect leads, without a query: it may hold a permission, or the state of a login.
fn place(location: &HeaderValue) -> String {
    let location = String::from_utf8_lossy(location.as_bytes());
    match location.split_once('?') {
        Some((place, _)) => format!("{place}?…"),
        None => location.into_owned(),
    }
}

fn headers(text: &mut String, headers: &HeaderMap) -> fmt::Result {
    for (name, value) in headers {
        let shown = String::from_utf8_lossy(value.as_bytes());
        match shown.split_once('?').filter(|_| value.is_sensitive()) {
            // A URL whose query may be a permission.
            Some((path, _)) => writeln!(text, "  {name}: {path}?…")?,
            None => writeln!(text, "  {name}: {shown}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_to_another_server_is_told_without_its_query() {
        let url = SignedUrl::parse("https://files.example/a.txt?signature=s3cr3t").expect("a URL");
        let told = |backend, method: &Method, url: Result<SignedUrl, String>| {
            let mut text = String::new();
            fetch(&mut text, backend, method, &url).expect("written");
            text
        };
        let by_proxy = told(Some("nginx"), &Method::GET, Ok(url.clone()));
        let expected = "    upstream request GET https://files.example/a.txt?…\n";
        assert_eq!(by_proxy, expected);
        let by_client = told(None, &Method::HEAD, Ok(url));
        let expected = "    the client is sent to https://files.example/a.txt?…\n";
        assert_eq!(by_client, expected);
        let none = told(None, &Method::GET, Err("no such file".to_owned()));
        assert_eq!(none, "    there is no URL for GET: no such file\n");
    }

    #[test]
    fn a_header_that_holds_a_permission_is_told_without_it() {
        let mut value = HeaderValue::from_static("/a.txt?signature=s3cr3t");
        value.set_sensitive(true);
        let name = HeaderName::from_static("x-download-target");
        let mut text = String::new();
        headers(&mut text, &HeaderMap::from_iter([(name, value)])).expect("written");
        assert_eq!(text, "  x-download-target: /a.txt?…\n");
    }
}
