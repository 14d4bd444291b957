//! Does one fault, and undoes it.

use std::time::Duration;

use async_nats::jetstream;
use axum::http::{HeaderMap, Method};
use noleader_fixture::{Direction, Proxy};
use tokio::{
    sync::MutexGuard,
    time::{sleep, timeout},
};

use crate::{
    candidate::{BUCKET, KEY, LEASE},
    cast::{Actor, CANDIDATES, Candidate, Cast, SERVERS},
    clock::{nanos, now},
    plan::{Aim, Fault, Step},
    traffic::Traffic,
};

/// How long a hand-over may take: the drain, and the release.
const HAND_OVER: Duration = Duration::from_secs(60);
/// An operator gives up after this.
const OPERATOR: Duration = Duration::from_secs(3);

/// Whom a fault hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Candidate(usize),
    Server(usize),
    Servers,
    Key,
}

impl Lane {
    /// What is hit, in a table.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Candidate(_) => "candidate:",
            Self::Server(_) => "server:",
            Self::Servers => "cluster:",
            Self::Key => "key:",
        }
    }
}

/// A fault that was.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) name: &'static str,
    pub(crate) lane: Lane,
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// While it lasted, nothing that would renew a lease came to the candidate.
    pub(crate) silent: bool,
}

/// What all kinds have in common: a begin, and an end in a while.
struct Span {
    name: &'static str,
    lane: Lane,
    from: u64,
}

impl Span {
    fn begin(name: &'static str, lane: Lane) -> Self {
        let from = now();
        Self { name, lane, from }
    }

    /// Fails if it took so long that it hung.
    fn check(&self, bound: Duration) {
        assert!(now() - self.from < nanos(bound), "{} hung", self.name);
    }

    /// To be called before the fault is undone.
    fn end(self) -> Done {
        Done {
            name: self.name,
            lane: self.lane,
            from: self.from,
            until: now(),
            silent: false,
        }
    }
}

/// None if whoever was to be hit was busy with another fault of the kind.
pub(crate) async fn inflict(cast: &Cast, step: Step, traffic: &Traffic) -> Option<Done> {
    let target = match step.aim {
        Aim::Leader if step.fault.is_of_candidate() => traffic.leader().await,
        Aim::Leader => 0,
        Aim::Number(number) => number % CANDIDATES,
    };
    let candidate = &cast.candidates[target];
    match step.fault {
        Fault::Kill => kill(candidate, step.lasts).await,
        Fault::Stop => stop(candidate, step.lasts).await,
        Fault::Cut { direction, late } => {
            let name = match direction {
                Direction::ToServer => "cut out",
                Direction::ToClient => "cut in",
                Direction::Both => "cut",
            };
            let cut = |proxy: &Proxy| match late {
                true => proxy.hold(direction),
                false => proxy.black_hole(direction),
            };
            let done = network(candidate, name, step.lasts, cut).await?;
            Some(Done {
                silent: true,
                ..done
            })
        }
        Fault::Slow { by } => {
            let slow = |proxy: &Proxy| proxy.delay(Direction::Both, by);
            network(candidate, "slow", step.lasts, slow).await
        }
        Fault::StepDown => Some(step_down(candidate).await),
        Fault::ShutDown => shut_down(candidate).await,
        Fault::Delete | Fault::Purge | Fault::Empty => Some(remove(cast, step.fault).await),
        Fault::KillServer => kill_server(cast, server(cast, step.aim).await, step.lasts).await,
        Fault::PauseServer => pause_server(cast, server(cast, step.aim).await, step.lasts).await,
        Fault::MoveStream => Some(move_stream(cast).await),
        Fault::RestartCluster => restart_cluster(cast, step.lasts / 3).await,
    }
}

fn process(candidate: &Candidate) -> Option<MutexGuard<'_, Actor>> {
    let actor = candidate.process.try_lock().ok()?;
    actor.check();
    Some(actor)
}

async fn kill(candidate: &Candidate, lasts: Duration) -> Option<Done> {
    let mut actor = process(candidate)?;
    let span = Span::begin("kill", Lane::Candidate(candidate.index));
    actor.kill();
    sleep(lasts).await;
    actor.restart();
    Some(span.end())
}

async fn stop(candidate: &Candidate, lasts: Duration) -> Option<Done> {
    let actor = process(candidate)?;
    actor.process.pause().unwrap();
    let span = Span::begin("stop", Lane::Candidate(candidate.index));
    sleep(lasts).await;
    let done = span.end();
    actor.process.resume().unwrap();
    Some(Done {
        silent: true,
        ..done
    })
}

async fn network(
    candidate: &Candidate,
    name: &'static str,
    lasts: Duration,
    fault: impl Fn(&Proxy),
) -> Option<Done> {
    let _network = candidate.network.try_lock().ok()?;
    candidate.proxies.iter().for_each(fault);
    let span = Span::begin(name, Lane::Candidate(candidate.index));
    sleep(lasts).await;
    let done = span.end();
    candidate.proxies.iter().for_each(Proxy::heal);
    Some(done)
}

pub(crate) async fn step_down(candidate: &Candidate) -> Done {
    let span = Span::begin("step down", Lane::Candidate(candidate.index));
    // It may be killed while it does so.
    let sender = &candidate.sender;
    let _ = sender
        .send(Method::POST, "/step-down", HeaderMap::new(), HAND_OVER)
        .await;
    span.check(HAND_OVER);
    span.end()
}

async fn shut_down(candidate: &Candidate) -> Option<Done> {
    let mut actor = process(candidate)?;
    let span = Span::begin("shut down", Lane::Candidate(candidate.index));
    let sender = &candidate.sender;
    let answer = sender
        .send(Method::POST, "/shutdown", HeaderMap::new(), HAND_OVER)
        .await;
    span.check(HAND_OVER);
    // One that found no server since it was started does not serve yet.
    if answer.is_some() {
        actor.process.ends().await.unwrap();
    }
    actor.restart();
    Some(span.end())
}

/// What `nats kv del`, `nats kv purge` and `nats stream purge` send.
async fn remove(cast: &Cast, fault: Fault) -> Done {
    let (name, subject, headers) = match fault {
        Fault::Delete => (
            "delete",
            format!("$KV.{BUCKET}.{KEY}"),
            &[("KV-Operation", "DEL")][..],
        ),
        Fault::Purge => (
            "purge",
            format!("$KV.{BUCKET}.{KEY}"),
            &[("KV-Operation", "PURGE"), ("Nats-Rollup", "sub")][..],
        ),
        _ => (
            "empty",
            format!("$JS.API.STREAM.PURGE.KV_{BUCKET}"),
            &[][..],
        ),
    };
    let mut fields = async_nats::HeaderMap::new();
    for (name, value) in headers {
        fields.insert(*name, *value);
    }
    let span = Span::begin(name, Lane::Key);
    let request = cast
        .operator
        .request_with_headers(subject, fields, "".into());
    // Without an answer it may have been done all the same.
    let _ = timeout(OPERATOR, request).await;
    span.end()
}

async fn move_stream(cast: &Cast) -> Done {
    let span = Span::begin("move leader", Lane::Servers);
    let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.KV_{BUCKET}");
    let _ = timeout(OPERATOR, cast.operator.request(subject, "".into())).await;
    span.end()
}

/// The server that leads the stream, if that was aimed at and one does.
async fn server(cast: &Cast, aim: Aim) -> usize {
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

async fn kill_server(cast: &Cast, index: usize, lasts: Duration) -> Option<Done> {
    let _server = cast.servers[index].try_lock().ok()?;
    let span = Span::begin("kill", Lane::Server(index));
    cast.cluster.lock().await.server_mut(index).kill();
    sleep(lasts).await;
    let mut cluster = cast.cluster.lock().await;
    cluster.server_mut(index).restart().await.unwrap();
    Some(span.end())
}

async fn pause_server(cast: &Cast, index: usize, lasts: Duration) -> Option<Done> {
    let _server = cast.servers[index].try_lock().ok()?;
    cast.cluster.lock().await.server(index).pause().unwrap();
    let span = Span::begin("pause", Lane::Server(index));
    sleep(lasts).await;
    let done = span.end();
    cast.cluster.lock().await.server(index).resume().unwrap();
    Some(done)
}

async fn restart_cluster(cast: &Cast, lasts: Duration) -> Option<Done> {
    let [a, b, c] = &cast.servers;
    let _servers = (a.try_lock().ok()?, b.try_lock().ok()?, c.try_lock().ok()?);
    let mut cluster = cast.cluster.lock().await;
    let span = Span::begin("restart all", Lane::Servers);
    for index in 0..SERVERS {
        cluster.server_mut(index).kill();
    }
    sleep(lasts).await;
    for index in 0..SERVERS {
        cluster.server_mut(index).restart().await.unwrap();
    }
    Some(span.end())
}
