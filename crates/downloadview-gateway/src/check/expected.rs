//! What should come of a request: the application's own steps, made here from the same file.
//!
//! The steps are those that `serve` takes and `explain` prints: route, view, decision. Nothing is decided a second time.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use bytes::{Bytes, BytesMut};
use downloadview::optimize::{self, Asked};
use downloadview::{DownloadBody, Optimizer};
use http::{HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use http_body_util::BodyExt as _;

use super::client::send;
use super::finding::{Finding, Part};
use super::obstacle::obstacles;
use super::setup::{Named, Setup};
use super::subject::{Case, Subject};
use super::user::Who;
use crate::app::{App, Peer};
use crate::explain;
use crate::probe::{Address, Ask, Expected};
use crate::witness::{Envelope, Kind, Seen};

/// As much as a probe keeps of an answer.
const MOST_BYTES: usize = 1024 * 1024;

/// A file as its storage gives it.
pub(super) struct Truth {
    /// Its first 1 MiB.
    pub(super) bytes: Bytes,
    /// Its size, if it is known.
    pub(super) size: Option<u64>,
    /// Where it lies, if on this machine.
    pub(super) path: Option<PathBuf>,
    /// Where it lies, if on another server: without a query, which may be a permission.
    pub(super) url: Option<String>,
}

/// Why no file can be asked for.
pub(super) struct Trouble {
    status: StatusCode,
    path: Option<PathBuf>,
    /// Where it lies, if on another server.
    url: Option<String>,
    has_rows: bool,
}

impl Truth {
    /// Reads the file that a request for `path` means, as if there were no proxy for it.
    pub(super) async fn of(app: &App, path: &str) -> Result<Self, Trouble> {
        let nothing = || Trouble {
            status: StatusCode::NOT_FOUND,
            path: None,
            url: None,
            has_rows: false,
        };
        let uri: Uri = path.parse().map_err(|_| nothing())?;
        let mounted = app.route(uri.path()).ok_or_else(nothing)?;
        let request = explain::request(&uri, None).map_err(|_| nothing())?;
        let (mut request, ()) = request.into_parts();
        let asked = mounted.asked(&mut request);
        let has_rows = matches!(mounted.view().kind, crate::config::ViewKind::Object(_));
        let found = mounted.find(&request).await;
        let found = found.map_err(|error| Trouble {
            status: error.status(),
            has_rows,
            ..nothing()
        })?;
        let places = found.file().places();
        let (path, url) = (places.path().map(Into::into), places.shown_url());
        let answer = optimize::answer(&asked, &[Optimizer::none().into()], found).await;
        let status = answer.status();
        let read = match status {
            StatusCode::OK => read(answer).await.ok(),
            _ => None,
        };
        let url = url.filter(|_| path.is_none());
        match read {
            Some((size, bytes)) => Ok(Self {
                bytes,
                size,
                path,
                url,
            }),
            None => Err(Trouble {
                status,
                url,
                path,
                has_rows: false,
            }),
        }
    }

    /// Why the application hands out no file that this process can read, if so: it does not go by what root may do.
    pub(super) async fn refused(&self, app: &App, case: &Case) -> Option<Trouble> {
        let expected = self.expected(app, case, None).await.ok()?;
        (expected.kind == Kind::NotSent).then(|| Trouble {
            status: StatusCode::NOT_FOUND,
            path: self.path.clone(),
            url: None,
            has_rows: false,
        })
    }

    /// Whether the storage gives what was placed.
    pub(super) fn storage(&self, subject: &Subject, case: &Case) -> Finding {
        let what = format!("storage of {}: {}", subject.route, case.kind.words());
        let asked = format!("the file of {}", case.shown());
        match &case.content {
            Some(placed) if *placed != self.bytes => {
                let came = "other bytes than were placed";
                Finding::wrong(&what, Part::Storage, asked, came).change(
                    "the folder that is written is not the one that is read: look at its mounts",
                )
            }
            _ => Finding::right(&what, asked, self.extent()),
        }
    }

    /// How much of the file is known.
    fn extent(&self) -> String {
        match self.size {
            _ if self.bytes.len() < MOST_BYTES => format!("{} bytes", self.bytes.len()),
            Some(size) if size == self.bytes.len() as u64 => format!("{size} bytes"),
            Some(size) => format!("the first 1 MiB of {size} bytes"),
            None => "the first 1 MiB".to_owned(),
        }
    }

    /// What the file's source itself makes of a GET with one more header, without a proxy, and without whatever this
    /// process adds to it.
    pub(super) async fn alone(
        &self,
        setup: &Setup,
        app: &App,
        case: &Case,
        (name, value): (HeaderName, HeaderValue),
    ) -> Option<StatusCode> {
        // The application judges conditions itself where an origin does not; it never makes parts of its own.
        if let Some(url) = self.url.as_ref().filter(|_| name != header::RANGE) {
            // A URL with a query is one that somebody signed.
            let url: Uri = url.parse().ok().filter(|url: &Uri| url.query().is_none())?;
            let (scheme, authority) = (url.scheme_str()?, url.authority()?);
            let origin: Address = format!("{scheme}://{authority}").parse().ok()?;
            let ask = Ask::get(url.path()).header(name, value);
            let answer = send(setup, &origin, &ask).await.ok()?;
            return Some(answer.status());
        }
        let uri: Uri = case.path.parse().ok()?;
        let mounted = app.route(uri.path())?;
        let (mut request, ()) = explain::request(&uri, None).ok()?.into_parts();
        request.headers.insert(name, value);
        let asked = mounted.asked(&mut request);
        let found = mounted.find(&request).await.ok()?;
        let answer = optimize::answer(&asked, &[Optimizer::none().into()], found).await;
        Some(answer.status())
    }

    /// Whether the source of the file cannot do what was asked of it: neither parts nor conditions are the fault of
    /// whoever stands before it.
    pub(super) async fn cannot(
        &self,
        setup: &Setup,
        app: &App,
        case: &Case,
        asked: (HeaderName, HeaderValue),
        what: &str,
    ) -> Option<Finding> {
        // Where there is no origin, the application judges conditions itself; by the date of a file that was placed
        // this very second it rightly does not.
        if self.url.is_none() && asked.0 != header::RANGE {
            return None;
        }
        let (part, by) = match &self.url {
            Some(_) => (Part::Origin, "the origin"),
            None => (Part::Storage, "the storage"),
        };
        let (lacks, so) = match asked.0 {
            header::RANGE => ("ranges", "a download that breaks off begins anew"),
            _ => ("conditions", "a client that has the file gets it again"),
        };
        let status = self.alone(setup, app, case, asked).await;
        (status == Some(StatusCode::OK))
            .then(|| Finding::note(what, format!("200: {by} has no {lacks}; {so}")).by(part))
    }

    /// What the application makes of a GET: of a client of its own, or of one that came through this proxy.
    ///
    /// # Errors
    ///
    /// The path cannot be asked for.
    pub(super) async fn expected(
        &self,
        app: &App,
        case: &Case,
        through: Option<&Named>,
    ) -> anyhow::Result<Expected> {
        let uri: Uri = case.path.parse()?;
        let mounted = app.route(uri.path()).context("no view has this path")?;
        let announced = through.and_then(|proxy| {
            let announced = proxy.announced.as_ref()?;
            Some((proxy.name.as_str(), announced))
        });
        let request = explain::request(&uri, announced)?;
        let envelope = Envelope::of(&request);
        let (mut request, ()) = request.into_parts();
        request.headers.extend(case.get().headers);
        let asked: Asked = mounted.asked(&mut request);
        let caller = mounted.caller(&asked, &request, Peer::Unknown);
        request.extensions.insert(caller);
        let permitted = mounted.permit(asked, &request).await;
        let asked = permitted.map_err(|refusal| anyhow!("refused: {}", refusal.status()))?;
        let found = mounted.find(&request).await;
        let response = mounted.answer(&asked, found).await;
        let seen = Seen::of(envelope, &response);
        Ok(Expected {
            kind: seen.kind,
            reason: seen.reason,
            hand_off: seen.hand_off,
            headers: response.headers().clone(),
            bytes: self.bytes.clone(),
            mistaken: case.mistaken.clone().into(),
        })
    }
}

async fn read(answer: Response<DownloadBody>) -> anyhow::Result<(Option<u64>, Bytes)> {
    let size = answer.headers().get(header::CONTENT_LENGTH);
    let size = size.and_then(|size| size.to_str().ok()?.parse().ok());
    let (mut body, mut bytes) = (answer.into_body(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let room = MOST_BYTES - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if bytes.len() == MOST_BYTES {
            break;
        }
    }
    Ok((size, bytes.freeze()))
}

impl Trouble {
    /// The part of the set-up because of which no file can be asked for.
    pub(super) fn finding(&self, subject: &Subject, case: &Case) -> Finding {
        let what = format!("storage of {}: {}", subject.route, case.kind.words());
        let asked = format!("the file of {}", case.shown());
        let status = self.status;
        if let Some(obstacles) = self.path.as_deref().and_then(obstacles) {
            let came = format!("{status}: {}", obstacles.words());
            let change = obstacles.change(&Who::gateway());
            return Finding::wrong(&what, Part::Permissions, asked, came).change(change);
        }
        if let Some(url) = &self.url {
            let change = "see whether that server runs, is reached from here, and has the file";
            let came = format!("{status} for {url}");
            return Finding::wrong(&what, Part::Origin, asked, came).change(change);
        }
        if self.has_rows && status.is_server_error() {
            let change = "see whether the database runs and is reached from here; its table and columns may have changed";
            return Finding::wrong(&what, Part::Database, asked, status.to_string()).change(change);
        }
        let change =
            "name an existing file with --file, or put this one where the view looks for it";
        Finding::wrong(&what, Part::Storage, asked, status.to_string()).change(change)
    }
}
