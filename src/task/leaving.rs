use super::{gate::Drain, warm_up::Warming};

/// What has to end once the gate was shut for good, before the lease is given back.
#[derive(Debug)]
pub(super) struct Leaving {
    token: u64,
    /// A warm-up that was cancelled, and has not yielded yet.
    warming: Option<Warming>,
    drain: Drain,
}

impl Leaving {
    /// Under the term `token`, if one is held. Cancels the warm-up.
    pub(super) fn new(token: Option<u64>, warming: Option<Warming>, drain: Drain) -> Self {
        if let Some(warming) = &warming {
            warming.cancel();
        }
        Self {
            token: token.unwrap_or(0),
            warming,
            drain,
        }
    }

    /// The fencing token of the term, or 0.
    pub(super) fn token(&self) -> u64 {
        self.token
    }

    /// Whether there is nothing to wait for.
    pub(super) fn is_finished(&self) -> bool {
        self.warming.is_none() && self.drain.is_finished()
    }

    /// Waits for the warm-up and for every admitted request, and answers with the [token](Self::token).
    /// Cancel safe.
    pub(super) async fn finished(&mut self) -> u64 {
        if let Some(warming) = &mut self.warming {
            warming.cancelled().await;
            self.warming = None;
        }
        self.drain.finished().await;
        self.token
    }
}
