//! Runs the schedule: each fault at its time, whatever else is going on.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};

use crate::{
    cast::Cast,
    faults::{Done, Lane, inflict},
    history::Silence,
    plan::Step,
    traffic::Traffic,
};

/// Returns once the last fault is undone.
pub(crate) async fn run(
    cast: &Arc<Cast>,
    traffic: &Traffic,
    plan: &[Step],
    length: Duration,
) -> Vec<Done> {
    let begun = Instant::now();
    let mut under_way = JoinSet::new();
    let mut done: Vec<Done> = Vec::new();
    for step in plan.iter().copied() {
        tokio::time::sleep_until(begun + step.at).await;
        // A candidate that ended by itself fails the run at once.
        while let Some(fault) = under_way.try_join_next() {
            done.extend(fault.unwrap());
        }
        let (cast, leader) = (cast.clone(), traffic.leader());
        under_way.spawn(async move { inflict(&cast, step, leader).await });
    }
    tokio::time::sleep_until(begun + length).await;
    done.extend(under_way.join_all().await.into_iter().flatten());
    done.sort_by_key(|done| done.from);
    done
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
