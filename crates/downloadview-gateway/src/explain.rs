//! `downloadview explain`: which view, file, rule, backend and header a request would get, and why not the others.
//!
//! It asks the very services that `serve` would run, so it cannot be of another opinion than they are. Nothing
//! is sent and no content is read; a local file is looked at as it would be.

use std::fmt::{self, Write as _};

use anyhow::bail;
use downloadview::content::Metadata;
use downloadview::optimize::{ANNOUNCEMENT, Outcome};
use downloadview::{Error, File};
use http::{HeaderMap, Request, Uri};

use crate::app::{self, App, Captured, Mounted};
use crate::config::{AnnouncedProxy, BackendKind, Config, RuleConfig, ViewKind};

/// Explains a GET of `uri`, whose query no view looks at: as if the announced proxy `proxy` had asked, or else nobody
/// in between.
///
/// # Errors
///
/// The configuration cannot be built, or announces no such proxy. A path that leads nowhere is explained, not an error.
pub async fn explain(config: &Config, uri: &Uri, proxy: Option<&str>) -> anyhow::Result<String> {
    let proxy = proxy.map(|name| announced(config, name)).transpose()?;
    let app = app::build(config).await?;
    let mut text = format!("GET {uri}\n");
    if config.optimize.backend == BackendKind::Announced {
        from(&mut text, config, proxy)?;
    }
    match app.route(uri.path()) {
        None => no_view(&mut text, config)?,
        Some((mounted, captured)) => {
            let asked = Asked {
                uri,
                captured,
                proxy,
            };
            view(&mut text, config, mounted)?;
            file(&mut text, config, mounted, &asked).await?;
            answer(&mut text, app.clone(), &asked).await?;
        }
    }
    Ok(text)
}

/// An announced proxy and its name.
type Named<'a> = (&'a str, &'a AnnouncedProxy);

fn announced<'a>(config: &'a Config, name: &str) -> anyhow::Result<Named<'a>> {
    let proxies = &config.optimize.proxies;
    if let Some((name, proxy)) = proxies.get_key_value(name) {
        return Ok((name, proxy));
    }
    let file = config.file.display();
    let known: Vec<_> = proxies.keys().map(String::as_str).collect();
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

struct Asked<'a> {
    uri: &'a Uri,
    captured: Captured,
    proxy: Option<Named<'a>>,
}

impl Asked<'_> {
    fn request(&self) -> anyhow::Result<Request<()>> {
        let mut request = Request::get(self.uri.clone()).body(())?;
        request.extensions_mut().insert(self.captured.clone());
        if let Some((name, proxy)) = self.proxy {
            let announcement = format!("{name} {}", proxy.secret.expose());
            let headers = request.headers_mut();
            headers.insert(ANNOUNCEMENT, announcement.try_into()?);
        }
        Ok(request)
    }
}

fn from(text: &mut String, config: &Config, proxy: Option<Named<'_>>) -> fmt::Result {
    if let Some((name, proxy)) = proxy {
        let kind = proxy.backend.name();
        return writeln!(
            text,
            "through   the announced proxy {name}, which is {kind}"
        );
    }
    let names: Vec<_> = config.optimize.proxies.keys().map(String::as_str).collect();
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
            let because = std::error::Error::source(&error);
            let because = because.map(|source| format!(": {source}"));
            writeln!(
                text,
                "file      none: {error}{}",
                because.unwrap_or_default()
            )?;
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
    let metadata = file.metadata().await;
    match &metadata {
        Ok(found) => {
            let size = found.size();
            let size = size.map_or_else(|| "unknown".to_owned(), |size| format!("{size} bytes"));
            writeln!(text, "  size    {size}")?;
        }
        Err(error) => writeln!(text, "  size    none: {error}")?,
    }
    rules(text, config, mounted, asked, file, metadata.as_ref().ok())
}

/// What each rule makes of the file, in the order in which they are asked: first those of the view, then all others.
fn rules(
    text: &mut String,
    config: &Config,
    mounted: &Mounted,
    asked: &Asked<'_>,
    file: &dyn File,
    metadata: Option<&Metadata>,
) -> anyhow::Result<()> {
    writeln!(text, "rules")?;
    let (of_view, others) = layers(config, mounted, asked);
    if of_view.is_empty() && others.is_empty() {
        writeln!(text, "  none")?;
    }
    let mut decided = None;
    if !mounted.view().optimize {
        decided = Some("the view says `optimize = false`");
    }
    for layer in [of_view, others] {
        let mut stopped = None;
        for (whose, rule) in layer {
            let (name, verdict) = judge(config, rule, file, metadata, asked.proxy)?;
            let said = match (verdict, decided.or(stopped)) {
                (Verdict::LeavesIt(why), _) => why,
                (Verdict::Takes(backend) | Verdict::LosesIt(backend), Some(reason)) => {
                    format!("would take it, for {backend}, but {reason}")
                }
                (Verdict::Takes(backend), None) => {
                    decided = Some("an earlier rule does");
                    format!("takes it, for {backend}: it decides")
                }
                (Verdict::LosesIt(backend), None) => {
                    stopped = Some("an earlier rule does");
                    format!("takes it, for {backend}, but a symbolic link leads out of the rule")
                }
            };
            writeln!(text, "  {name}, of {whose}: {said}")?;
        }
    }
    Ok(())
}

/// The rules of the view and all others, in order, each with whose it is.
fn layers<'a>(
    config: &'a Config,
    mounted: &'a Mounted,
    asked: &Asked<'a>,
) -> (Vec<Owned<'a>>, Vec<Owned<'a>>) {
    let of_view = mounted.view().rules.iter();
    let of_view = of_view.map(|rule| ("the view".to_owned(), rule));
    let of_proxy = asked.proxy.into_iter().flat_map(|(name, proxy)| {
        let whose = format!("the proxy {name}");
        proxy.rules.iter().map(move |rule| (whose.clone(), rule))
    });
    let of_all = config.optimize.rules.iter();
    let of_all = of_all.map(|rule| ("[optimize]".to_owned(), rule));
    (of_view.collect(), of_proxy.chain(of_all).collect())
}

/// A rule and whose it is.
type Owned<'a> = (String, &'a RuleConfig);

/// What a rule, alone, makes of a file.
enum Verdict {
    /// It is for this backend.
    Takes(&'static str),
    /// It would be, but the file lies elsewhere; no later rule of the same layer is asked.
    LosesIt(&'static str),
    /// It is not, for this reason.
    LeavesIt(String),
}

/// The name of a rule, and its verdict on a file that a look told this of.
fn judge(
    config: &Config,
    rule: &RuleConfig,
    file: &dyn File,
    metadata: Option<&Metadata>,
    proxy: Option<Named<'_>>,
) -> Result<(String, Verdict), Error> {
    let backend = rule.backend_or(config.optimize.backend);
    let built = app::rule(config, rule)?;
    let seen = metadata.filter(|_| rule.stat);
    let here = match proxy {
        _ if config.optimize.backend != BackendKind::Announced => true,
        Some((_, proxy)) => proxy.backend == backend,
        None => false,
    };
    let name = backend.name();
    let matches = [built.resolve(file, None), built.resolve(file, seen)].map(|it| it.is_some());
    let verdict = match matches {
        _ if backend == BackendKind::None => {
            Verdict::LeavesIt("does nothing, there is no backend".to_owned())
        }
        _ if !here => Verdict::LeavesIt(format!("is for {name} alone")),
        [true, true] => Verdict::Takes(name),
        [true, false] => Verdict::LosesIt(name),
        [false, _] => Verdict::LeavesIt("does not match the file's path or URL".to_owned()),
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
