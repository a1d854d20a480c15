//! The clocks of those who answer: links that end at a time end at another where two clocks differ.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use super::client::{get, send};
use super::finding::{Finding, Part};
use super::setup::Setup;
use crate::probe::Address;

/// How much two clocks may differ.
pub(super) const SKEW: Duration = Duration::from_secs(30);
pub(super) const CHANGE: &str = "let both machines take their time from one source (NTP)";

/// How far the clock of the server that answers differs from ours. `None` without an answer, which another finding
/// reports.
pub(super) async fn check(setup: &Setup, name: &str, address: &Address) -> Option<Finding> {
    let what = format!("{name}: its clock");
    let answer = send(setup, address, &get("/")).await.ok()?;
    let apart = apart(answer.headers())?;
    let asked = format!("the date of {address}");
    Some(match apart > SKEW {
        true => {
            let came = format!("{} s from this machine's", apart.as_secs());
            Finding::wrong(&what, Part::Clock, asked, came).change(CHANGE)
        }
        false => Finding::right(&what, asked, date(answer.headers())?),
    })
}

/// How far the date of an answer is from now, either way.
pub(super) fn apart(headers: &HeaderMap) -> Option<Duration> {
    let there = httpdate::parse_http_date(date(headers)?).ok()?;
    let here = SystemTime::now();
    let apart = there
        .duration_since(here)
        .or_else(|_| here.duration_since(there));
    Some(apart.unwrap_or_default())
}

fn date(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::DATE)?.to_str().ok()
}
