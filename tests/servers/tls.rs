//! Servers with TLS, with and without client certificates.

use async_nats::ConnectOptions;
use noleader_fixture::{Authority, Server};

use crate::support::hands_over;

fn trusting(options: ConnectOptions, authority: &Authority) -> ConnectOptions {
    options
        .add_root_certificates(authority.root())
        .require_tls(true)
}

/// A server with a certificate from this authority. `Server::client` trusts the authority, and presents a
/// certificate from it.
async fn server(authority: &Authority, verify: bool) -> Server {
    let (root, client) = (authority.root(), authority.issue("client").unwrap());
    Server::builder()
        .config(authority.server_config(verify).unwrap())
        .connecting(move |options| {
            options
                .add_root_certificates(root.clone())
                .add_client_certificate(client.certificate.clone(), client.key.clone())
                .require_tls(true)
        })
        .start()
        .await
        .unwrap()
}

async fn refused(server: &Server, options: ConnectOptions) {
    let connected = options.connect(server.url()).await;
    assert!(connected.is_err(), "the server accepted the connection");
}

#[tokio::test]
async fn an_election_works_over_tls() {
    let authority = Authority::new().unwrap();
    let server = server(&authority, false).await;
    // A client without a certificate.
    let connect = async || {
        let options = trusting(ConnectOptions::new(), &authority);
        options.connect(server.url()).await.unwrap()
    };
    hands_over(connect).await;
    refused(&server, ConnectOptions::new()).await;
    let stranger = Authority::new().unwrap();
    refused(&server, trusting(ConnectOptions::new(), &stranger)).await;
}

#[tokio::test]
async fn an_election_works_with_client_certificates() {
    let authority = Authority::new().unwrap();
    let server = server(&authority, true).await;
    hands_over(async || server.client().await.unwrap()).await;
    refused(&server, trusting(ConnectOptions::new(), &authority)).await;
    let stranger = Authority::new().unwrap().issue("stranger").unwrap();
    let options = trusting(ConnectOptions::new(), &authority);
    let forged = options.add_client_certificate(stranger.certificate, stranger.key);
    refused(&server, forged).await;
}
