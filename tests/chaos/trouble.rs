//! Runs the schedule: each fault at its time, concurrently with the others.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use crate::{
    cast::Cast,
    faults::{Done, Lane, PUT_BACK, inflict},
    history::Silence,
    plan::Step,
    traffic::Traffic,
};

/// The outcome of the schedule.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) planned: usize,
    /// In order of their start, without those whose target was busy.
    pub(crate) done: Vec<Done>,
}

impl Faults {
    pub(crate) fn dropped(&self) -> usize {
        self.planned - self.done.len()
    }

    /// The number of faults without a known effect: rejected, without a response, or sent to the wrong target.
    pub(crate) fn idle(&self) -> usize {
        self.done.iter().filter(|done| !done.took).count()
    }

    /// The number of faults that overlapped another.
    pub(crate) fn overlapping(&self) -> usize {
        let alone = |(index, done): &(usize, &Done)| {
            let mut others = self.done.iter().enumerate();
            !others.any(|(other, it)| other != *index && it.overlaps(done))
        };
        self.done.len() - self.done.iter().enumerate().filter(alone).count()
    }
}

/// Returns once the last fault has ended.
pub(crate) async fn run(cast: &Cast, traffic: &Traffic, plan: &[Step], length: Duration) -> Faults {
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
    Faults {
        planned: plan.len(),
        done,
    }
}

/// The next fault that ends before `at`, or `None` at `at`.
async fn before<T>(at: Instant, next: impl Future<Output = Option<T>>) -> Option<T> {
    tokio::select! {
        biased;
        () = sleep_until(at) => None,
        Some(next) = next => Some(next),
    }
}

/// The faults during which a candidate could not renew.
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

/// When the servers lost writes.
pub(crate) fn losses(done: &[Done]) -> Vec<u64> {
    let lost = done.iter().filter(|done| done.name == PUT_BACK);
    lost.map(|done| done.from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_idle_and_overlapping_faults_are_counted() {
        let fault = |from, until, took| Done {
            name: "stop",
            lane: Lane::Key,
            from,
            until,
            silent: false,
            took,
        };
        let faults = Faults {
            planned: 6,
            done: vec![
                fault(10, 20, true),
                fault(20, 40, true),
                fault(30, 31, false),
                fault(50, 60, true),
            ],
        };
        assert_eq!(faults.dropped(), 2);
        assert_eq!(faults.idle(), 1);
        assert_eq!(faults.overlapping(), 2);
    }
}
