//! `downloadview explain`: which view, file, rule, backend and header a request would get, and why not the others.
//!
//! It asks the very services that `serve` would run, so it cannot be of another opinion than they are. Nothing
//! is sent and no content is read; a local file is looked at as it would be.

use std::fmt::{self, Write as _};

use downloadview::optimize::Outcome;
use downloadview::{Error, File};
use http::{HeaderMap, Request};

use crate::app::{self, App, Captured, Mounted};
use crate::config::{BackendKind, Config, RuleConfig, ViewKind};

/// Explains a GET of `path`.
///
/// # Errors
///
/// The configuration cannot be built. A path that leads nowhere is explained, not an error.
pub async fn explain(config: &Config, path: &str) -> anyhow::Result<String> {
    let app = app::build(config)?;
    let mut text = format!("GET {path}\n");
    match app.route(path) {
        None => no_view(&mut text, config)?,
        Some((mounted, captured)) => {
            let asked = Asked { path, captured };
            view(&mut text, config, mounted)?;
            file(&mut text, config, mounted, &asked).await?;
            answer(&mut text, app.clone(), &asked).await?;
        }
    }
    Ok(text)
}

struct Asked<'a> {
    path: &'a str,
    captured: Captured,
}

impl Asked<'_> {
    fn request(&self) -> anyhow::Result<Request<()>> {
        let mut request = Request::get(self.path).body(())?;
        request.extensions_mut().insert(self.captured.clone());
        Ok(request)
    }
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
        ViewKind::Virtual { .. } => {
            writeln!(text, "view      virtual: a text of the configuration")
        }
    }
}

/// The file that the view finds, and what each rule makes of it.
async fn file(
    text: &mut String,
    config: &Config,
    mounted: &Mounted,
    asked: &Asked<'_>,
) -> anyhow::Result<()> {
    let response = match mounted.inspect(asked.request()?.into_parts().0).await {
        Ok(response) => response,
        Err(error) => {
            writeln!(text, "file      none: {error}")?;
            return Ok(());
        }
    };
    let file = &**response.file();
    writeln!(text, "file      {}", file.name())?;
    if let Some(path) = file.path() {
        writeln!(text, "  path    {}", path.display())?;
    }
    if let Some(url) = file.url() {
        writeln!(text, "  url     {url}")?;
    }
    match file.metadata().await {
        Ok(found) => {
            let size = found.size();
            let size = size.map_or_else(|| "unknown".to_owned(), |size| format!("{size} bytes"));
            writeln!(text, "  size    {size}")?;
        }
        Err(error) => writeln!(text, "  size    none: {error}")?,
    }
    writeln!(text, "rules")?;
    let own = mounted
        .view()
        .rules
        .iter()
        .map(|rule| ("of the view", rule));
    let all = config
        .optimize
        .rules
        .iter()
        .map(|rule| ("of [optimize]", rule));
    let mut rules = own.chain(all).peekable();
    if rules.peek().is_none() {
        writeln!(text, "  none")?;
    }
    for (whose, rule) in rules {
        let (name, verdict) = judge(config, rule, file)?;
        writeln!(text, "  {name}, {whose}: {verdict}")?;
    }
    Ok(())
}

/// What one rule, alone, makes of the file.
fn judge(config: &Config, rule: &RuleConfig, file: &dyn File) -> Result<(String, String), Error> {
    let backend = rule.backend_or(config.optimize.backend);
    let built = app::rule(config, rule)?;
    let verdict = match (backend, built.resolve(file, None)) {
        (BackendKind::None, _) => "does nothing, there is no backend".to_owned(),
        (backend, Some(_)) => format!("takes it, for {}", backend.name()),
        (_, None) => "does not match the file's path or URL".to_owned(),
    };
    Ok((built.to_string(), verdict))
}

async fn answer(text: &mut String, mut app: App, asked: &Asked<'_>) -> anyhow::Result<()> {
    let response = match tower_service::Service::call(&mut app, asked.request()?).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    match response.extensions().get::<Outcome>() {
        Some(Outcome::Delegated { rule, backend, .. }) => {
            writeln!(
                text,
                "outcome   delegated to {} by rule {rule}",
                backend.name()
            )?;
        }
        Some(Outcome::Streamed { reason }) => {
            writeln!(text, "outcome   streamed by the gateway: {reason}")?;
        }
        Some(Outcome::Refused { reason }) => writeln!(text, "outcome   refused: {reason}")?,
        _ => writeln!(text, "outcome   an error")?,
    }
    writeln!(text, "answer    {}", response.status())?;
    headers(text, response.headers())?;
    Ok(())
}

fn headers(text: &mut String, headers: &HeaderMap) -> fmt::Result {
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        writeln!(text, "  {name}: {value}")?;
    }
    Ok(())
}
