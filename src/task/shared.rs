use std::{
    sync::{OnceLock, atomic::Ordering},
    time::Duration,
};

use super::{Gate, LeaderInfo, Status, Term, pulse::Pulse};
use crate::{
    clock::Clock,
    lease::Settled,
    sync::{ArcSwapOption, AtomicU64, watch},
};

/// What the background task publishes and every clone of the handle reads.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gate: Gate,
    pub(crate) flag: watch::Sender<bool>,
    pub(crate) status: watch::Sender<Status>,
    /// This node, as the others see it. The token is that of the current term.
    pub(crate) id: String,
    pub(crate) address: Option<String>,
    pub(crate) clock: Clock,
    pub(crate) lease: Duration,
    pub(crate) renew_every: Duration,
    /// The token of the last term that this node held.
    pub(super) token: AtomicU64,
    /// That term, which may be over.
    pub(super) held: ArcSwapOption<Term>,
    pub(crate) pulse: Pulse,
    /// How the election ended, once it has; none if its task ended without a word.
    pub(super) ended: OnceLock<Option<Settled>>,
}

impl Shared {
    /// Publishes what changed, and answers whether anything did. Whoever waits is woken after the gate has
    /// moved, never before.
    pub(super) fn publish(&self, status: Status) -> bool {
        let open = status == Status::Leader;
        self.flag
            .send_if_modified(|flag| std::mem::replace(flag, open) != open);
        self.status.send_if_modified(|old| {
            let changed = *old != status;
            *old = status;
            changed
        })
    }

    /// The term under which this node holds the lease at this instant, and how much of it is left. The gate
    /// may be shut: before it opens, and while admitted requests finish.
    pub(crate) fn held(&self) -> Option<(Term, Duration)> {
        let term = self.held.load_full()?;
        let left = term.left()?;
        Some((Term::clone(&term), left))
    }

    /// Whether the background task has ended, or is about to.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get().is_some()
    }

    /// Whether the background task ended before it was through, by a panic or with its runtime.
    pub(crate) fn has_died(&self) -> bool {
        self.ended.get() == Some(&None)
    }

    pub(crate) fn own_info(&self) -> LeaderInfo {
        LeaderInfo {
            id: self.id.clone(),
            address: self.address.clone(),
            token: self.token.load(Ordering::Relaxed),
        }
    }
}
