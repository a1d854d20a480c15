//! An axum application on the library, in this process.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use tokio::sync::oneshot;

/// An application on a thread of its own, stopped when dropped.
#[derive(Debug)]
pub struct Application {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Application {
    /// Serves the router at `address` once it is there.
    ///
    /// # Panics
    ///
    /// It does not start within half a minute.
    pub fn start(
        address: SocketAddr,
        router: impl Future<Output = Router> + Send + 'static,
    ) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = mpsc::channel();
        let run = async move {
            let router = router.await;
            let listener = tokio::net::TcpListener::bind(address).await;
            let listener = listener.expect("a free port can be bound");
            ready.send(()).expect("the test waits for it");
            let server = axum::serve(listener, router);
            let server = server.with_graceful_shutdown(async { drop(stopped.await) });
            server.await.expect("it serves until it is stopped");
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(run);
        });
        let app = Self {
            stop: Some(stop),
            thread: Some(thread),
        };
        is_ready
            .recv_timeout(Duration::from_secs(30))
            .expect("the application starts");
        app
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
