//! Every way to log in, rejected logins, and logins that are revoked while their user leads.

use async_nats::{ConnectErrorKind, ConnectOptions, jetstream};
use nkeys::KeyPair;
use noleader_fixture::{Operator, Server};

use crate::{
    lines::Lines,
    support::{Watchman, elected, ended, follows, hands_over, steady},
};

type Login = Box<dyn Fn(ConnectOptions) -> ConnectOptions + Send + Sync>;

fn login(with: impl Fn(ConnectOptions) -> ConnectOptions + Send + Sync + 'static) -> Login {
    Box::new(with)
}

fn password(user: &'static str, password: &'static str) -> Login {
    login(move |options| options.user_and_password(user.to_owned(), password.to_owned()))
}

fn token(token: &'static str) -> Login {
    login(move |options| options.token(token.to_owned()))
}

fn nkey(seed: String) -> Login {
    login(move |options| options.nkey(seed.clone()))
}

fn credentials(text: &str) -> Login {
    let text = text.to_owned();
    login(move |options| options.credentials(&text).unwrap())
}

/// Asserts that an election works with the right login, and that the server rejects all others.
async fn admits(config: &str, right: Login, wrong: &[Login]) {
    let server = Server::builder().config(config).connecting(right);
    let server = server.start().await.unwrap();
    hands_over(async || server.client().await.unwrap()).await;
    let none = login(|options| options);
    for wrong in wrong.iter().chain([&none]) {
        let refused = wrong(ConnectOptions::new()).connect(server.url()).await;
        let kind = refused.unwrap_err().kind();
        assert!(
            matches!(
                kind,
                ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication
            ),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn only_a_valid_token_logs_in() {
    let config = "authorization { token: right }";
    admits(config, token("right"), &[token("wrong")]).await;
}

#[tokio::test]
async fn only_a_valid_password_logs_in() {
    let config = "authorization { users: [ { user: a, password: right } ] }";
    let wrong = [password("a", "wrong"), password("b", "right")];
    admits(config, password("a", "right"), &wrong).await;
}

#[tokio::test]
async fn only_a_valid_nkey_logs_in() {
    let (right, wrong) = (KeyPair::new_user(), KeyPair::new_user());
    let id = right.public_key();
    let config = format!("authorization {{ users: [ {{ nkey: {id} }} ] }}");
    let [right, wrong] = [right, wrong].map(|key| nkey(key.seed().unwrap()));
    admits(&config, right, &[wrong]).await;
}

#[tokio::test]
async fn only_a_valid_credentials_file_logs_in() {
    let operator = Operator::generate();
    let right = operator.user("right", None).unwrap();
    let expired = operator.user("expired", Some(1_000_000_001)).unwrap();
    let stranger = Operator::generate().user("stranger", None).unwrap();
    let wrong = [expired, stranger].map(|user| credentials(user.credentials()));
    let config = operator.config(&[]).unwrap();
    admits(&config, credentials(right.credentials()), &wrong).await;
}

/// Revokes the leader's login by reloading the server's configuration, and asserts that the other node takes
/// over.
async fn check_revocation(before: &str, after: &str, leading: Login, other: Login) {
    let (lines, _guard) = Lines::collect();
    let server = Server::builder().config(before).connecting(other);
    let mut server = server.start().await.unwrap();
    let options = leading(ConnectOptions::new());
    let a = steady("a").start(options.connect(server.url()).await.unwrap());
    let a = a.await.unwrap();
    let term = elected(&a).await;
    let b = steady("b").start(server.client().await.unwrap());
    let b = b.await.unwrap();
    follows(&b, "a").await;
    let watchman = Watchman::over(&[&a, &b]);

    server.reload(after).unwrap();
    ended(&term).await;
    let lost = "lost the lease: no renewal was acknowledged before its deadline";
    lines.until(&[" WARN ", lost]).await;
    assert!(elected(&b).await.token() > term.token());
    assert!(!a.is_leader());
    assert!(watchman.dismiss().await > 0);
    // No write of `a` was queued and applied later.
    let context = jetstream::new(server.client().await.unwrap());
    let bucket = context.get_key_value("elections").await.unwrap();
    let record = bucket.get("writer").await.unwrap().unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["holder"], "b");
}

#[tokio::test]
async fn removing_the_leaders_user_closes_its_gate() {
    let users = |users: &str| format!("authorization {{ users: [ {users} ] }}");
    let (a, b) = ("{ user: a, password: a }", "{ user: b, password: b }");
    let before = users(&format!("{a}, {b}"));
    check_revocation(&before, &users(b), password("a", "a"), password("b", "b")).await;
}

#[tokio::test]
async fn revoking_the_leaders_credentials_closes_its_gate() {
    let operator = Operator::generate();
    let [a, b] = ["a", "b"].map(|name| operator.user(name, None).unwrap());
    let [before, after] = [vec![], vec![&a]].map(|revoked| operator.config(&revoked).unwrap());
    let [a, b] = [a, b].map(|user| credentials(user.credentials()));
    check_revocation(&before, &after, a, b).await;
}
