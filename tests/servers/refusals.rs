//! Servers and accounts that cannot hold a lease.

use noleader::{
    StartError,
    store::{JetStream, LeaseStore, StoreError},
};
use noleader_fixture::Server;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use crate::{
    lines::Lines,
    support::{LEASE, candidate},
};

#[tokio::test]
async fn start_reports_a_server_without_jetstream() {
    let server = Server::builder().jetstream(false).start().await.unwrap();
    let error = candidate("a")
        .start(server.client().await.unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(error, StartError::Store(StoreError::JetStreamDisabled(_))),
        "{error:?}"
    );
    assert!(error.to_string().contains("nats-server -js"), "{error}");
}

#[tokio::test]
async fn start_reports_an_account_without_jetstream() {
    let accounts = r#"
        accounts {
            STREAMS { jetstream: enabled, users: [{ user: admin, password: a }] }
            PLAIN { users: [{ user: plain, password: p }] }
        }
    "#;
    let server = Server::builder()
        .config(accounts)
        .credentials("admin", "a")
        .start()
        .await
        .unwrap();
    let options = async_nats::ConnectOptions::with_user_and_password("plain".into(), "p".into());
    let client = options.connect(server.url()).await.unwrap();
    let error = candidate("a").start(client).await.unwrap_err();
    assert!(
        matches!(error, StartError::Store(StoreError::JetStreamDisabled(_))),
        "{error:?}"
    );
}

/// A client of a server that reports this version. It speaks only the start of the protocol: the fixture has no binary
/// of an unsupported version.
async fn client_of(version: &'static str) -> async_nats::Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let info = r#"{"server_id":"X","version":"?","proto":1,"host":"127.0.0.1","port":4222,"headers":true,"max_payload":1048576,"jetstream":true}"#;
        let info = info.replace('?', version);
        stream
            .write_all(format!("INFO {info}\r\n").as_bytes())
            .await
            .unwrap();
        let mut line = String::new();
        while stream.read_line(&mut line).await.unwrap() > 0 {
            if line.starts_with("PING") {
                stream.write_all(b"PONG\r\n").await.unwrap();
            }
            line.clear();
        }
    });
    async_nats::connect(url).await.unwrap()
}

#[tokio::test]
async fn a_server_older_than_2_10_25_is_rejected() {
    for version in ["2.9.10", "2.10.19", "2.10.24", "2.10.25-RC.1"] {
        let error = candidate("a").start(client_of(version).await).await;
        let Err(StartError::Store(StoreError::ServerTooOld { found, needed })) = error else {
            panic!("{version}: {error:?}");
        };
        assert_eq!((found.as_str(), needed.as_str()), (version, "2.10.25"));
    }
}

#[tokio::test]
async fn server_of_unknown_version_is_warned_of() {
    let (lines, _guard) = Lines::collect();
    // Nothing answers the request that follows.
    let store = JetStream::new(client_of("dev-7").await, "elections", "writer");
    for _ in 0..2 {
        let asked = tokio::time::timeout(LEASE / 10, store.prepare(LEASE)).await;
        assert!(asked.is_err(), "{asked:?}");
    }
    let warned = lines.with(&[" WARN ", "could not parse the version", "dev-7"]);
    assert_eq!(warned.len(), 1, "{lines}");
}

#[tokio::test]
async fn prepare_reports_a_disconnected_client() {
    let mut server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    server.kill();
    // The client detects the loss by itself.
    while client.connection_state() == async_nats::connection::State::Connected {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let error = candidate("a").prepare(client).await.unwrap_err();
    assert!(
        matches!(error, StartError::Store(StoreError::Disconnected)),
        "{error:?}"
    );
}
