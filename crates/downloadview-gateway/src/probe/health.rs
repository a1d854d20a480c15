//! One download, asked for as a client does: for the health endpoint of an application of one's own.

use bytes::Bytes;
use http::HeaderMap;

use super::address::Address;
use super::client::{Ask, Line};
use super::judge::{Evidence, Expected, Fault, arrived, judge};
use super::tls::Trust;
use crate::witness::{CHECK, Kind, Witness};

/// A file that must arrive whole, through whatever stands in front.
///
/// Neither configuration nor gateway is needed: `downloadview check` is this and more, for every view of a file.
///
/// ```
/// use downloadview_gateway::probe::{Fault, Health};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let front = "http://127.0.0.1:1".parse()?;
/// let health = Health::new(front, "/files/health.txt", "all is well\n")?;
/// let fault = health.ask().await.expect_err("nobody listens there");
/// assert!(matches!(fault, Fault::NoAnswer(_)));
/// # anyhow::Ok(())
/// # })?;
/// # anyhow::Ok(())
/// ```
#[derive(Debug, Clone)]
pub struct Health {
    address: Address,
    path: String,
    bytes: Bytes,
    trust: Trust,
}

impl Health {
    /// A GET of `path`, percent-encoded, at `address`, which must give these bytes; of a file of more than 1 MiB its first
    /// 1 MiB.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub fn new(
        address: Address,
        path: impl Into<String>,
        bytes: impl Into<Bytes>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            address,
            path: path.into(),
            bytes: bytes.into(),
            trust: Trust::new(None)?,
        })
    }

    /// Whom it believes over TLS. Default: the certificates that the system trusts.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Whether the file arrives: whole, as it is, and without a header that only a proxy should see.
    ///
    /// # Errors
    ///
    /// What is wrong; of several things the one that explains the others.
    pub async fn ask(&self) -> Result<(), Fault> {
        match self.send(Ask::get(&self.path)).await.answer {
            Ok(answer) => arrived(&self.expected(Kind::Streamed), &answer),
            Err(error) => Err(Fault::NoAnswer(format!("{error:#}"))),
        }
    }

    /// Whether it arrives so, and a proxy sends it: the application, whose answers `witness` notes, only hands it over,
    /// and all headers that it states arrive.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask); the application was not asked, or sent the bytes itself; or the system has no random
    /// numbers.
    pub async fn ask_delegated(&self, witness: &Witness) -> Result<(), Fault> {
        let ticket = witness.issue();
        let ticket = ticket.map_err(|error| Fault::NoAnswer(error.to_string()))?;
        let ask = Ask::get(&self.path).header(CHECK, ticket.value());
        let mut evidence = self.send(ask).await;
        evidence.seen = witness.take(&ticket);
        let mut expected = self.expected(Kind::Delegated);
        if let Some(seen) = evidence.seen.first() {
            // What is handed over, the application knows best.
            expected.hand_off.clone_from(&seen.hand_off);
            expected.headers.clone_from(&seen.headers);
        }
        judge(&expected, &evidence)
    }

    async fn send(&self, ask: Ask) -> Evidence {
        let line = Line::open(&self.address, &self.trust).await;
        Evidence {
            answer: match line {
                Ok(mut line) => line.ask(&ask).await,
                Err(error) => Err(error),
            },
            host: self.address.host(),
            path: ask.bare().to_owned(),
            method: ask.method,
            seen: Vec::new(),
        }
    }

    fn expected(&self, kind: Kind) -> Expected {
        Expected {
            kind,
            reason: None,
            hand_off: None,
            headers: HeaderMap::new(),
            bytes: self.bytes.clone(),
            mistaken: Bytes::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::witness::{Envelope, Key, Seen};

    /// A server that answers one request so, after `note` heard of its head.
    async fn health(answer: &'static str, note: impl Fn(&str) + Send + 'static) -> Health {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a head"));
            }
            note(&String::from_utf8_lossy(&head));
            let sent = stream.write_all(answer.as_bytes()).await;
            sent.expect("the client reads");
        });
        Health::new(address.into(), "/a", "well").expect("valid")
    }

    const WELL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell";

    #[tokio::test]
    async fn a_file_arrives_or_the_fault_is_named() {
        let cases = [
            (WELL, Ok(())),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
                Err(Fault::OtherBytes),
            ),
            (
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                Err(Fault::Refused(StatusCode::NOT_FOUND)),
            ),
            (
                "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /a\r\nContent-Length: 0\r\n\r\n",
                Err(Fault::Leaked("X-Accel-Redirect".to_owned())),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n?",
                Err(Fault::Compressed("gzip".to_owned())),
            ),
        ];
        for (answer, expected) in cases {
            assert_eq!(
                health(answer, |_| {}).await.ask().await,
                expected,
                "{answer}"
            );
        }
    }

    /// The application in this process, asked through a proxy: `notes` are what its witness writes down.
    async fn watched(kind: Option<Kind>) -> Result<(), Fault> {
        let witness = Witness::new(Key::new(b"of this process"));
        let book = witness.clone();
        let health = health(WELL, move |head| {
            let line = head
                .lines()
                .find_map(|line| line.strip_prefix("x-downloadview-check: "));
            let mut request = http::Request::get("/a")
                .header(CHECK, line.expect("a ticket"))
                .body(())
                .expect("a request");
            let host = head.lines().find_map(|line| line.strip_prefix("host: "));
            let host = host.expect("a host").parse().expect("a value");
            request.headers_mut().insert(http::header::HOST, host);
            let number = book.ticket_of(request.headers()).expect("it is ours");
            if let Some(kind) = kind {
                let seen = Seen::of(Envelope::of(&request), &http::Response::new(String::new()));
                book.note(number, Seen { kind, ..seen });
            }
        });
        health.await.ask_delegated(&witness).await
    }

    #[tokio::test]
    async fn who_sent_the_bytes_is_known_to_the_witness() {
        assert_eq!(watched(Some(Kind::Delegated)).await, Ok(()));
        let streamed = Err(Fault::Decided(Kind::Streamed, None));
        assert_eq!(watched(Some(Kind::Streamed)).await, streamed);
        assert_eq!(watched(None).await, Err(Fault::NotAsked(StatusCode::OK)));
    }
}
