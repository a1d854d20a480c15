//! The listener before a toy service, over real sockets.

use std::convert::Infallible;
use std::io;
use std::os::unix::net as unix;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower::service_fn;

use super::{Listener, Summary, serve};
use crate::config::{Listen, ServerSettings};

type Chunk = io::Result<Frame<Bytes>>;

/// How long a test waits for what must happen; only a broken server ever takes so long.
const DEADLINE: Duration = Duration::from_secs(20);

/// More than the kernel holds for a connection.
const LARGE: usize = 32 << 20;

/// A running server: `/hello` answers at once, `/large` with more than fits into the kernel, `/endless` for ever,
/// `/fed` with what the test feeds it.
struct Server {
    address: Listen,
    stop: Option<oneshot::Sender<()>>,
    feed: mpsc::UnboundedSender<Chunk>,
    asked: Arc<Notify>,
    running: JoinHandle<io::Result<Summary>>,
}

impl Server {
    async fn start(settings: ServerSettings) -> Self {
        let any_port = Listen::Tcp(([127, 0, 0, 1], 0).into());
        Self::start_on(&any_port, settings).await
    }

    async fn start_on(address: &Listen, settings: ServerSettings) -> Self {
        let listener = Listener::bind(address).await.unwrap();
        let address = listener.address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (feed, fed) = mpsc::unbounded_channel();
        let fed = Arc::new(std::sync::Mutex::new(Some(fed)));
        let asked = Arc::new(Notify::new());
        let signal = Arc::clone(&asked);
        let service = service_fn(move |request: Request<Incoming>| {
            signal.notify_one();
            let body = body(request.uri().path(), &fed);
            async move { Ok::<_, Infallible>(Response::new(body)) }
        });
        let running =
            tokio::spawn(async move { serve(listener, service, &settings, stopped).await });
        Self {
            address,
            stop: Some(stop),
            feed,
            asked,
            running,
        }
    }

    async fn connect(&self) -> TcpStream {
        self.try_connect().await.unwrap()
    }

    async fn try_connect(&self) -> io::Result<TcpStream> {
        match &self.address {
            Listen::Tcp(address) => TcpStream::connect(address).await,
            Listen::Unix(path) => panic!("{} is not a TCP address", path.display()),
        }
    }

    fn feed(&self, text: &'static str) {
        self.feed
            .send(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))
            .unwrap();
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn ended(self) -> Summary {
        timeout(DEADLINE, self.running)
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    }
}

fn body(
    path: &str,
    fed: &std::sync::Mutex<Option<mpsc::UnboundedReceiver<Chunk>>>,
) -> BoxBody<Bytes, io::Error> {
    match path {
        "/hello" => Full::from("hello").map_err(|never| match never {}).boxed(),
        "/large" => Full::from(vec![b'x'; LARGE])
            .map_err(|never| match never {})
            .boxed(),
        "/endless" => {
            let chunk = || Ok(Frame::data(Bytes::from_static(&[b'x'; 64 << 10])));
            let chunks = futures_util::stream::repeat_with(chunk);
            BodyExt::boxed(StreamBody::new(chunks))
        }
        _ => {
            let mut fed = fed.lock().unwrap().take().unwrap();
            let chunks = futures_util::stream::poll_fn(move |cx| fed.poll_recv(cx));
            BodyExt::boxed(StreamBody::new(chunks))
        }
    }
}

async fn ask(client: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
}

async fn read_until(client: &mut TcpStream, end: &str) -> String {
    let mut received = Vec::new();
    let reading = async {
        while !received.ends_with(end.as_bytes()) {
            let byte = client.read_u8().await.unwrap();
            received.push(byte);
        }
    };
    timeout(DEADLINE, reading).await.unwrap();
    String::from_utf8(received).unwrap()
}

/// Reads until the server closes or resets the connection.
async fn read_to_end(client: &mut TcpStream) -> String {
    let mut received = Vec::new();
    // What arrived before a reset is in the buffer all the same.
    let _ = timeout(DEADLINE, client.read_to_end(&mut received))
        .await
        .unwrap();
    String::from_utf8(received).unwrap()
}

#[tokio::test]
async fn keeps_the_connection_for_the_next_request() {
    let mut server = Server::start(ServerSettings::default()).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        ask(&mut client, "/hello").await;
        let answer = read_until(&mut client, "hello").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    server.stop();
    assert_eq!(
        server.ended().await,
        Summary {
            accepted: 1,
            aborted: 0
        }
    );
}

#[tokio::test]
async fn a_stop_lets_a_running_body_finish_and_refuses_new_connections() {
    let mut server = Server::start(ServerSettings::default()).await;
    let mut running = server.connect().await;
    let mut idle = server.connect().await;
    ask(&mut idle, "/hello").await;
    read_until(&mut idle, "hello").await;
    ask(&mut running, "/fed").await;
    server.feed("first");
    read_until(&mut running, "first\r\n").await;

    server.stop();
    assert_eq!(read_to_end(&mut idle).await, "");
    assert!(server.try_connect().await.is_err());

    server.feed("last");
    let feed = server.feed.clone();
    drop(std::mem::replace(
        &mut server.feed,
        mpsc::unbounded_channel().0,
    ));
    drop(feed);
    assert_eq!(read_to_end(&mut running).await, "4\r\nlast\r\n0\r\n\r\n");
    assert_eq!(
        server.ended().await,
        Summary {
            accepted: 2,
            aborted: 0
        }
    );
}

#[tokio::test]
async fn a_stop_cuts_what_outlasts_its_timeout() {
    let settings = ServerSettings {
        shutdown_timeout: Duration::from_millis(50),
        ..ServerSettings::default()
    };
    let mut server = Server::start(settings).await;
    let mut client = server.connect().await;
    ask(&mut client, "/fed").await;
    server.feed("first");
    read_until(&mut client, "first\r\n").await;
    server.stop();
    assert_eq!(read_to_end(&mut client).await, "");
    assert_eq!(
        server.ended().await,
        Summary {
            accepted: 1,
            aborted: 1
        }
    );
}

#[tokio::test]
async fn cuts_a_client_that_stops_reading() {
    let settings = ServerSettings {
        write_timeout: Some(Duration::from_millis(200)),
        idle_timeout: Duration::from_secs(3600),
        ..ServerSettings::default()
    };
    let mut server = Server::start(settings).await;
    let mut client = server.connect().await;
    ask(&mut client, "/endless").await;
    // Nothing is read here. Once the connection is cut, nothing is left for the stop to wait for.
    server.asked.notified().await;
    server.stop();
    assert_eq!(
        server.ended().await,
        Summary {
            accepted: 1,
            aborted: 0
        }
    );
}

#[tokio::test]
async fn does_not_cut_a_client_that_waits_for_a_slow_body() {
    let settings = ServerSettings {
        header_timeout: Duration::from_millis(50),
        idle_timeout: Duration::from_millis(50),
        write_timeout: Some(Duration::from_millis(50)),
        ..ServerSettings::default()
    };
    let server = Server::start(settings).await;
    let mut idle = server.connect().await;
    let mut waiting = server.connect().await;
    ask(&mut waiting, "/fed").await;
    server.feed("first");
    read_until(&mut waiting, "first\r\n").await;
    // A second connection, idle for as long, shows that the time has passed.
    assert_eq!(read_to_end(&mut idle).await, "");
    ask_and_be_cut(&server).await;
    server.feed("second");
    read_until(&mut waiting, "second\r\n").await;
}

/// Goes through the whole life of another connection: an answer, and the end by `idle_timeout`.
async fn ask_and_be_cut(server: &Server) {
    let mut client = server.connect().await;
    ask(&mut client, "/hello").await;
    read_until(&mut client, "hello").await;
    assert_eq!(read_to_end(&mut client).await, "");
}

#[tokio::test]
async fn ends_an_idle_connection_after_a_body_that_came_late() {
    let settings = ServerSettings {
        idle_timeout: Duration::from_millis(50),
        ..ServerSettings::default()
    };
    let mut server = Server::start(settings).await;
    let mut client = server.connect().await;
    ask(&mut client, "/fed").await;
    server.feed("late");
    read_until(&mut client, "late\r\n").await;
    server.feed = mpsc::unbounded_channel().0;
    assert_eq!(read_to_end(&mut client).await, "0\r\n\r\n");
}

#[tokio::test]
async fn ends_an_idle_connection_after_a_client_that_read_late() {
    let settings = ServerSettings {
        idle_timeout: Duration::from_millis(50),
        write_timeout: None,
        ..ServerSettings::default()
    };
    let server = Server::start(settings).await;
    let mut client = server.connect().await;
    ask(&mut client, "/large").await;
    // The end of the answer waits in the server meanwhile, for longer than an idle connection may.
    server.asked.notified().await;
    ask_and_be_cut(&server).await;
    let mut received = Vec::new();
    timeout(DEADLINE, client.read_to_end(&mut received))
        .await
        .unwrap()
        .unwrap();
    assert!(received.len() > LARGE, "{} bytes only", received.len());
}

/// The body is let go while nothing comes that could be written.
#[tokio::test]
async fn a_client_that_resets_its_connection_ends_an_answer_that_waits() {
    let server = Server::start(ServerSettings::default()).await;
    let mut client = server.connect().await;
    client
        .write_all(b"GET /fed HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    server.feed("begun");
    let mut came = Vec::new();
    while !came.ends_with(b"begun\r\n") {
        assert_ne!(client.read_buf(&mut came).await.unwrap(), 0);
    }
    let socket = socket2::SockRef::from(&client);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    timeout(DEADLINE, server.feed.closed()).await.unwrap();
}

#[tokio::test]
async fn answers_a_client_that_closes_its_own_side() {
    let server = Server::start(ServerSettings::default()).await;
    let mut client = server.connect().await;
    ask(&mut client, "/hello").await;
    client.shutdown().await.unwrap();
    let answer = read_to_end(&mut client).await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[tokio::test]
async fn cuts_a_client_whose_head_drips() {
    let settings = ServerSettings {
        header_timeout: Duration::from_millis(100),
        ..ServerSettings::default()
    };
    let server = Server::start(settings).await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let dripping = async {
        while client.write_all(b"x: y\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, dripping).await.unwrap();
}

#[tokio::test]
async fn waits_with_accepting_while_all_connections_are_taken() {
    let settings = ServerSettings {
        max_connections: 1,
        ..ServerSettings::default()
    };
    let server = Server::start(settings).await;
    let mut first = server.connect().await;
    ask(&mut first, "/hello").await;
    read_until(&mut first, "hello").await;
    server.asked.notified().await;

    let mut second = server.connect().await;
    ask(&mut second, "/hello").await;
    let early = timeout(Duration::from_millis(50), server.asked.notified()).await;
    assert!(
        early.is_err(),
        "the second connection was served beside the first"
    );
    drop(first);
    read_until(&mut second, "hello").await;
}

#[tokio::test]
async fn aborts_the_connection_when_a_body_fails() {
    let server = Server::start(ServerSettings::default()).await;
    let mut client = server.connect().await;
    ask(&mut client, "/fed").await;
    server.feed("first");
    server
        .feed
        .send(Err(io::Error::other("the disk is gone")))
        .unwrap();
    let answer = read_to_end(&mut client).await;
    assert!(
        !answer.ends_with("0\r\n\r\n"),
        "the answer looks complete: {answer}"
    );
}

/// nginx asks in HTTP/1.0 unless told otherwise.
#[tokio::test]
async fn an_answer_that_breaks_off_over_http_1_0_does_not_look_complete() {
    let server = Server::start(ServerSettings::default()).await;
    let mut client = server.connect().await;
    client
        .write_all(b"GET /fed HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    server.feed("first");
    let head = read_until(&mut client, "first").await.to_lowercase();
    assert!(!head.contains("content-length"), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    server
        .feed
        .send(Err(io::Error::other("the disk is gone")))
        .unwrap();
    let end = timeout(DEADLINE, client.read(&mut [0; 64])).await.unwrap();
    let kind = end.map_err(|error| error.kind());
    assert_eq!(kind, Err(io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn an_answer_that_a_stop_cuts_over_http_1_0_does_not_look_complete() {
    let settings = ServerSettings {
        shutdown_timeout: Duration::from_millis(50),
        ..ServerSettings::default()
    };
    let mut server = Server::start(settings).await;
    let mut client = server.connect().await;
    client
        .write_all(b"GET /fed HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    server.feed("first");
    read_until(&mut client, "first").await;
    server.stop();
    assert_eq!(server.ended().await.aborted, 1);
    let end = timeout(DEADLINE, client.read(&mut [0; 64])).await.unwrap();
    let kind = end.map_err(|error| error.kind());
    assert_eq!(kind, Err(io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn replaces_a_stale_unix_socket_and_removes_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    drop(unix::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "the stale socket is there");

    let address = Listen::Unix(path.clone());
    let mut server = Server::start_on(&address, ServerSettings::default()).await;
    assert_eq!(hello_over(&path).await, "hello");
    assert_eq!(mode(&path), 0o660);
    server.stop();
    server.ended().await;
    assert!(!path.exists(), "the socket is left behind");
}

#[tokio::test]
async fn refuses_a_unix_socket_that_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let _answering = unix::UnixListener::bind(&path).unwrap();
    let error = Listener::bind(&Listen::Unix(path.clone()))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "another process answers on this socket");
    assert!(path.exists());
}

#[tokio::test]
async fn refuses_a_path_that_holds_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    std::fs::write(&path, "precious").unwrap();
    let error = Listener::bind(&Listen::Unix(path.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the path holds something that is not a socket"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn leaves_the_socket_of_a_successor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = Listener::bind(&Listen::Unix(path.clone())).await.unwrap();
    std::fs::rename(&path, folder.path().join("old.sock")).unwrap();
    let _successor = unix::UnixListener::bind(&path).unwrap();
    drop(listener);
    assert!(path.exists(), "the successor's socket is gone");
}

async fn hello_over(path: &Path) -> String {
    let mut client = tokio::net::UnixStream::connect(path).await.unwrap();
    let request = b"GET /hello HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer.rsplit("\r\n").next().unwrap().to_owned()
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// RFC 9112, 9.6: closing with unread bytes resets the connection, and with it the answer.
#[tokio::test]
async fn a_request_body_that_nobody_reads_does_not_cost_the_client_its_answer() {
    let server = Server::start(ServerSettings::default()).await;
    for _ in 0..3 {
        let mut client = server.connect().await;
        let head = "POST /hello HTTP/1.1\r\nHost: test\r\nContent-Length: 16777216\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        // More than the kernel takes unread; a reset would fail this or what follows.
        let sending = client.write_all(&[b'x'; 16 << 20]);
        timeout(DEADLINE, sending).await.unwrap().unwrap();
        let mut answer = Vec::new();
        let reading = client.read_to_end(&mut answer);
        timeout(DEADLINE, reading).await.unwrap().unwrap();
        assert!(answer.ends_with(b"hello"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_head_begun_behind_a_whole_request_has_no_longer_than_any_head() {
    let settings = ServerSettings {
        header_timeout: Duration::from_millis(50),
        idle_timeout: Duration::from_secs(3600),
        ..ServerSettings::default()
    };
    let server = Server::start(settings).await;
    let mut client = server.connect().await;
    let pipelined = "GET /hello HTTP/1.1\r\nHost: test\r\n\r\nGET /hel";
    client.write_all(pipelined.as_bytes()).await.unwrap();
    let received = read_to_end(&mut client).await;
    assert!(received.ends_with("hello"), "{received}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_start_over_one_stale_socket_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stale.sock");
    for round in 0..50 {
        drop(unix::UnixListener::bind(&path).unwrap());
        let address = Listen::Unix(path.clone());
        let both = [address.clone(), address]
            .map(|address| tokio::spawn(async move { Listener::bind(&address).await }));
        let [first, second] = both;
        let bound = [first.await.unwrap(), second.await.unwrap()];
        let count = bound.iter().filter(|bound| bound.is_ok()).count();
        assert_eq!(count, 1, "round {round}: {bound:?}");
        assert!(unix::UnixStream::connect(&path).is_ok(), "round {round}");
    }
}
