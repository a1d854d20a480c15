//! The step that asks another program: `[views.authorize]`.
//!
//! The path that it is asked about is written anew from the values of the route's parameters, in the one spelling that
//! each has, so that nobody is asked about one file and the view finds another.

use std::fs;

use downloadview::authorize::{AccessRequest, Authorizer, Verdict};
use downloadview::content::BoxFuture;
use downloadview::error::AuthorizerFault;
use downloadview::fetch::Client;
use downloadview::permission::{Denial, Grant};
use downloadview::storage::StorageName;
use downloadview::{BuildError, Error, Result};
use http::request::Parts;

use super::permit::{Refused, Step};
use crate::config::{AuthorizeConfig, AuthorizeHost, Route};

/// What is asked about the requests of one view.
#[derive(Debug)]
pub(super) struct Ask {
    authorizer: Authorizer,
    pattern: String,
    /// The route alone, to tell the values of all its parameters.
    route: matchit::Router<()>,
}

impl Ask {
    pub(super) fn new(authorizer: Authorizer, route: &Route) -> Self {
        Self {
            authorizer,
            pattern: route.pattern().to_owned(),
            route: route.router(),
        }
    }

    /// The question about a request.
    fn question<'a>(&'a self, request: &'a Parts) -> Result<AccessRequest<'a>> {
        let path = request.uri.path();
        let found = self.route.at(path).map_err(|_| Error::NotFound)?;
        let values = found.params.iter();
        let values: Vec<_> = values
            .map(|(name, value)| Ok((name, value, StorageName::from_encoded(value)?)))
            .collect::<Result<_>>()?;
        // Each value is a part of the path, and stands behind the one before.
        let (mut canonical, mut rest) = (String::with_capacity(path.len()), path);
        for (_, value, name) in &values {
            let start = value.as_ptr().addr() - rest.as_ptr().addr();
            canonical.push_str(&rest[..start]);
            canonical.push_str(&name.to_url_path());
            rest = &rest[start + value.len()..];
        }
        canonical.push_str(rest);
        let question = AccessRequest::at(request, canonical).route(&self.pattern);
        Ok(values.iter().fold(question, |question, (name, _, value)| {
            question.parameter(name, value.as_bytes())
        }))
    }
}

impl Step for Ask {
    fn name(&self) -> &'static str {
        "authorize"
    }

    fn check<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Grant, Refused>> {
        Box::pin(async move {
            let question = self.question(request).map_err(|error| Refused {
                denial: AuthorizerFault::NotAsked(error.status()).into(),
                answer: Some(Box::new(error.into_response())),
            })?;
            match self.authorizer.ask(&question).await {
                Verdict::Allowed(grant) => Ok(grant),
                Verdict::Denied {
                    response, denial, ..
                } => Err(Refused {
                    denial,
                    answer: Some(response),
                }),
                _ => Err(Denial::from(AuthorizerFault::Unavailable).into()),
            }
        })
    }
}

/// The authorizer that the file describes. Nothing is connected to. `client` is shared, unless the file names
/// certificates.
pub(super) fn authorizer(client: &Client, config: &AuthorizeConfig) -> Result<Authorizer> {
    let of_its_own = config.ca_file.as_deref().map(|file| {
        let failed = |what: String| BuildError::new(format!("{}: {what}", file.display()));
        let pem = fs::read(file).map_err(|error| failed(error.to_string()))?;
        let built = Client::builder().root_certificate(pem).build();
        built.map_err(|error| failed(error.to_string()))
    });
    let of_its_own = of_its_own.transpose()?;
    let client = of_its_own.as_ref().unwrap_or(client);
    let mut builder = Authorizer::builder(client, config.url.expose());
    if let Some(names) = &config.forward_headers {
        builder = builder.forward_headers(names.iter().cloned());
    }
    if config.host == AuthorizeHost::Client {
        builder = builder.client_host();
    }
    if let Some(login) = &config.login {
        builder = builder.login(login);
    }
    if let Some(name) = &config.require_header {
        builder = builder.require_header(name.clone());
    }
    if let Some(timeout) = config.connect_timeout {
        builder = builder.connect_timeout(timeout);
    }
    if let Some(timeout) = config.timeout {
        builder = builder.timeout(timeout);
    }
    if let Some(questions) = config.concurrency {
        builder = builder.concurrency(questions.get());
    }
    if let Some(life) = config.cache {
        builder = builder.cache(life);
    }
    Ok(builder.build()?)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn asked(pattern: &str, target: &str) -> Result<String> {
        let text = format!(
            "[[views]]\nroute = '{pattern}'\nkind = 'path'\npath = '/a'\nauthorize.url = 'http://127.0.0.1:1/'"
        );
        let config = crate::config::Config::parse(&text, "a.toml".as_ref()).expect("valid");
        let client = Client::new().expect("a client");
        let view = &config.views[0];
        let authorize = view.authorize.as_deref().expect("it is there");
        let authorizer = authorizer(&client, authorize).expect("built");
        let ask = Ask::new(authorizer, &view.route);
        let (parts, ()) = Request::get(target).body(()).expect("valid").into_parts();
        Ok(ask.question(&parts)?.uri())
    }

    #[test]
    fn what_is_asked_about_is_spelled_in_one_way() {
        for (pattern, target, expected) in [
            ("/a", "/a?b=c", "/a?b=c"),
            ("/{name}", "/%61%20b", "/a%20b"),
            ("/f/{*path}", "/f/a/./%62?X-Download-Key=1&c", "/f/a/b?c"),
            ("/{tenant}/x/{*path}", "/%C3%A9/x/a+b", "/%C3%A9/x/a%2Bb"),
            ("/v-{version}", "/v-%31", "/v-1"),
            ("/{{a}}/{b}", "/{a}/b", "/{a}/b"),
        ] {
            assert_eq!(
                asked(pattern, target).expect("asked"),
                expected,
                "{pattern} {target}"
            );
        }
        for (pattern, target, status) in [
            ("/{name}", "/a%2fb", 400),
            ("/{name}", "/..", 400),
            ("/f/{*path}", "/f/a/..%2fb", 400),
            ("/f/{*path}", "/f/a/../b", 400),
            ("/f/{*path}", "/f//a", 404),
            ("/f/{*path}", "/f/%zz", 400),
        ] {
            let error = asked(pattern, target).expect_err("refused");
            assert_eq!(error.status(), status, "{pattern} {target}");
        }
    }
}
