//! Many candidates on one key.

use std::time::Duration;

use futures_util::future::{join_all, select_all};
use noleader::LeaderHandle;
use noleader_fixture::Server;

use crate::support::{Watchman, candidate, elected, follows};

#[tokio::test]
async fn a_hundred_candidates_elect_one_leader_repeatedly() {
    let server = Server::start().await.unwrap();
    // As if ten processes ran ten candidates each.
    let clients = join_all((0..10).map(|_| server.client())).await;
    let lease = Duration::from_secs(30);
    let mut handles = Vec::new();
    for id in 0..100 {
        let builder = candidate(&id.to_string())
            .lease(lease)
            .dangerous_trust_absent_key(true);
        let client = clients[id % 10].as_ref().unwrap().clone();
        handles.push(builder.start(client).await.unwrap());
    }
    let watchman = Watchman::over(&handles.iter().collect::<Vec<_>>());
    let mut token = 0.into();
    for _ in 0..5 {
        let leader = first_elected(&handles).await;
        let term = elected(leader).await;
        assert!(term.token() > token);
        token = term.token();
        let others = handles.iter().filter(|handle| handle.id() != leader.id());
        join_all(others.map(|other| follows(other, leader.id()))).await;
        leader.step_down().await.unwrap();
    }
    assert!(watchman.dismiss().await > 0);
}

async fn first_elected(handles: &[LeaderHandle]) -> &LeaderHandle {
    let (_, index, _) = select_all(handles.iter().map(|handle| Box::pin(elected(handle)))).await;
    &handles[index]
}
