use tokio_util::sync::CancellationToken;

use super::gate::Drain;

/// The work that must end between closing the gate and releasing the lease.
#[derive(Debug)]
pub(crate) struct Leaving {
    token: u64,
    /// One token for each cancelled warm-up that has not yielded yet, cancelled at its end.
    warm_ups: Vec<CancellationToken>,
    drain: Drain,
}

impl Leaving {
    /// Starts to wait, under the term `token` if one is held.
    pub(crate) fn new(token: Option<u64>, warm_ups: Vec<CancellationToken>, drain: Drain) -> Self {
        Self {
            token: token.unwrap_or(0),
            warm_ups,
            drain,
        }
    }

    /// The fencing token of the term, or 0 without a term.
    pub(crate) fn token(&self) -> u64 {
        self.token
    }

    /// Whether there is nothing to wait for.
    pub(crate) fn is_finished(&self) -> bool {
        self.warm_ups.iter().all(CancellationToken::is_cancelled) && self.drain.is_finished()
    }

    /// Waits for the warm-ups and for every admitted request, and returns the [token](Self::token). Cancel safe.
    pub(crate) async fn finished(&mut self) -> u64 {
        for ended in &self.warm_ups {
            ended.cancelled().await;
        }
        self.drain.finished().await;
        self.token
    }
}
