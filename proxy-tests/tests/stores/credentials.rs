//! Credentials for a while, from an agent beside the program and from a service that gives out roles.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use proxy_tests::{ACCESS_KEY_ID, Application, S3s, SECRET_ACCESS_KEY, Site};

use crate::served::{Served, unsigned};

/// What goes to the agent so that it knows us.
const PASS: &str = "the-pods-own-token";

/// Makes the agent say more than anybody should read.
const ENDLESS: &str = "endless";

/// An agent that gives the bucket's key to whoever has the pass.
struct Agent {
    _app: Application,
    site: Site,
    asked: Arc<AtomicUsize>,
}

impl Agent {
    fn start() -> Self {
        let site = Site::new("");
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let answer = async move |headers: HeaderMap| {
            counter.fetch_add(1, Ordering::Relaxed);
            keys(&headers)
        };
        let router = Router::new()
            .route("/credentials", get(answer))
            .route("/", post(role));
        Self {
            _app: Application::start(site.app(), async { router }),
            site,
            asked,
        }
    }

    fn variables(&self, pass: &str) -> HashMap<&'static str, String> {
        self.site.write("pass", pass);
        let file = self.site.path("pass").to_string_lossy().into_owned();
        let uri = format!("http://{}/credentials", self.site.app());
        HashMap::from([
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file),
        ])
    }
}

fn keys(headers: &HeaderMap) -> Response {
    let keys = format!(
        "{{\"AccessKeyId\":\"{ACCESS_KEY_ID}\",\"SecretAccessKey\":\"{SECRET_ACCESS_KEY}\",\"Token\":\"t\",\
         \"Expiration\":\"2100-01-01T00:00:00Z\"}}"
    );
    let pass = headers.get(header::AUTHORIZATION);
    match pass.and_then(|pass| pass.to_str().ok()) {
        Some(PASS) => keys.into_response(),
        // Valid, and far larger than any answer of an agent.
        Some(ENDLESS) => (keys + &" ".repeat(1_000_000)).into_response(),
        _ => (StatusCode::FORBIDDEN, "no s3cr3t for you").into_response(),
    }
}

/// STS, `AssumeRoleWithWebIdentity`.
async fn role(asked: Uri) -> Response {
    let query = asked.query().unwrap_or_default();
    let wanted = [
        "Action=AssumeRoleWithWebIdentity",
        "WebIdentityToken=a.web.token",
        "role%2Freader",
    ];
    if !wanted.iter().all(|part| query.contains(part)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
         <SessionToken>t</SessionToken><SecretAccessKey>{SECRET_ACCESS_KEY}</SecretAccessKey>\
         <Expiration>2100-01-01T00:00:00Z</Expiration><AccessKeyId>{ACCESS_KEY_ID}</AccessKeyId>\
         </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )
    .into_response()
}

fn served(store: &S3s, variables: &HashMap<&'static str, String>) -> Served {
    let bucket = unsigned(store.address()).variables(&|name| variables.get(name).cloned());
    let bucket = bucket.expect("complete").build();
    Served::new(bucket.expect("valid"))
}

#[test]
fn an_agents_key_is_asked_for_once_and_signs_every_request() {
    let (store, agent) = (S3s::start(), Agent::start());
    store.put("a", b"a");
    let app = served(&store, &agent.variables(PASS));
    assert_eq!(
        agent.asked.load(Ordering::Relaxed),
        0,
        "before it is needed"
    );
    for _ in 0..3 {
        assert_eq!(app.get("/a").status, 200);
    }
    assert_eq!(agent.asked.load(Ordering::Relaxed), 1);
}

#[test]
fn an_agent_that_refuses_is_503_without_a_word_of_the_agents() {
    let (store, agent) = (S3s::start(), Agent::start());
    store.put("a", b"a");
    let app = served(&store, &agent.variables("another"));
    let answer = app.get("/a");
    assert_eq!(answer.status, 503, "{}", answer.head());
    assert!(answer.has("Retry-After"));
    assert!(!answer.text().contains("s3cr3t"), "{}", answer.text());
}

#[test]
fn an_agent_that_does_not_stop_is_not_read_to_its_end() {
    let (store, agent) = (S3s::start(), Agent::start());
    store.put("a", b"a");
    let app = served(&store, &agent.variables(ENDLESS));
    assert_eq!(app.get("/a").status, 503);
}

#[test]
fn a_role_of_a_cluster_signs() {
    let (store, agent) = (S3s::start(), Agent::start());
    store.put("a", b"a");
    agent.site.write("token", "a.web.token");
    let token = agent.site.path("token").to_string_lossy().into_owned();
    let variables = HashMap::from([
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
        (
            "AWS_ROLE_ARN",
            "arn:aws:iam::123456789012:role/reader".to_owned(),
        ),
        (
            "AWS_ENDPOINT_URL_STS",
            format!("http://{}", agent.site.app()),
        ),
    ]);
    let answer = served(&store, &variables).get("/a");
    assert_eq!((answer.status, answer.text().as_str()), (200, "a"));
}
