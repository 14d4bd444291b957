//! A server of HTTP/1.1, HTTP/2 and upgraded connections.

use std::future::Future;

use ::http::Request;
use axum::{Router, body::Body};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::BufStream,
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tower::ServiceExt;

/// A running server.
pub(crate) struct Server(JoinHandle<()>);

impl Server {
    /// Runs a server of any kind.
    pub(crate) fn spawn(serve: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(serve))
    }

    /// Serves an axum application.
    pub(crate) fn axum(listener: TcpListener, app: Router) -> Self {
        let app = app.map_request(|request: Request<_>| request.map(Body::new));
        let service = TowerToHyperService::new(app);
        Self::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let service = service.clone();
                connections.spawn(async move {
                    let mut server = auto::Builder::new(TokioExecutor::new());
                    server.http2().enable_connect_protocol();
                    // As with TLS, what is written is sent once it is flushed.
                    let stream = TokioIo::new(BufStream::new(stream));
                    // The client detects errors.
                    let _ = server.serve_connection_with_upgrades(stream, service).await;
                });
            }
        })
    }

    /// Stops listening, so that the host refuses connections, and closes the open ones.
    pub(crate) async fn stop(self) {
        self.0.abort();
        let _ = self.0.await;
    }
}
