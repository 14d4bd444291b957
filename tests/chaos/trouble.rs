//! Runs the schedule: each fault at its time, whatever else is going on.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use crate::{
    cast::Cast,
    faults::{Done, Lane, inflict},
    history::Silence,
    plan::Step,
    traffic::Traffic,
};

/// Returns once the last fault is undone.
pub(crate) async fn run(
    cast: &Cast,
    traffic: &Traffic,
    plan: &[Step],
    length: Duration,
) -> Vec<Done> {
    let begun = Instant::now();
    let mut under_way = FuturesUnordered::new();
    let mut done = Vec::new();
    for step in plan.iter().copied() {
        let at = begun + step.at;
        while let Some(fault) = before(at, under_way.next()).await {
            done.extend(fault);
        }
        under_way.push(inflict(cast, step, traffic));
    }
    while let Some(fault) = under_way.next().await {
        done.extend(fault);
    }
    sleep_until(begun + length).await;
    done.sort_by_key(|done| done.from);
    done
}

/// The next fault that is over before `at`. Waits for `at` if there is none.
async fn before<T>(at: Instant, next: impl Future<Output = Option<T>>) -> Option<T> {
    tokio::select! {
        biased;
        () = sleep_until(at) => None,
        Some(next) = next => Some(next),
    }
}

/// The faults under which a candidate could renew nothing.
pub(crate) fn silences(done: &[Done]) -> Vec<Silence> {
    let silence = |done: &Done| match done.lane {
        Lane::Candidate(candidate) if done.silent => Some(Silence {
            candidate,
            from: done.from,
            until: done.until,
        }),
        _ => None,
    };
    done.iter().filter_map(silence).collect()
}
