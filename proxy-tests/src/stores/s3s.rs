//! The crate `s3s` over a folder, in this process.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;

use super::{ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY};
use crate::application::Application;
use crate::origin::Asked;
use crate::port;

/// A running server with one bucket, a folder. It answers nothing without a signature.
#[derive(Debug)]
pub struct S3s {
    _server: Application,
    address: SocketAddr,
    folder: TempDir,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl S3s {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        fs::create_dir(folder.path().join(BUCKET)).expect("a folder can be made");
        let files = FileSystem::new(folder.path()).expect("the folder is there");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        let service = service.build();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let list = Arc::clone(&asked);
        let router = Router::new().fallback(move |request: Request| {
            let heard = Asked::of(&request);
            list.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(heard);
            answer(service.clone(), request)
        });
        let address = port::free();
        Self {
            _server: Application::start(address, async { router }),
            address,
            folder,
            asked,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stores an object.
    ///
    /// # Panics
    /// When no file can have the key as its name.
    #[track_caller]
    pub fn put(&self, key: &str, body: &[u8]) {
        let path = self.folder.path().join(BUCKET).join(key);
        let parent = path.parent().expect("it is in the bucket");
        fs::create_dir_all(parent).expect("a folder can be made");
        fs::write(&path, body).unwrap_or_else(|error| panic!("{key}: {error}"));
    }

    /// Stores an object of `size` zeroes that takes no space, with the tag that the server would else read it for.
    ///
    /// # Panics
    /// When the file system knows no holes.
    pub fn put_zeroes(&self, key: &str, size: u64, tag: &str) {
        self.put(key, b"");
        let path = self.folder.path().join(BUCKET).join(key);
        let file = File::options().write(true).open(path);
        let grown = file.and_then(|file| file.set_len(size));
        grown.unwrap_or_else(|error| panic!("{key}: {error}"));
        self.tag(key, tag);
    }

    /// Stores an object with the tag that the server would else read it for.
    ///
    /// # Panics
    /// When no file can have the key as its name.
    pub fn put_tagged(&self, key: &str, body: &[u8], tag: &str) {
        self.put(key, body);
        self.tag(key, tag);
    }

    fn tag(&self, key: &str, tag: &str) {
        let [bucket, object] = [BUCKET, key].map(base64);
        let info = format!(".bucket-{bucket}.object-{object}.internal.json");
        let written = fs::write(
            self.folder.path().join(info),
            format!("{{\"e_tag\":\"{tag}\"}}"),
        );
        written.expect("a file can be written");
    }
}

async fn answer(service: S3Service, request: Request) -> Response {
    let request = request.map(s3s::Body::http_body_unsync);
    match service.call(request).await {
        Ok(answer) => answer.map(axum::body::Body::new),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// RFC 4648, section 5, without padding: how the server names its own files.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bytes = [0, 1, 2].map(|at| u32::from(chunk.get(at).copied().unwrap_or_default()));
        let bits = bytes[0] << 16 | bytes[1] << 8 | bytes[2];
        for at in 0..=chunk.len() {
            let digit = bits >> (18 - 6 * at) & 63;
            encoded.push(char::from(ALPHABET[digit as usize]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_one_to_four_bytes() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foo~", "Zm9vfg"),
        ] {
            assert_eq!(base64(text), encoded);
        }
    }
}
