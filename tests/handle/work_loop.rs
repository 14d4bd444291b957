//! The work loop without a server.

use std::{io, time::Duration};

use async_nats::ConnectOptions;
use noleader::Leader;
use tokio::{join, time::timeout};
use tokio_util::sync::CancellationToken;

const BOUND: Duration = Duration::from_secs(20);

async fn leader_without_a_server() -> Leader {
    let options = ConnectOptions::new().retry_on_initial_connect();
    let client = options.connect("127.0.0.1:1").await.unwrap();
    Leader::new("orders", "writer", client)
}

async fn work(_: CancellationToken) -> io::Result<()> {
    Ok(())
}

#[tokio::test]
async fn a_loop_ends_with_an_unconnected_start() {
    let leader = leader_without_a_server().await;
    let stop = CancellationToken::new();
    let stopper = async {
        // After the others have been polled.
        tokio::task::yield_now().await;
        stop.cancel();
    };
    let all = async {
        join!(
            leader.start(stop.clone()),
            leader.do_while_leader(work),
            stopper
        )
    };
    let (started, worked, ()) = timeout(BOUND, all).await.expect("the loop ends");
    started.unwrap();
    worked.unwrap();
}

#[tokio::test]
async fn a_loop_ends_with_a_cancelled_start() {
    let leader = leader_without_a_server().await;
    let stopped = CancellationToken::new();
    stopped.cancel();
    let both = async { join!(leader.start(stopped), leader.do_while_leader(work)) };
    let (started, worked) = timeout(BOUND, both).await.expect("the loop ends");
    started.unwrap();
    worked.unwrap();
}
