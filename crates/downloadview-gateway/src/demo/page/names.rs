//! What becomes of a file name: the header for each proxy, and the name under which it is saved.
//!
//! The name goes the one way of every download, through [`answer`]; only the look at the file is left out, since there
//! is none.

use std::sync::Arc;

use downloadview::backend::Backend;
use downloadview::file::StorageFile;
use downloadview::optimize::{Asked, Front, Outcome, answer};
use downloadview::storage::{LocalStorage, StorageName};
use downloadview::{BuildError, DownloadResponse, Optimizer, Rule};
use http::{HeaderMap, Request, header};
use minijinja::{Value, context};
use percent_encoding::percent_decode_str;

use crate::demo::backends::{apache, caddy, lighttpd, nginx};
use crate::demo::files::{Files, media};

/// The longest text that is looked at, in bytes; no file system has longer names.
const LONGEST: usize = 1024;

/// The rules of every proxy, installed or not.
#[derive(Debug)]
pub(super) struct Fronts {
    storage: Arc<LocalStorage>,
    fronts: Vec<(&'static str, Front)>,
}

impl Fronts {
    /// The rules as the application has them, for files that are not there.
    pub(super) fn new(files: &Files) -> downloadview::Result<Self> {
        let by_uri = || Rule::url("/media/").to_uri("/_internal/media/");
        let by_path = || Rule::url("/media/").to_path("/srv/media");
        Ok(Self {
            storage: Arc::new(media(files)?),
            fronts: vec![
                ("nginx", front(nginx(), by_uri())?),
                ("apache", front(apache(), by_path())?),
                ("lighttpd", front(lighttpd(), by_path())?),
                ("caddy", front(caddy(), by_uri())?),
            ],
        })
    }

    /// What becomes of `typed`, as the template shows it.
    pub(super) async fn of(&self, typed: &str) -> Value {
        if typed.len() > LONGEST {
            return context! { typed => "", error => format!("the name is longer than {LONGEST} bytes") };
        }
        let name = match StorageName::parse(typed) {
            Ok(name) => name,
            Err(error) => return context! { typed => typed, error => error.to_string() },
        };
        let (mut rows, mut disposition) = (Vec::new(), String::new());
        for &(proxy, ref front) in &self.fronts {
            let mut request = Request::new(());
            let asked = Asked::of(&mut request);
            let file = StorageFile::new(Arc::clone(&self.storage), name.clone());
            let response = answer(
                &asked,
                std::slice::from_ref(front),
                DownloadResponse::new(file),
            )
            .await;
            let carried = hand_off(response.headers());
            if carried.is_some() {
                disposition = text_of(response.headers(), &header::CONTENT_DISPOSITION);
            }
            let outcome = response.extensions().get::<Outcome>();
            let why = outcome.and_then(Outcome::reason).map(ToString::to_string);
            rows.push(context! { proxy => proxy, header => carried, why => why });
        }
        let saved = saved_as(&disposition);
        context! { typed => typed, rows => rows, disposition => disposition, saved => saved }
    }
}

fn front(backend: impl Backend, rule: Rule) -> Result<Front, BuildError> {
    let rules = Optimizer::builder(backend).rule(rule.without_stat());
    Ok(rules.build()?.into())
}

/// The header that names the file.
fn hand_off(headers: &HeaderMap) -> Option<String> {
    let named = ["x-accel-redirect", "x-sendfile"].into_iter();
    let mut found = named.filter_map(|name| {
        let value = headers.get(name)?;
        let value = String::from_utf8_lossy(value.as_bytes());
        Some(format!("{name}: {value}"))
    });
    found.next()
}

fn text_of(headers: &HeaderMap, name: &header::HeaderName) -> String {
    let value = headers.get(name).map(|value| value.as_bytes());
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

/// The name that a client reads from `Content-Disposition`: the exact one, or else the plain one (RFC 6266, section
/// 4.3).
fn saved_as(disposition: &str) -> Option<String> {
    if let Some((_, exact)) = disposition.split_once("filename*=UTF-8''") {
        return Some(percent_decode_str(exact).decode_utf8_lossy().into_owned());
    }
    let (_, quoted) = disposition.split_once("filename=\"")?;
    let name = quoted.strip_suffix('"')?;
    Some(name.replace("\\\"", "\"").replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_name_counts_more_than_the_plain_one() {
        let both =
            "attachment; filename=\"ete .txt\"; filename*=UTF-8''%C3%A9t%C3%A9%20%E2%82%AC.txt";
        assert_eq!(saved_as(both).as_deref(), Some("été €.txt"));
        let plain = "attachment; filename=\"a \\\"b\\\".txt\"";
        assert_eq!(saved_as(plain).as_deref(), Some("a \"b\".txt"));
        assert_eq!(saved_as(""), None);
    }
}
