//! Shared by the tests of the backends' rooms, and the tests of the optimizer itself.

use std::path::PathBuf;

use futures_util::FutureExt as _;
use http::{StatusCode, header, response};

use super::decide::{Decision, decide};
use super::plan::{Candidate, Plan};
use super::*;
use crate::backend::{Apache, Backend, CannotCarry, Escaping, Nginx};
use crate::content::{BoxFuture, Content, Metadata, Want};
use crate::error::Result;
use crate::file::{File, Places, VirtualFile};
use crate::response::{Download, DownloadResponse};
use crate::rule::{Mismatch, Rule, Target, TargetKind};
use crate::storage::StorageName;

/// A file that claims a path and a URL and fails the test if it is opened.
#[derive(Debug)]
pub(crate) struct Claimed(StorageName);

pub(crate) fn local_file(name: &str) -> Claimed {
    Claimed(StorageName::parse(name).unwrap())
}

impl File for Claimed {
    fn name(&self) -> &str {
        self.0.as_str().unwrap()
    }

    fn places(&self) -> Places {
        Places::new()
            .with_path(PathBuf::from("/srv/media").join(self.0.to_path()))
            .with_url(format!("/media/{}", self.0.to_url_path()))
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        panic!("looked at")
    }

    fn open<'a>(&'a self, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        panic!("opened")
    }
}

/// The head that `backend` makes of a download of `file` by a rule for its URL.
pub(crate) fn delegated(backend: impl Backend, file: impl File) -> response::Parts {
    let (head, outcome) = attempted(backend, file);
    outcome.expect("delegated");
    head
}

/// What every backend must keep of the head.
pub(crate) fn assert_keeps_the_disposition(backend: impl Backend) {
    let head = delegated(backend, local_file("a.txt"));
    let disposition = &head.headers[header::CONTENT_DISPOSITION];
    assert_eq!(disposition, "attachment; filename=\"a.txt\"");
    let content_type = &head.headers[header::CONTENT_TYPE];
    assert_eq!(content_type, "text/plain; charset=utf-8");
}

/// The length of the answer is that of its empty body.
pub(crate) fn assert_drops_the_body_length(backend: impl Backend) {
    let head = delegated(backend, local_file("a.txt"));
    assert_eq!(head.headers[header::CONTENT_LENGTH], "0");
}

/// A plain 200 without a word on ranges.
pub(crate) fn assert_leaves_ranges_to_the_proxy(backend: impl Backend) {
    let head = delegated(backend, local_file("a.txt"));
    assert_eq!(head.status, StatusCode::OK);
    assert!(!head.headers.contains_key(header::ACCEPT_RANGES));
    assert!(!head.headers.contains_key(header::CONTENT_RANGE));
}

/// The other kind of target is refused.
pub(crate) fn assert_refuses_the_wrong_target(backend: &dyn Backend) {
    let name = StorageName::parse("a").unwrap();
    let target = match backend.accepts() {
        TargetKind::Uri => Target::Path {
            folder: std::path::Path::new("/srv").into(),
            name,
        },
        TargetKind::Path | TargetKind::Remote => Target::Uri {
            prefix: "/x/".into(),
            name,
        },
    };
    assert!(backend.hand_off(&target, &http::HeaderMap::new()).is_err());
}

/// Why `backend` does not take `file`.
pub(crate) fn refusal(backend: impl Backend, file: impl File) -> Option<CannotCarry> {
    match attempted(backend, file).1 {
        Ok(_) => None,
        Err(Reason::CannotCarry(why)) => Some(CannotCarry { why }),
        Err(reason) => panic!("{reason}"),
    }
}

fn attempted(backend: impl Backend, file: impl File) -> (response::Parts, Result<(), Reason>) {
    let rule = match backend.accepts() {
        TargetKind::Uri => Rule::url("/media/").to_uri("/_internal/media/"),
        TargetKind::Path | TargetKind::Remote => Rule::url("/media/").to_path("/srv/media"),
    };
    let optimizer = Optimizer::builder(backend)
        .rule(rule.without_stat())
        .build();
    let (mut head, download) = DownloadResponse::new(file).into_parts().unwrap();
    // What a handler must not be able to add to a delegated head.
    for name in [
        header::CONTENT_LENGTH,
        header::ACCEPT_RANGES,
        header::CONTENT_RANGE,
    ] {
        head.headers.insert(name, "99".parse().unwrap());
    }
    let (head, outcome) = decided(optimizer.unwrap(), head, &download);
    let outcome = match outcome {
        Plan::HandOff { .. } | Plan::Redirect { .. } | Plan::Prepare(_) => Ok(()),
        Plan::Stream(reason) | Plan::Refuse(reason) => Err(reason),
    };
    (head, outcome)
}

/// The head and the outcome of a download that needs no look.
fn decided(
    optimizer: Optimizer,
    mut head: response::Parts,
    download: &Download,
) -> (response::Parts, Plan) {
    let asked = Asked::of(&mut http::Request::new(()));
    let fronts = [optimizer.into()];
    let candidate = Candidate::new(download);
    let mut decision = Decision::new();
    decide(&asked, &fronts, &mut head, &candidate, &mut decision)
        .now_or_never()
        .expect("without waiting");
    (head, decision.plan.expect("no look, no error"))
}

fn outcome(optimizer: Optimizer, response: DownloadResponse) -> (response::Parts, Plan) {
    let (head, download) = response.into_parts().unwrap();
    decided(optimizer, head, &download)
}

fn reason(optimizer: Optimizer, response: DownloadResponse) -> Option<Reason> {
    match outcome(optimizer, response).1 {
        Plan::HandOff { .. } | Plan::Redirect { .. } | Plan::Prepare(_) => None,
        Plan::Stream(reason) | Plan::Refuse(reason) => Some(reason),
    }
}

fn nginx() -> OptimizerBuilder {
    Optimizer::builder(Nginx::new())
}

#[test]
fn the_first_rule_that_matches_wins() {
    for (name, expected) in [("private/a", "/private/a"), ("a", "/by-dir/a")] {
        let optimizer = nginx()
            .rule(
                Rule::url("/media/private/")
                    .to_uri("/private/")
                    .without_stat(),
            )
            .rule(Rule::dir("/srv/media").to_uri("/by-dir/").without_stat())
            .rule(Rule::url("/media/").to_uri("/by-url/").without_stat())
            .build()
            .unwrap();
        let (head, _) = outcome(optimizer, DownloadResponse::new(local_file(name)));
        assert_eq!(head.headers["x-accel-redirect"], expected);
    }
}

#[test]
fn a_rule_that_cannot_have_the_file_leaves_it_to_the_next() {
    let optimizer = Optimizer::builder(Apache::new())
        .rule(Rule::dir("/srv/media").to_path("/srv\n").without_stat())
        .rule(Rule::dir("/srv/media").to_path("/srv").without_stat())
        .build()
        .unwrap();
    let (head, _) = outcome(optimizer, DownloadResponse::new(local_file("a")));
    assert_eq!(head.headers["x-sendfile"], "/srv/a");
}

#[test]
fn a_rule_can_have_a_backend_of_its_own() {
    for (name, rate) in [("slow/a", Some("7")), ("a", None)] {
        let optimizer = nginx()
            .rule_for(
                Nginx::new().limit_rate(7),
                Rule::url("/media/slow/").to_uri("/slow/").without_stat(),
            )
            .rule(Rule::url("/media/").to_uri("/x/").without_stat())
            .build()
            .unwrap();
        let (head, _) = outcome(optimizer, DownloadResponse::new(local_file(name)));
        let sent = head.headers.get("x-accel-limit-rate");
        assert_eq!(sent.map(|value| value.to_str().unwrap()), rate);
    }
}

#[test]
fn says_why_a_download_is_not_delegated() {
    let elsewhere = || {
        let rule = Rule::url("/elsewhere/").to_uri("/x/");
        nginx().rule(rule).build().unwrap()
    };
    let virt = || DownloadResponse::new(VirtualFile::from_text("a.txt", "a"));
    let local = || DownloadResponse::new(local_file("a"));
    assert_eq!(reason(Optimizer::none(), local()), Some(Reason::NoBackend));
    assert_eq!(reason(elsewhere(), local()), Some(Reason::NoRuleMatched));
    assert_eq!(reason(elsewhere(), virt()), Some(Reason::NoPathAndNoUrl));
    let streamed = local().without_optimization();
    assert_eq!(reason(elsewhere(), streamed), Some(Reason::NotOptimized));
}

#[test]
fn an_answer_that_is_not_200_is_never_delegated() {
    let rule = Rule::url("/media/").to_uri("/x/");
    let optimizer = nginx().rule(rule).build().unwrap();
    let (mut head, download) = DownloadResponse::new(local_file("a")).into_parts().unwrap();
    head.status = StatusCode::FORBIDDEN;
    let (_, outcome) = decided(optimizer, head, &download);
    let reason = Reason::Status;
    assert!(matches!(outcome, Plan::Stream(it) if it == reason));
}

#[test]
fn a_trace_tells_what_each_rule_made_of_the_file() {
    let optimizer = nginx()
        .rule(Rule::url("/elsewhere/").to_uri("/x/"))
        .rule_for(
            Apache::new().escaping(Escaping::Raw),
            Rule::dir("/srv/media").to_path("/srv\n").without_stat(),
        )
        .rule(Rule::url("/media/").to_uri("/x/").without_stat())
        .rule(Rule::dir("/srv").to_uri("/x/"))
        .build()
        .unwrap();
    let (mut head, download) = DownloadResponse::new(local_file("a")).into_parts().unwrap();
    let asked = Asked::of(&mut http::Request::new(()));
    let fronts = [Optimizer::none().into(), optimizer.into()];
    let candidate = Candidate::new(&download);
    let mut decision = Decision::new();
    decide(&asked, &fronts, &mut head, &candidate, &mut decision)
        .now_or_never()
        .expect("without waiting");
    let trace = Trace::of(
        &decision,
        &asked,
        &fronts,
        StatusCode::OK,
        &Candidate::new(&download),
    );
    let rule = |name: &str, backend, verdict| Step::Rule {
        name: name.into(),
        backend: Some(backend),
        verdict,
    };
    let why = "a header cannot hold the control bytes of the name";
    let reason = Reason::NoBackend;
    assert_eq!(
        trace.steps(),
        [
            Step::PassedBy { reason },
            rule(
                "/elsewhere/",
                "nginx",
                RuleVerdict::IsForOthers(Mismatch::OtherUrl)
            ),
            rule(
                "/srv/media",
                "apache",
                RuleVerdict::Cannot(Reason::CannotCarry(why.into()))
            ),
            rule("/media/", "nginx", RuleVerdict::Decides),
            rule("/srv", "nginx", RuleVerdict::Would),
        ]
    );
}

#[test]
fn unmatched_refuses_only_what_rules_should_have_taken() {
    let refusing = nginx()
        .rule(Rule::url("/elsewhere/").to_uri("/x/"))
        .unmatched(Unmatched::Refuse)
        .build()
        .unwrap();
    let outcome = refusing.without_delegation(Reason::NoRuleMatched);
    assert!(matches!(outcome, Plan::Refuse(_)));
    let outcome = refusing.without_delegation(Reason::NoPathAndNoUrl);
    assert!(matches!(outcome, Plan::Stream(_)));
}

#[test]
fn warns_once_for_each_route() {
    let optimizer = nginx().build().unwrap();
    let reason = &Reason::NoRuleMatched;
    let warned = ["/a", "/a", "/b", "/a"].map(|route| optimizer.warns(reason, Some(route)));
    assert_eq!(warned, [true, false, true, false]);
    assert!(!optimizer.warns(&Reason::NotOptimized, Some("/c")));
}

#[test]
fn a_rule_that_its_backend_cannot_take_fails_when_built() {
    for (rule, complaint) in [
        (
            Rule::url("/m/").to_path("/srv"),
            "rule `/m/`: nginx takes a URI: use `to_uri`",
        ),
        (
            Rule::url("m/").to_uri("/x/"),
            "rule `m/`: the source `m/` does not start with `/`",
        ),
        (
            Rule::url("/m/").to_uri("x/"),
            "rule `/m/`: the destination `x/` does not start with `/`",
        ),
        (
            Rule::dir("srv").to_uri("/x/"),
            "rule `srv`: the source folder srv is not absolute",
        ),
    ] {
        match nginx().rule(rule).build() {
            Err(error) => assert_eq!(error.to_string(), complaint),
            other => panic!("{other:?}"),
        }
    }
}
