//! Certificates for servers of one test, made by `openssl`: a root, two authorities below it, and a server.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::site::Site;

/// The names of the files, below the folder of the site.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The root, which signs all of them.
    pub root: PathBuf,
    /// The server's, and those that lead to the root.
    pub chain: PathBuf,
    /// The server's key.
    pub key: PathBuf,
}

impl Certificates {
    /// Makes them for a server that is called `name`.
    ///
    /// # Panics
    /// When `openssl` is missing or fails.
    #[must_use]
    pub fn for_name(site: &Site, name: &str) -> Self {
        Self::of(site, name, "2")
    }

    /// The same, of which the server's has expired.
    ///
    /// # Panics
    /// When `openssl` is missing or fails.
    #[must_use]
    pub fn expired(site: &Site, name: &str) -> Self {
        Self::of(site, name, "-1")
    }

    fn of(site: &Site, name: &str, days: &str) -> Self {
        const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE\n";
        let folder = site.path("certificates");
        site.make_folder("certificates");
        let make =
            |own, issuer, days, extensions: &str| make(&folder, own, issuer, days, extensions);
        make("root", None, "2", AUTHORITY);
        make("first", Some("root"), "2", AUTHORITY);
        make("second", Some("first"), "2", AUTHORITY);
        let named = format!("subjectAltName=DNS:{name}\n");
        make("server", Some("second"), days, &named);
        let chain = ["server", "second", "first"].map(|name| {
            let path = folder.join(format!("{name}.pem"));
            std::fs::read(path).expect("the certificate is there")
        });
        site.write("certificates/chain.pem", chain.concat());
        for name in ["server.key", "root.pem"] {
            let path = folder.join(name);
            let content = std::fs::read(path).expect("it is there");
            site.write(format!("certificates/{name}"), content);
        }
        Self {
            root: folder.join("root.pem"),
            chain: folder.join("chain.pem"),
            key: folder.join("server.key"),
        }
    }
}

fn make(folder: &Path, own: &str, issuer: Option<&str>, days: &str, extensions: &str) {
    let of = |name: &str, ending: &str| format!("{name}.{ending}");
    std::fs::write(folder.join(of(own, "ext")), extensions).expect("a file can be written");
    let new_key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let subject = format!("/CN={own}");
    let key = of(own, "key");
    let request = of(own, "csr");
    openssl(
        folder,
        &[
            &["req"],
            &new_key[..],
            &["-subj", &subject, "-keyout", &key, "-out", &request],
        ]
        .concat(),
    );
    let signed_by = match issuer {
        None => vec!["-signkey".to_owned(), key],
        Some(issuer) => vec![
            "-CA".to_owned(),
            of(issuer, "pem"),
            "-CAkey".to_owned(),
            of(issuer, "key"),
            "-CAcreateserial".to_owned(),
        ],
    };
    let signed_by: Vec<&str> = signed_by.iter().map(String::as_str).collect();
    let (own_extensions, out) = (of(own, "ext"), of(own, "pem"));
    let to = [
        "x509",
        "-req",
        "-days",
        days,
        "-in",
        &request,
        "-extfile",
        &own_extensions,
        "-out",
        &out,
    ];
    openssl(folder, &[&to[..], &signed_by].concat());
}

/// Runs it in a folder.
#[track_caller]
pub(crate) fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output();
    let output = output.expect(
        "openssl starts; it takes `apt-get install openssl`, which `cargo xtask test` does",
    );
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {complaint}"
    );
}
