//! Availability: how long some gate was open, with or without requests.

use std::num::NonZeroU32;

use crate::history::Tenure;

/// Times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenTime {
    /// How long some gate was open.
    pub(crate) open: u64,
    /// The longest time without an open gate.
    pub(crate) gap: u64,
}

/// The average of all shards between two times, and the longest gap of one of them.
pub(crate) fn of_shards(tenures: &[Tenure], shards: NonZeroU32, from: u64, until: u64) -> OpenTime {
    let (mut open, mut gap) = (0, 0);
    for shard in 0..shards.get() {
        let of_shard = tenures.partition_point(|tenure| tenure.term.shard < shard);
        let tenures = &tenures[of_shard..];
        let end = tenures.partition_point(|tenure| tenure.term.shard == shard);
        let time = open_time(&tenures[..end], from, until);
        open += time.open;
        gap = gap.max(time.gap);
    }
    OpenTime {
        open: open / u64::from(shards.get()),
        gap,
    }
}

/// The availability of one shard between two times.
fn open_time(tenures: &[Tenure], from: u64, until: u64) -> OpenTime {
    let mut spans: Vec<_> = tenures.iter().filter_map(span).collect();
    spans.sort_unstable();
    let (mut open, mut gap, mut seen) = (0, 0, from);
    for (begin, end) in spans {
        let (begin, end) = (begin.clamp(seen, until), end.clamp(seen, until));
        gap = gap.max(begin - seen);
        open += end - begin;
        seen = end;
    }
    OpenTime {
        open,
        gap: gap.max(until - seen),
    }
}

/// From the first sight of an open gate to its closing. A gate that closes at its deadline logs no time, so there
/// the last sight counts.
fn span(tenure: &Tenure) -> Option<(u64, u64)> {
    let begin = tenure.first_inside;
    let end = tenure.last_outside.max(tenure.shut.unwrap_or(0));
    (begin < u64::MAX).then_some((begin, end.max(begin)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::TermId;

    fn id(token: u64) -> TermId {
        TermId { shard: 0, token }
    }

    fn tenure(token: u64, first: u64, last: u64, shut: Option<u64>) -> Tenure {
        Tenure {
            first_inside: first,
            last_outside: last,
            shut,
            // The requests continue, but no other is admitted.
            last_done: last + 1000,
            ..Tenure::new(id(token), (0, 0))
        }
    }

    #[test]
    fn gap_ignores_requests_behind_a_closed_gate() {
        let tenures = [
            tenure(5, 10, 30, None),
            tenure(6, 45, 50, Some(60)),
            // A term whose gate never opened.
            Tenure::new(id(7), (1, 0)),
            tenure(8, 80, 95, None),
        ];
        assert_eq!(open_time(&tenures, 0, 100), OpenTime { open: 50, gap: 20 });
    }

    #[test]
    fn only_time_within_the_run_counts() {
        let tenures = [
            tenure(5, 0, 5, None),
            tenure(6, 8, 20, None),
            tenure(7, 40, 200, None),
        ];
        assert_eq!(open_time(&tenures, 10, 50), OpenTime { open: 20, gap: 20 });
        assert_eq!(open_time(&tenures, 6, 25), OpenTime { open: 12, gap: 5 });
        assert_eq!(open_time(&[], 10, 50), OpenTime { open: 0, gap: 40 });
    }

    #[test]
    fn overlapping_gates_count_once() {
        let tenures = [tenure(5, 0, 60, None), tenure(6, 10, 40, None)];
        assert_eq!(open_time(&tenures, 0, 60), OpenTime { open: 60, gap: 0 });
    }
    #[test]
    fn shards_are_averaged_and_the_longest_gap_counts() {
        let mut of_first = tenure(5, 0, 60, None);
        of_first.term.shard = 1;
        let tenures = [tenure(7, 30, 50, None), of_first];
        let two = NonZeroU32::new(2).unwrap();
        assert_eq!(
            of_shards(&tenures, two, 0, 60),
            OpenTime { open: 40, gap: 30 }
        );
        // A shard that never opened.
        let four = NonZeroU32::new(4).unwrap();
        assert_eq!(
            of_shards(&tenures, four, 0, 60),
            OpenTime { open: 20, gap: 60 }
        );
    }
}
