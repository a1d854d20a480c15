//! The listener before files, which it has the kernel send or copies: both ways a client must get the same.

use std::convert::Infallible;
use std::fs::{self, File};
use std::future::Future;
use std::io::{self, Read, Write};
use std::net;
use std::os::unix::net as unix;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use downloadview::file::PathFile;
use downloadview::headers::ConditionalRequest;
use downloadview::{DownloadBody, DownloadResponse, delivery};
use http::{Request, Response, header};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service as _;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket as Socket2, Type};
use tokio::sync::oneshot;
use tower::{Service, service_fn};

use super::listener::Listener;
use super::service::Connection;
use super::socket::Socket;
use super::stream::{Activity, Limits, Stream};
use super::{Summary, serve};
use crate::config::{Listen, ServerSettings};

const DEADLINE: Duration = Duration::from_secs(20);

/// More than the kernel holds for a connection.
const LARGE: usize = 32 << 20;

/// A server for `NAME` in a folder, on a thread of its own.
struct Server {
    folder: tempfile::TempDir,
    address: Listen,
    stop: Option<oneshot::Sender<()>>,
    running: Option<thread::JoinHandle<Summary>>,
}

/// A client's connection.
trait Client: Read + Write {}
impl<T: Read + Write> Client for T {}

/// Bytes of which none is zero.
fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 13) as u8 | 1)
        .collect()
}

async fn answer(folder: PathBuf, request: Request<Incoming>) -> Response<DownloadBody> {
    let path = request.uri().path().trim_start_matches('/');
    let file = DownloadResponse::new(PathFile::new(folder.join(path)));
    let asked = ConditionalRequest::of(request.method(), request.headers());
    delivery::deliver(&asked, file).await
}

impl Server {
    fn start(settings: ServerSettings) -> Self {
        Self::start_on(|_| Listen::Tcp(([127, 0, 0, 1], 0).into()), settings)
    }

    fn start_on(address: impl FnOnce(PathBuf) -> Listen, settings: ServerSettings) -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let address = address(folder.path().join("server.sock"));
        let files = folder.path().to_owned();
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let running = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = Listener::bind(&address).await.unwrap();
                tell.send(listener.address().unwrap()).unwrap();
                let service = service_fn(move |request| {
                    let answer = answer(files.clone(), request);
                    async { Ok::<_, Infallible>(answer.await) }
                });
                serve(listener, service, &settings, stopped).await.unwrap()
            })
        });
        Self {
            folder,
            address: told.recv().unwrap(),
            stop: Some(stop),
            running: Some(running),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn connect(&self) -> Box<dyn Client> {
        match &self.address {
            Listen::Tcp(address) => {
                let client = net::TcpStream::connect(address).unwrap();
                client.set_read_timeout(Some(DEADLINE)).unwrap();
                Box::new(client)
            }
            Listen::Unix(path) => {
                let client = unix::UnixStream::connect(path).unwrap();
                client.set_read_timeout(Some(DEADLINE)).unwrap();
                Box::new(client)
            }
        }
    }

    /// A client whose kernel holds little of what it does not read.
    fn connect_with_little_room(&self) -> net::TcpStream {
        let Listen::Tcp(address) = &self.address else {
            panic!("{:?} is not a TCP address", self.address);
        };
        let socket = Socket2::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        socket.connect(&(*address).into()).unwrap();
        let client = net::TcpStream::from(socket);
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        client
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    fn ended(&mut self) -> Summary {
        self.running.take().unwrap().join().unwrap()
    }
}

fn ask(client: &mut impl Write, method: &str, name: &str, more: &str) {
    write!(
        client,
        "{method} /{name} HTTP/1.1\r\nHost: test\r\n{more}\r\n"
    )
    .unwrap();
}

/// The head of an answer in small letters.
fn head(client: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

fn length(head: &str) -> usize {
    let (_, rest) = head.split_once("content-length: ").unwrap();
    rest.split("\r\n").next().unwrap().parse().unwrap()
}

fn body(client: &mut impl Read) -> (String, Vec<u8>) {
    let head = head(client);
    let mut body = vec![0; length(&head)];
    client.read_exact(&mut body).unwrap();
    (head, body)
}

/// Reads until the connection ends, however it does.
fn rest(client: &mut impl Read) -> Vec<u8> {
    let mut rest = Vec::new();
    match client.read_to_end(&mut rest) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("it does not end"),
        _ => rest,
    }
}

fn both_ways() -> [ServerSettings; 2] {
    [true, false].map(|sendfile| ServerSettings {
        sendfile,
        ..ServerSettings::default()
    })
}

#[test]
fn whole_files_ranges_and_parts_are_the_same_both_ways_over_tcp_and_unix() {
    let places: [fn(PathBuf) -> Listen; 2] =
        [|_| Listen::Tcp(([127, 0, 0, 1], 0).into()), Listen::Unix];
    for settings in both_ways() {
        for place in places {
            let server = Server::start_on(place, settings.clone());
            let bytes = pattern(5_000_003);
            server.write("a.bin", &bytes);
            let small = pattern(1000);
            server.write("b.bin", &small);
            let mut client = server.connect();
            // All in one go: one answer follows the other.
            ask(&mut client, "GET", "a.bin", "");
            ask(&mut client, "GET", "b.bin", "");
            ask(&mut client, "HEAD", "a.bin", "");
            ask(
                &mut client,
                "GET",
                "a.bin",
                "Range: bytes=1048570-3000000\r\n",
            );
            ask(
                &mut client,
                "GET",
                "a.bin",
                "Range: bytes=0-99999,200000-4000000\r\n",
            );
            ask(&mut client, "GET", "a.bin", "Range: bytes=-65536\r\n");
            assert!(body(&mut client).1 == bytes);
            assert!(body(&mut client).1 == small);
            assert_eq!(length(&head(&mut client)), bytes.len());
            assert!(body(&mut client).1 == bytes[1_048_570..=3_000_000]);
            let (head, parts) = body(&mut client);
            assert!(head.contains("multipart/byteranges"), "{head}");
            let contains = |part: &[u8]| (0..parts.len()).any(|at| parts[at..].starts_with(part));
            assert!(contains(&bytes[..100_000]) && contains(&bytes[200_000..=4_000_000]));
            assert!(body(&mut client).1 == bytes[5_000_003 - 65_536..]);
        }
    }
}

#[test]
fn a_file_cut_while_it_is_sent_ends_the_connection_and_not_in_zeros() {
    for settings in both_ways() {
        let server = Server::start(settings);
        let bytes = pattern(LARGE);
        let path = server.write("a.bin", &bytes);
        let mut client = server.connect();
        ask(&mut client, "GET", "a.bin", "");
        assert_eq!(length(&head(&mut client)), LARGE);
        // A place that no page has within, as far ahead of what was sent as can be.
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(30 << 20)
            .unwrap();
        let came = rest(&mut client);
        assert!(came.len() <= 30 << 20, "{}", came.len());
        assert!(bytes.starts_with(&came));
    }
}

#[test]
fn a_client_that_stops_reading_a_file_is_cut() {
    for settings in both_ways() {
        let mut server = Server::start(ServerSettings {
            write_timeout: Some(Duration::from_millis(200)),
            ..settings
        });
        server.write("a.bin", &pattern(LARGE));
        let mut client = server.connect();
        ask(&mut client, "GET", "a.bin", "");
        assert_eq!(length(&head(&mut client)), LARGE);
        server.stop();
        assert_eq!(server.ended().aborted, 0, "nothing is left to wait for");
        assert!(rest(&mut client).len() < LARGE);
    }
}

/// Half of what the kernel may hold, which it announces, takes this client longer than the limit.
#[test]
fn a_client_that_takes_a_file_slowly_is_served_and_cut_when_it_stops() {
    const LIMIT: Duration = Duration::from_secs(2);
    let clients = both_ways().map(|settings| {
        thread::spawn(move || {
            let mut server = Server::start(ServerSettings {
                write_timeout: Some(LIMIT),
                ..settings
            });
            let bytes = pattern(LARGE);
            server.write("a.bin", &bytes);
            let mut client = server.connect_with_little_room();
            ask(&mut client, "GET", "a.bin", "");
            assert_eq!(length(&head(&mut client)), LARGE);
            // More than the first limit, so that the kernel holds more of the rest.
            let mut came = vec![0; 2 << 20];
            client.read_exact(&mut came).unwrap();
            let since = Instant::now();
            while since.elapsed() < 4 * LIMIT {
                let mut some = [0; 32 << 10];
                client.read_exact(&mut some).expect("it takes bytes");
                came.extend(some);
                thread::sleep(LIMIT / 8);
            }
            server.stop();
            assert_eq!(server.ended().aborted, 0, "nothing is left to wait for");
            came.extend(rest(&mut client));
            assert!(came.len() < LARGE && bytes.starts_with(&came));
        })
    });
    for client in clients {
        client.join().unwrap();
    }
}

#[test]
fn a_stop_lets_a_file_be_sent_to_its_end() {
    for settings in both_ways() {
        let mut server = Server::start(settings);
        let bytes = pattern(LARGE);
        server.write("a.bin", &bytes);
        let mut client = server.connect();
        ask(&mut client, "GET", "a.bin", "");
        let head = head(&mut client);
        server.stop();
        let mut body = vec![0; length(&head)];
        client.read_exact(&mut body).unwrap();
        assert!(body == bytes);
        assert_eq!(server.ended().aborted, 0);
    }
}

#[test]
fn a_stop_that_cuts_a_file_is_told_by_a_short_answer() {
    for settings in both_ways() {
        let mut server = Server::start(ServerSettings {
            shutdown_timeout: Duration::from_millis(50),
            ..settings
        });
        server.write("a.bin", &pattern(LARGE));
        let mut client = server.connect();
        ask(&mut client, "GET", "a.bin", "");
        assert_eq!(length(&head(&mut client)), LARGE);
        server.stop();
        assert_eq!(server.ended().aborted, 1);
        assert!(rest(&mut client).len() < LARGE);
    }
}

/// What a client gets of `a.bin`, 300000 bytes, over a connection that `connect` makes, and how that ended.
async fn came_over<F>(connect: impl FnOnce(TokioIo<Stream>, Arc<Activity>, PathBuf) -> F) -> Vec<u8>
where
    F: Future<Output = hyper::Result<()>>,
{
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.bin"), pattern(300_000)).unwrap();
    let (client, ours) = tokio::net::UnixStream::pair().unwrap();
    let settings = ServerSettings {
        sendfile: true,
        ..ServerSettings::default()
    };
    let activity = Arc::new(Activity::new(&settings));
    let limits = Arc::new(Limits::new(&settings));
    let stream = Stream::new(Socket::Unix(ours), limits, Arc::clone(&activity));
    let connection = connect(TokioIo::new(stream), activity, folder.path().to_owned());
    let client = client.into_std().unwrap();
    client.set_nonblocking(false).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let asking = thread::spawn(move || {
        let mut client = client;
        ask(&mut client, "GET", "a.bin", "");
        ask(&mut client, "GET", "a.bin", "");
        rest(&mut client)
    });
    connection.await.unwrap_err();
    asking.join().unwrap()
}

fn service(
    folder: PathBuf,
    activity: Arc<Activity>,
) -> Connection<
    impl Service<Request<Incoming>, Response = Response<DownloadBody>, Error = Infallible> + Clone,
> {
    let service = service_fn(move |request| {
        let answer = answer(folder.clone(), request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    Connection::new(service, activity, 1)
}

/// Of an answer that hyper puts together in one buffer, zeros would go out in place of the file.
#[tokio::test]
async fn what_hyper_copies_together_never_goes_out_as_zeros() {
    let came = came_over(|stream, activity, folder| {
        let mut http = http1::Builder::new();
        http.half_close(true).writev(false);
        http.serve_connection(stream, service(folder, activity))
    });
    assert_eq!(came.await, b"");
}

/// A body that does not tell its length, so that hyper believes the head.
struct Unsure<B>(Pin<Box<B>>);

impl<B: Body> Body for Unsure<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.0.as_mut().poll_frame(cx)
    }
}

/// hyper cuts the tag as it would cut the bytes, and the rest of the file must not come in the next answer.
#[tokio::test]
async fn a_body_longer_than_its_head_says_ends_the_connection() {
    let came = came_over(|stream, activity, folder| {
        let inner = service(folder, activity);
        let lying = hyper::service::service_fn(move |request| {
            let answer = inner.call(request);
            async move {
                let (mut head, body) = answer.await?.into_parts();
                let length = header::HeaderValue::from_static("70000");
                head.headers.insert(header::CONTENT_LENGTH, length);
                Ok::<_, Infallible>(Response::from_parts(head, Unsure(Box::pin(body))))
            }
        });
        let mut http = http1::Builder::new();
        http.half_close(true).writev(true);
        http.serve_connection(stream, lying)
    });
    let came = came.await;
    let text = String::from_utf8_lossy(&came);
    assert!(
        text.is_empty() || text.ends_with("\r\n\r\n"),
        "{} bytes",
        came.len()
    );
}
