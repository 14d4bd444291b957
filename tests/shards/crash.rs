//! A process that is killed. `cargo bench --bench shards` measures how long its shards have no leader.

use std::{env, process::Command};

use noleader::{ShardId, ShardsStatus};
use noleader_fixture::{Process, Server};

use crate::support::{BOUND, MANY, join_many, one_of_many, open_at, token_at};

/// The variable that turns this test binary into a node. Its value is the server's URL.
const ROLE: &str = "NOLEADER_TEST_SHARDS_NODE";

/// Not a test: the body of the process that the test below starts and kills. It prints how many shards it leads.
#[tokio::test]
async fn node_process() {
    let Ok(url) = env::var(ROLE) else {
        return;
    };
    let client = async_nats::connect(url).await.unwrap();
    let node = one_of_many("killed").start(client).await.unwrap();
    let mut status = node.watch();
    while status.changed().await.is_ok() {
        if let ShardsStatus::Member { owned } = *status.borrow_and_update() {
            println!("leads {owned} shards");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shard_of_a_killed_process_opens_elsewhere() {
    let server = Server::start().await.unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "crash::node_process", "--nocapture"])
        .env(ROLE, server.url());
    let mut process = Process::spawn_with_stdout(command).unwrap();
    let others = join_many(&server, &["a", "b", "c", "d"]).await;
    let part = MANY / 5;
    let leads = format!("leads {part} shards");
    let leads = process.wait_for_line(|line| line.contains(&leads), BOUND);
    leads.await.unwrap();
    open_at(&others, (MANY - part) as usize).await;
    let shards = (0..MANY).map(ShardId::new);
    let theirs: Vec<_> = shards
        .filter(|shard| token_at(&others, *shard).is_none())
        .map(|shard| {
            let owner = others[0].owner(shard).unwrap();
            assert_eq!(owner.id(), "killed");
            (shard, u64::from(owner.token()))
        })
        .collect();
    assert_eq!(theirs.len(), part as usize);

    process.kill();
    open_at(&others, MANY as usize).await;
    for (shard, token) in theirs {
        assert!(token_at(&others, shard).unwrap() > token, "{shard}");
    }
}
