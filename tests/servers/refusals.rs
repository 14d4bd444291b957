//! Servers and accounts that cannot hold a lease.

use noleader::{StartError, store::StoreError};
use noleader_fixture::Server;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use crate::support::candidate;

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

#[tokio::test]
async fn a_server_older_than_2_10_is_rejected() {
    // Only the greeting of such a server: no release of it is available to the fixture.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let info = r#"{"server_id":"X","version":"2.9.10","proto":1,"host":"127.0.0.1","port":4222,"headers":true,"max_payload":1048576,"jetstream":true}"#;
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
    let client = async_nats::connect(url).await.unwrap();
    let error = candidate("a").start(client).await.unwrap_err();
    let error = error.to_string();
    assert_eq!(
        error,
        "nats-server 2.9.10 is too old: upgrade to 2.10 or later"
    );
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
