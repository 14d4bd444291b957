//! The renewals that were acknowledged, and which of them the watch has delivered.

use std::collections::VecDeque;

use crate::clock::Moment;

/// Holds an acknowledged renewal back until the ordered watch has delivered it or a later one. Everything that was
/// written before the renewal, for example over a shard of this node, has then been seen.
#[cfg_attr(test, derive(Clone))]
#[derive(Debug, Default)]
pub(super) struct Barrier {
    acknowledged: VecDeque<Renewal>,
    /// The last record of this node that the watch has delivered.
    delivered: u64,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
struct Renewal {
    revision: u64,
    sent_at: Moment,
    acknowledged_at: Moment,
}

impl Barrier {
    /// Forgets the renewals of a session that has ended.
    pub(super) fn clear(&mut self) {
        self.acknowledged.clear();
    }

    /// Forgets the sequences of a bucket, too.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(super) fn acknowledge(&mut self, now: Moment, revision: u64, sent_at: Moment) {
        self.acknowledged.push_back(Renewal {
            revision,
            sent_at,
            acknowledged_at: now,
        });
    }

    pub(super) fn deliver(&mut self, revision: u64) {
        self.delivered = self.delivered.max(revision);
    }

    /// When the last renewal that now counts was sent. It is returned once.
    pub(super) fn pass(&mut self) -> Option<Moment> {
        let mut passed = None;
        while let Some(renewal) = self.acknowledged.front()
            && renewal.revision <= self.delivered
        {
            passed = Some(renewal.sent_at);
            self.acknowledged.pop_front();
        }
        passed
    }

    /// Since when the watch owes a renewal.
    pub(super) fn awaited_since(&self) -> Option<Moment> {
        self.acknowledged.front().map(|r| r.acknowledged_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_counts_once_it_or_a_later_one_was_delivered() {
        let at = Moment::from_nanos;
        let mut barrier = Barrier::default();
        barrier.acknowledge(at(11), 5, at(10));
        barrier.acknowledge(at(21), 7, at(20));
        barrier.deliver(4);
        assert_eq!(
            (barrier.pass(), barrier.awaited_since()),
            (None, Some(at(11)))
        );
        barrier.deliver(6);
        assert_eq!(
            (barrier.pass(), barrier.awaited_since()),
            (Some(at(10)), Some(at(21)))
        );
        barrier.deliver(8);
        assert_eq!(
            (barrier.pass(), barrier.awaited_since()),
            (Some(at(20)), None)
        );
        barrier.acknowledge(at(31), 8, at(30));
        assert_eq!(barrier.pass(), Some(at(30)));
        assert_eq!(barrier.pass(), None);
    }
}
