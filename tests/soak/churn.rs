//! Continuous events that the candidates must survive.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{crowd::Crowd, cuts, requests, tally::Tally};

/// The average time between two steps of a worker.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest wait for an event that may never happen, such as a term of a follower.
const PATIENCE: Duration = Duration::from_secs(2);

/// All workers, until they are stopped.
pub(crate) struct Churn {
    workers: JoinSet<()>,
    stop: CancellationToken,
}

impl Churn {
    pub(crate) fn begin(crowd: &Arc<Crowd>, tally: &Arc<Tally>) -> Self {
        let mut churn = Self {
            workers: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        for _ in 0..2 {
            churn.repeat(crowd, tally, step_down);
            churn.repeat(crowd, tally, restart);
            churn.repeat(crowd, tally, watch);
            churn.repeat(crowd, tally, observe);
            churn.repeat(crowd, tally, requests::send);
        }
        churn.repeat(crowd, tally, cuts::cut);
        churn
    }

    /// Repeats a step. The churn ends only between two steps.
    fn repeat<F, Step>(&mut self, crowd: &Arc<Crowd>, tally: &Arc<Tally>, step: F)
    where
        F: Fn(Arc<Crowd>, Arc<Tally>) -> Step + Send + Sync + 'static,
        Step: Future<Output = ()> + Send,
    {
        let (crowd, tally, stop) = (crowd.clone(), tally.clone(), self.stop.clone());
        self.workers.spawn(async move {
            while !stop.is_cancelled() {
                step(crowd.clone(), tally.clone()).await;
                sleep(PAUSE.mul_f64(2.0 * fastrand::f64())).await;
            }
        });
    }

    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        while let Some(worker) = self.workers.join_next().await {
            worker.unwrap();
        }
    }
}

async fn step_down(crowd: Arc<Crowd>, tally: Arc<Tally>) {
    let Some(leader) = crowd.any_leader() else {
        return;
    };
    // One in four step-downs is abandoned; the hand-over continues in the background.
    let patience = fastrand::u8(..4).min(1);
    let stepped_down = timeout(PATIENCE * u32::from(patience), leader.step_down()).await;
    if patience == 0 || matches!(stepped_down, Ok(Ok(()))) {
        tally.step_downs.add();
    }
}

async fn restart(crowd: Arc<Crowd>, tally: Arc<Tally>) {
    let seat = crowd.any();
    let Some(handle) = crowd.take(seat) else {
        return;
    };
    if fastrand::bool() {
        // A candidate that is cut off cannot release, but still stops.
        let _ = handle.shutdown().await;
    }
    drop(handle);
    crowd.sit(seat).await;
    tally.restarts.add();
}

/// Waits for changes of a candidate's status, and abandons the wait.
async fn watch(crowd: Arc<Crowd>, tally: Arc<Tally>) {
    let Some(handle) = crowd.handle(crowd.any()) else {
        return;
    };
    let (mut flag, mut status) = (handle.subscribe(), handle.watch());
    let _ = timeout(PATIENCE, async {
        tokio::select! {
            _ = flag.changed() => {}
            _ = status.changed() => {}
            Ok(term) = handle.elected() => term.cancellation().cancelled().await,
        }
    })
    .await;
    tally.watched.add();
}

/// Joins an election as an observer, and leaves again.
async fn observe(crowd: Arc<Crowd>, tally: Arc<Tally>) {
    let (candidate, client) = crowd.candidate(crowd.any());
    let Ok(observer) = candidate.observe().start(client).await else {
        return;
    };
    let mut status = observer.watch();
    let leader_known = status.wait_for(|_| observer.leader().is_some());
    if matches!(timeout(PATIENCE, leader_known).await, Ok(Ok(_))) {
        tally.observed.add();
    }
}
