//! Candidates in separate processes that are killed, and paused for longer than their lease.

use std::{env, net::SocketAddr, process::Command};

use axum::{Router, routing::post};
use noleader::{FencingToken, LeaderOnlyLayer, Term};
use noleader_fixture::{Process, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{BOUND, LEASE, candidate, elected, follows, start};

/// The variable that turns this test binary into a candidate. Its value is the server's URL.
const ROLE: &str = "NOLEADER_TEST_CANDIDATE";

/// Not a test: the body of the candidate process that the tests below start. It serves writes through the gate,
/// and prints its address and the token of each of its terms.
#[tokio::test]
async fn candidate_process() {
    let Ok(url) = env::var(ROLE) else {
        return;
    };
    let client = async_nats::connect(url).await.unwrap();
    let leader = candidate("process").start(client).await.unwrap();
    let write = post(|term: Term| async move { term.token().to_string() });
    let app = Router::new()
        .route("/write", write)
        .layer(LeaderOnlyLayer::new(leader.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("serves {}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    loop {
        let term = leader.elected().await.unwrap();
        println!("leads {}", term.token());
        term.cancellation().cancelled().await;
    }
}

struct Candidate {
    process: Process,
    addr: SocketAddr,
}

impl Candidate {
    async fn start(server: &Server) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "process::candidate_process", "--nocapture"])
            .env(ROLE, server.url());
        let mut process = Process::spawn_with_stdout(command).unwrap();
        let addr = printed(&mut process, "serves ").await.parse().unwrap();
        Self { process, addr }
    }

    async fn leads(&mut self) -> FencingToken {
        printed(&mut self.process, "leads ").await.parse().unwrap()
    }

    /// Sends a write, and returns without waiting for the response.
    async fn send_write(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let request =
            "POST /write HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}

async fn printed(process: &mut Process, what: &str) -> String {
    let line = process
        .wait_for_line(|line| line.contains(what), BOUND)
        .await
        .unwrap();
    line.split(what).nth(1).unwrap().trim().to_owned()
}

async fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    tokio::time::timeout(BOUND, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    answer
}

#[tokio::test]
async fn killed_leader_is_replaced() {
    let server = Server::start().await.unwrap();
    let mut process = Candidate::start(&server).await;
    let token = process.leads().await;
    let b = start(&server, candidate("b")).await;
    follows(&b, "process").await;
    assert!(
        answer(process.send_write().await)
            .await
            .starts_with("HTTP/1.1 200")
    );
    process.process.kill();
    let term = elected(&b).await;
    assert!(term.token() > token);
}

#[tokio::test]
async fn first_request_after_a_long_pause_is_rejected() {
    let server = Server::start().await.unwrap();
    let mut process = Candidate::start(&server).await;
    let token = process.leads().await;
    let b = start(&server, candidate("b")).await;
    follows(&b, "process").await;
    for _ in 0..3 {
        let before = answer(process.send_write().await).await;
        assert!(before.starts_with("HTTP/1.1 200"), "{before}");
        process.process.pause().unwrap();
        // These wait in the kernel, and are the first that the process sees when it resumes.
        let waiting = [process.send_write().await, process.send_write().await];
        let term = elected(&b).await;
        assert!(term.token() > token);
        process.process.resume().unwrap();
        for stream in waiting {
            let refused = answer(stream).await;
            assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
            assert!(refused.contains("noleader-reason: no"), "{refused}");
        }
        assert!(term.is_current(), "the resumed process ended the new term");
        b.step_down().await.unwrap();
        process.leads().await;
        follows(&b, "process").await;
    }
}

#[tokio::test]
async fn short_pause_does_not_end_the_term() {
    let server = Server::start().await.unwrap();
    let mut process = Candidate::start(&server).await;
    let token = process.leads().await;
    process.process.pause().unwrap();
    let waiting = process.send_write().await;
    tokio::time::sleep(LEASE / 20).await;
    process.process.resume().unwrap();
    let taken = answer(waiting).await;
    assert!(
        taken.starts_with("HTTP/1.1 200") && taken.ends_with(&token.to_string()),
        "{taken}"
    );
}
