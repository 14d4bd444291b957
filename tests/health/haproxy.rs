//! HAProxy with the configuration from `docs/haproxy.cfg`, in front of two nodes.

use std::{
    fs,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, middleware, routing::post};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use noleader::{LeaderHandle, LeaderOnlyLayer};
use noleader_fixture::{Port, Process, Server, eventually};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixStream},
};

use crate::node::soon;

const CONFIG: &str = include_str!("../../docs/haproxy.cfg");
const PAGE: &str = include_str!("../../docs/health.md");

/// The longest wait for an expected event; far more than it takes on any machine.
const BOUND: Duration = Duration::from_secs(60);

/// The program on the `PATH`, or in `/usr/sbin`, which Debian leaves out of a user's `PATH`.
fn haproxy() -> Option<PathBuf> {
    let candidates = ["haproxy", "/usr/sbin/haproxy"].map(PathBuf::from);
    candidates.into_iter().find(|path| {
        let mut version = Command::new(path);
        version
            .arg("-v")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    })
}

/// A node that accepts orders while it leads.
struct Node {
    leader: LeaderHandle,
    addr: SocketAddr,
    /// The number of orders that reached the node, accepted or rejected.
    orders: Arc<AtomicUsize>,
}

impl Node {
    async fn start(server: &Server, id: &'static str) -> Self {
        let leader = LeaderHandle::builder("elections", "writer")
            .id(id)
            .lease(Duration::from_secs(5))
            .dangerous_trust_absent_key(true)
            .start(server.client().await.unwrap())
            .await
            .unwrap();
        let orders = Arc::new(AtomicUsize::new(0));
        let count = orders.clone();
        let app = Router::new()
            .route("/orders", post(id))
            .layer(LeaderOnlyLayer::new(leader.clone()))
            .layer(middleware::map_request(move |request: Request| {
                count.fetch_add(1, Ordering::SeqCst);
                std::future::ready(request)
            }))
            .route_service("/health", leader.health());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            leader,
            addr,
            orders,
        }
    }
}

struct Haproxy {
    process: Process,
    dir: TempDir,
    frontend: Port,
    client: Client<HttpConnector, Body>,
}

impl Haproxy {
    fn start(binary: &Path, nodes: [&Node; 2]) -> Self {
        let dir = TempDir::new().unwrap();
        let frontend = Port::reserve().unwrap();
        let mut config = CONFIG.to_owned();
        for (from, to) in [
            ("127.0.0.1:8000", frontend.addr()),
            ("127.0.0.1:8081", nodes[0].addr),
            ("127.0.0.1:8082", nodes[1].addr),
        ] {
            assert_eq!(config.matches(from).count(), 1, "{from}");
            config = config.replace(from, &to.to_string());
        }
        fs::write(dir.path().join("haproxy.cfg"), config).unwrap();
        // The socket from which the test reads HAProxy's statistics.
        let socket = dir.path().join("stats");
        let stats = format!("global\n  stats socket {}\n", socket.display());
        fs::write(dir.path().join("stats.cfg"), stats).unwrap();
        let mut command = Command::new(binary);
        let args = ["-db", "-f", "haproxy.cfg", "-f", "stats.cfg"];
        command.args(args).current_dir(dir.path());
        Self {
            process: Process::spawn(command).unwrap(),
            dir,
            frontend,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Waits until exactly this one of `node-1` and `node-2` is up.
    async fn finds(&self, node: &str) {
        let expected = ["node-1", "node-2"].map(|name| match name == node {
            true => "UP".to_owned(),
            false => "DOWN".to_owned(),
        });
        let found = async || (self.states().await? == expected).then_some(());
        let found = eventually(format!("the health of {node}"), BOUND, found).await;
        found.unwrap_or_else(|error| panic!("{error}: {}", self.process.stderr()));
    }

    /// The states of the two nodes in the statistics, or `None` until both have been checked.
    async fn states(&self) -> Option<[String; 2]> {
        let socket = self.dir.path().join("stats");
        let mut stream = UnixStream::connect(socket).await.ok()?;
        stream.write_all(b"show stat\n").await.ok()?;
        let mut table = String::new();
        stream.read_to_string(&mut table).await.ok()?;
        let mut rows = table
            .lines()
            .map(|row| row.trim_start_matches("# ").split(','));
        let names: Vec<_> = rows.next()?.collect();
        let column = |name| names.iter().position(|column| *column == name).unwrap();
        let (status, check) = (column("status"), column("check_status"));
        let rows: Vec<Vec<_>> = rows.map(Iterator::collect).collect();
        let state = |node| {
            let row = rows.iter().find(|row| row[..2] == ["leader", node])?;
            (row[check] != "INI").then(|| row[status].to_owned())
        };
        Some([state("node-1")?, state("node-2")?])
    }

    /// Sends an order, and returns the node that accepted it, if any.
    async fn order(&self) -> Option<String> {
        let request = Request::post(format!("http://{}/orders", self.frontend.addr()));
        let request = request.body(Body::empty()).unwrap();
        let response = soon(self.client.request(request)).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return None;
        }
        assert_eq!(status, StatusCode::OK);
        Some(String::from_utf8(body.to_vec()).unwrap())
    }

    /// Sends orders, and asserts that `to` accepts all of them and that none reaches `other`.
    async fn sends_all(&self, to: &str, other: &Node) {
        let before = other.orders.load(Ordering::SeqCst);
        for _ in 0..20 {
            let taken = eventually("an order to be accepted", BOUND, async || {
                self.order().await
            });
            assert_eq!(taken.await.unwrap(), to);
        }
        assert_eq!(other.orders.load(Ordering::SeqCst), before);
    }
}

#[tokio::test]
async fn requests_follow_the_leader_through_a_step_down() {
    let Some(binary) = haproxy() else {
        // `eprintln` is captured, and shown for failed tests only.
        writeln!(std::io::stderr(), "skipped: haproxy is not installed").unwrap();
        return;
    };
    let server = Server::start().await.unwrap();
    let a = Node::start(&server, "a").await;
    soon(a.leader.elected()).await.unwrap();
    let b = Node::start(&server, "b").await;
    let proxy = Haproxy::start(&binary, [&a, &b]);
    proxy.finds("node-1").await;
    proxy.sends_all("a", &b).await;

    a.leader.step_down().await.unwrap();
    soon(b.leader.elected()).await.unwrap();
    proxy.finds("node-2").await;
    proxy.sends_all("b", &a).await;

    b.leader.shutdown().await.unwrap();
    soon(a.leader.elected()).await.unwrap();
    proxy.finds("node-1").await;
    proxy.sends_all("a", &b).await;
}

#[test]
fn page_shows_the_tested_configuration() {
    assert!(PAGE.contains(CONFIG));
}
