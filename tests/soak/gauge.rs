//! Measurements of this process and of the server.

use std::{fmt, fs, net::SocketAddr};

use noleader_fixture::{Port, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Handle,
};

/// Starts a server with its monitoring endpoint, and the gauge that reads it.
pub(crate) async fn server() -> (Server, Gauge) {
    let port = Port::reserve().unwrap();
    let config = format!("http: \"{}\"", port.addr());
    let server = Server::builder().config(config).start().await.unwrap();
    let gauge = Gauge {
        pid: server.pid(),
        port,
    };
    (server, gauge)
}

/// Measures this process and the server.
pub(crate) struct Gauge {
    /// The server's process.
    pid: u32,
    /// The server's monitoring.
    port: Port,
}

/// The measurements at one time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) tasks: u64,
    pub(crate) fds: u64,
    pub(crate) consumers: u64,
    pub(crate) subscriptions: u64,
    pub(crate) rss_kib: u64,
    pub(crate) server_rss_kib: u64,
}

impl Gauge {
    pub(crate) async fn read(&self) -> Reading {
        let (jetstream, server) = (
            monitor(self.port.addr(), "/jsz").await,
            monitor(self.port.addr(), "/varz").await,
        );
        let fds = fs::read_dir("/proc/self/fd").unwrap().count();
        let tasks = Handle::current().metrics().num_alive_tasks();
        Reading {
            tasks: u64::try_from(tasks).unwrap(),
            fds: u64::try_from(fds).unwrap(),
            consumers: jetstream["consumers"].as_u64().unwrap(),
            subscriptions: server["subscriptions"].as_u64().unwrap(),
            rss_kib: rss_kib("self"),
            server_rss_kib: rss_kib(&self.pid.to_string()),
        }
    }
}

impl Reading {
    /// Describes everything that there is more of than at the start.
    pub(crate) fn left_over(&self, start: &Self) -> Vec<String> {
        let counts = [
            ("tasks", start.tasks, self.tasks),
            ("file descriptors", start.fds, self.fds),
            ("consumers", start.consumers, self.consumers),
            ("subscriptions", start.subscriptions, self.subscriptions),
        ];
        let grown = counts.into_iter().filter(|(_, start, end)| end > start);
        grown
            .map(|(what, start, end)| format!("{end} {what} rather than {start}"))
            .collect()
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tasks {}, fds {}, consumers {}, subscriptions {}, memory {:.1} MiB, of the server {:.1} MiB",
            self.tasks,
            self.fds,
            self.consumers,
            self.subscriptions,
            mib(self.rss_kib),
            mib(self.server_rss_kib),
        )
    }
}

#[allow(clippy::cast_precision_loss, reason = "a rounded figure for a report")]
pub(crate) fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn rss_kib(pid: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().split_whitespace().next();
    number.unwrap().parse().unwrap()
}

/// Uses a new connection for each request, so that no idle connection is counted.
async fn monitor(addr: SocketAddr, path: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}
