//! Faults of the servers.

use std::time::Duration;

use async_nats::{HeaderMap, jetstream};
use noleader_fixture::Cluster;
use tokio::time::{sleep, timeout};

use super::{Done, Lane, Span, key::ask};
use crate::{
    candidate::{BUCKET, LEASE},
    cast::{Cast, SERVERS},
    plan::Aim,
};

/// The index of the target: the stream's leader, if the fault aims at it and there is one.
async fn target(cast: &Cast, aim: Aim) -> usize {
    let Aim::Number(number) = aim else {
        let stream = jetstream::new(cast.operator.clone());
        let info = async {
            let info = stream.get_stream(format!("KV_{BUCKET}")).await.ok()?;
            let leader = info.cached_info().cluster.as_ref()?.leader.clone()?;
            leader.strip_prefix('n')?.parse().ok()
        };
        return timeout(LEASE, info).await.ok().flatten().unwrap_or(0);
    };
    number % SERVERS
}

pub(super) async fn kill(cast: &Cast, aim: Aim, lasts: Duration) -> Option<Done> {
    let index = target(cast, aim).await;
    let _server = cast.servers[index].try_lock().ok()?;
    let span = Span::begin("kill", Lane::Server(index));
    cast.cluster.lock().await.server_mut(index).kill();
    sleep(lasts).await;
    start(cast, index).await;
    Some(span.end())
}

/// Restarts a server as an update does: it terminates, hands over its streams, and starts again.
pub(super) async fn restart(cast: &Cast, aim: Aim, lasts: Duration) -> Option<Done> {
    let index = target(cast, aim).await;
    let _server = cast.servers[index].try_lock().ok()?;
    let span = Span::begin("restart", Lane::Server(index));
    let mut cluster = cast.cluster.lock().await;
    cluster.server_mut(index).terminate().await.unwrap();
    drop(cluster);
    sleep(lasts).await;
    start(cast, index).await;
    Some(span.end())
}

async fn start(cast: &Cast, index: usize) {
    let mut cluster = cast.cluster.lock().await;
    cluster.server_mut(index).restart().await.unwrap();
}

pub(super) async fn pause(cast: &Cast, aim: Aim, lasts: Duration) -> Option<Done> {
    let index = target(cast, aim).await;
    let _server = cast.servers[index].try_lock().ok()?;
    cast.cluster.lock().await.server(index).pause().unwrap();
    let span = Span::begin("pause", Lane::Server(index));
    sleep(lasts).await;
    let done = span.end();
    cast.cluster.lock().await.server(index).resume().unwrap();
    Some(done)
}

pub(super) async fn move_stream(cast: &Cast) -> Done {
    let span = Span::begin("move leader", Lane::Servers);
    let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.KV_{BUCKET}");
    let took = ask(cast, subject, HeaderMap::new()).await;
    span.end().taken(took)
}

/// The name of the fault after which writes are lost.
pub(crate) const PUT_BACK: &str = "put back";

/// Copies the data of all servers, and puts it back once they have run for a while.
pub(super) async fn put_back(cast: &Cast, lasts: Duration) -> Option<Done> {
    let [a, b, c] = &cast.servers;
    let _servers = (a.try_lock().ok()?, b.try_lock().ok()?, c.try_lock().ok()?);
    let mut cluster = cast.cluster.lock().await;
    kill_all(&mut cluster);
    let save = |index| cluster.server_mut(index).kill_and_save().unwrap();
    let saved: Vec<_> = (0..SERVERS).map(save).collect();
    start_all(&mut cluster).await;
    drop(cluster);
    sleep(lasts).await;

    let mut cluster = cast.cluster.lock().await;
    let span = Span::begin(PUT_BACK, Lane::Servers);
    kill_all(&mut cluster);
    for (index, saved) in saved.iter().enumerate() {
        cluster.server_mut(index).kill_and_put_back(saved).unwrap();
    }
    start_all(&mut cluster).await;
    Some(span.end())
}

fn kill_all(cluster: &mut Cluster) {
    for index in 0..SERVERS {
        cluster.server_mut(index).kill();
    }
}

async fn start_all(cluster: &mut Cluster) {
    for index in 0..SERVERS {
        cluster.server_mut(index).restart().await.unwrap();
    }
}

pub(super) async fn restart_all(cast: &Cast, lasts: Duration) -> Option<Done> {
    let [a, b, c] = &cast.servers;
    let _servers = (a.try_lock().ok()?, b.try_lock().ok()?, c.try_lock().ok()?);
    let mut cluster = cast.cluster.lock().await;
    let span = Span::begin("restart all", Lane::Servers);
    kill_all(&mut cluster);
    sleep(lasts).await;
    start_all(&mut cluster).await;
    Some(span.end())
}
