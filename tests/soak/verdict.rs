//! Whether memory grows.

use std::fmt;

use crate::gauge::{Reading, mib};

/// Allowed in addition to a tenth, since an allocator that has not seen all sizes yet still grows. Ten minutes
/// with a thousand candidates took 3.4 MiB, all of it in the first six minutes.
const SLACK_KIB: u64 = 8 * 1024;
/// The same for the server, which keeps consumers for 5 s and has a heap larger than its contents.
const SERVER_SLACK_KIB: u64 = 32 * 1024;

/// The memory of this process and of the server during the churn.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    ours: Vec<u64>,
    servers: Vec<u64>,
}

/// The medians of two quarters of the samples.
#[derive(Debug, Eq, PartialEq)]
struct Trend {
    /// The median of the second quarter; the first is warm-up.
    early_kib: u64,
    /// The median of the last quarter.
    late_kib: u64,
}

impl Memory {
    pub(crate) fn add(&mut self, reading: &Reading) {
        self.ours.push(reading.rss_kib);
        self.servers.push(reading.server_rss_kib);
    }

    fn trends(&self) -> [(&'static str, Trend, u64); 2] {
        [
            ("of this process", Trend::of(&self.ours), SLACK_KIB),
            ("of the server", Trend::of(&self.servers), SERVER_SLACK_KIB),
        ]
    }

    /// The memory at rest, before and after.
    pub(crate) fn between(start: &Reading, end: &Reading) -> Self {
        let mut memory = Self::default();
        for reading in [start, end] {
            // Both compared quarters have a sample of their own.
            memory.add(reading);
            memory.add(reading);
        }
        memory
    }

    /// Panics if either grew by more than a tenth plus the slack.
    pub(crate) fn check(&self) {
        for (whose, trend, slack_kib) in self.trends() {
            assert!(!trend.grows(slack_kib), "the memory {whose} grows: {trend}");
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self
            .trends()
            .map(|(whose, trend, _)| format!("{whose} {trend}"));
        f.write_str(&words.join(", "))
    }
}

impl Trend {
    fn of(samples: &[u64]) -> Self {
        let quarter = samples.len() / 4;
        Self {
            early_kib: median(&samples[quarter..2 * quarter]),
            late_kib: median(&samples[samples.len() - quarter..]),
        }
    }

    fn grows(&self, slack_kib: u64) -> bool {
        self.late_kib > self.early_kib + self.early_kib / 10 + slack_kib
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (early, late) = (mib(self.early_kib), mib(self.late_kib));
        write!(f, "{early:.1} to {late:.1} MiB")
    }
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

#[test]
fn trend_compares_the_second_and_last_quarters() {
    let trend = Trend::of(&[9, 9, 9, 1, 2, 90, 5, 5, 5, 3, 4, 80]);
    let expected = Trend {
        early_kib: 2,
        late_kib: 4,
    };
    assert_eq!(trend, expected);
}

#[test]
fn more_than_a_tenth_plus_slack_is_growth() {
    let trend = |late_kib| Trend {
        early_kib: 100_000,
        late_kib,
    };
    assert!(!trend(110_005).grows(5));
    assert!(trend(110_006).grows(5));
}
