//! Faults of a candidate's process, and requests to it.

use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode};
use tokio::{sync::MutexGuard, time::sleep};

use super::{Done, Lane, Span};
use crate::{
    cast::{Actor, Candidate},
    clock::now,
    kind::Kind,
};

/// The longest hand-over: the drain and the release.
const HAND_OVER: Duration = Duration::from_secs(60);

/// Locks the process. `None` while another fault affects it.
fn process(candidate: &Candidate) -> Option<MutexGuard<'_, Actor>> {
    let actor = candidate.process.try_lock().ok()?;
    actor.check();
    Some(actor)
}

pub(super) async fn kill(candidate: &Candidate, lasts: Duration) -> Option<Done> {
    let mut actor = process(candidate)?;
    let span = Span::begin("kill", Lane::Candidate(candidate.index));
    actor.kill();
    sleep(lasts).await;
    actor.restart();
    Some(span.end())
}

pub(super) async fn stop(candidate: &Candidate, lasts: Duration) -> Option<Done> {
    let actor = process(candidate)?;
    actor.process.pause().unwrap();
    let span = Span::begin("stop", Lane::Candidate(candidate.index));
    sleep(lasts).await;
    let done = span.end();
    actor.process.resume().unwrap();
    Some(done.silent())
}

pub(super) async fn copy(
    candidate: &Candidate,
    original_dies: bool,
    lasts: Duration,
) -> Option<Done> {
    let mut actor = process(candidate)?;
    let name = if original_dies { "move" } else { "copy" };
    let span = Span::begin(name, Lane::Candidate(candidate.index));
    let took = ask_for_copy(candidate, &mut actor).await;
    if took {
        if original_dies {
            actor.kill_original();
        }
        sleep(lasts).await;
    }
    // Also ends a process that did not respond, since it could copy itself later.
    actor.restart();
    Some(span.end().taken(took))
}

pub(crate) async fn step_down(candidate: &Candidate) -> Done {
    let span = Span::begin("step down", Lane::Candidate(candidate.index));
    let answer = ask(candidate, "/step-down").await;
    span.check(HAND_OVER);
    // The process may be killed meanwhile, or may not hold a lease.
    span.end().taken(answer == Some(StatusCode::OK))
}

/// Hands over what the candidate leads, if it leads.
pub(crate) async fn hand_over(kind: Kind, candidate: &Candidate) -> Option<Done> {
    match kind {
        Kind::Election(_) => Some(step_down(candidate).await),
        Kind::Shards => shut_down(candidate).await,
    }
}

pub(super) async fn shut_down(candidate: &Candidate) -> Option<Done> {
    let mut actor = process(candidate)?;
    let span = Span::begin("shut down", Lane::Candidate(candidate.index));
    let answer = ask(candidate, "/shutdown").await;
    span.check(HAND_OVER);
    match answer {
        Some(_) => actor.process.ends().await.unwrap(),
        // A process that has found no server since its start does not serve yet. It is killed instead.
        None => actor.check(),
    }
    actor.restart();
    Some(span.end().taken(answer.is_some()))
}

/// Whether the process of the candidate was copied.
pub(crate) async fn ask_for_copy(candidate: &Candidate, actor: &mut Actor) -> bool {
    let from = now();
    let path = format!("/copy?name={}", actor.next_log());
    let took = ask(candidate, &path).await == Some(StatusCode::OK);
    if took {
        actor.add_copy(from);
    }
    took
}

async fn ask(candidate: &Candidate, path: &str) -> Option<StatusCode> {
    let sender = &candidate.sender;
    let answer = sender.send(Method::POST, path, HeaderMap::new(), HAND_OVER);
    Some(answer.await?.status())
}
