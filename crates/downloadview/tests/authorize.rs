//! The layer that asks an authorizer: inside and outside of an optimizing layer, and with none.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use downloadview::authorize::{AccessRequest, Authorize, Authorizer, Verdict};
use downloadview::fetch::Client;
use downloadview::file::VirtualFile;
use downloadview::optimize::Outcome;
use downloadview::view::{DownloadService, VirtualView};
use downloadview::{DownloadBody, DownloadView as _, OptimizeLayer, Optimizer};
use http::request::Parts;
use http::{Request, Response, header};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::{Layer as _, Service, ServiceExt as _};

/// An authorizer that lets alice pass under another name, and answers 403 to everybody else.
async fn authorizer() -> Authorizer {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("it works on loopback");
    let url = format!(
        "http://{}/may",
        listener.local_addr().expect("it works on loopback")
    );
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (reader, mut writer) = stream.split();
            let (mut lines, mut is_alice) = (BufReader::new(reader).lines(), false);
            while let Some(line) = lines.next_line().await.expect("it works on loopback") {
                is_alice |= line == "cookie: session=alice";
                if line.is_empty() {
                    break;
                }
            }
            let answer: &[u8] = match is_alice {
                true => {
                    b"HTTP/1.1 204 Yes\r\nX-Download-Name: hers.txt\r\nConnection: close\r\n\r\n"
                }
                false => {
                    b"HTTP/1.1 403 No\r\nContent-Length: 9\r\nConnection: close\r\n\r\nnot yours"
                }
            };
            writer
                .write_all(answer)
                .await
                .expect("it works on loopback");
        }
    });
    Authorizer::builder(&Client::new().expect("it works on loopback"), url)
        .build()
        .expect("it works on loopback")
}

fn view() -> DownloadService<impl downloadview::DownloadView> {
    let file = || VirtualFile::from_text("secret.txt", "a secret");
    VirtualView::new(move |_: &Parts| async move { Ok(file()) }).into_service()
}

async fn answer<S, B>(service: S, method: &str, cookie: &str) -> Response<DownloadBody>
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Into<DownloadBody>,
{
    let request = Request::builder().method(method).uri("/secret.txt");
    let request = request
        .header("cookie", cookie)
        .body(())
        .expect("it works on loopback");
    let response = service
        .oneshot(request)
        .await
        .expect("it works on loopback");
    response.map(Into::into)
}

async fn text(response: Response<DownloadBody>) -> String {
    let body = response
        .into_body()
        .collect()
        .await
        .expect("it works on loopback")
        .to_bytes();
    String::from_utf8(body.into()).expect("it works on loopback")
}

/// Checks a stack of layers: whoever may gets the file as the pass presents it, others the refusal.
async fn check<S, B>(service: S, has_outcome: bool)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible> + Clone,
    B: Into<DownloadBody>,
{
    let allowed = answer(service.clone(), "GET", "session=alice").await;
    assert_eq!(allowed.status(), 200);
    let name = "attachment; filename=\"hers.txt\"";
    assert_eq!(allowed.headers()[header::CONTENT_DISPOSITION], name);
    assert_eq!(text(allowed).await, "a secret");

    let refused = answer(service.clone(), "GET", "session=bob").await;
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.headers()[header::CACHE_CONTROL], "no-store");
    let outcome = refused.extensions().get::<Outcome>();
    let denied = outcome.is_some_and(|outcome| outcome.denial().is_some());
    assert_eq!(denied, has_outcome);
    assert_eq!(text(refused).await, "not yours");

    let posted = answer(service, "POST", "session=alice").await;
    assert_eq!(posted.status(), 405);
}

#[tokio::test]
async fn the_layer_around_a_view_alone() {
    check(Authorize::new(authorizer().await).layer(view()), false).await;
}

#[tokio::test]
async fn the_layer_inside_of_an_optimizing_layer() {
    let authorize = Authorize::new(authorizer().await);
    let optimize = OptimizeLayer::new(Optimizer::none());
    check(optimize.layer(authorize.layer(view())), true).await;
}

#[tokio::test]
async fn the_layer_outside_of_an_optimizing_layer() {
    let authorize = Authorize::new(authorizer().await);
    let optimize = OptimizeLayer::new(Optimizer::none());
    check(authorize.layer(optimize.layer(view())), false).await;
}

/// One question is under way and 256 wait: the next is refused at once, and none of those is lost.
#[tokio::test]
async fn a_crowd_waits_in_a_queue_that_ends() {
    const WAITING: usize = 256;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/may", listener.local_addr().expect("bound"));
    let open = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&open);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move {
                let (reader, mut writer) = stream.split();
                let mut lines = BufReader::new(reader).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line.is_empty() {
                        gate.acquire().await.expect("it is open").forget();
                        let _ = writer.write_all(b"HTTP/1.1 204 Yes\r\n\r\n").await;
                    }
                }
            });
        }
    });
    let hour = Duration::from_secs(3600);
    let authorizer = Authorizer::builder(&Client::new().expect("a client"), url)
        .concurrency(1)
        .timeout(hour)
        .build()
        .expect("valid");
    let mut asked = JoinSet::new();
    for _ in 0..WAITING + 2 {
        let authorizer = authorizer.clone();
        asked.spawn(async move {
            let (parts, ()) = Request::get("/a").body(()).expect("valid").into_parts();
            let asked = AccessRequest::of(&parts).expect("a path");
            match authorizer.ask(&asked).await {
                Verdict::Allowed(_) => 204,
                Verdict::Denied { response, .. } => response.status().as_u16(),
                _ => 0,
            }
        });
    }
    // Nobody was answered yet, so this one did not wait.
    assert_eq!(asked.join_next().await.expect("one").expect("whole"), 503);
    open.add_permits(WAITING + 1);
    let rest = asked.join_all().await;
    assert_eq!(rest, vec![204; WAITING + 1]);
}
