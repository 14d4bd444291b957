//! Many rounds, in each of which every row has a turn.

use std::{hint::black_box, time::Instant};

pub(crate) const COUNT: usize = 1000;

/// Calls per turn: a turn is short compared to a time slice of the scheduler, and long compared to a clock read.
const CALLS: u32 = 400;

/// A handle of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row(usize);

#[derive(Default)]
pub(crate) struct Rounds(Vec<Measured>);

struct Measured {
    label: String,
    /// The row to subtract.
    base: Option<Row>,
    /// Runs one turn, and returns the time per call in nanoseconds.
    turn: Box<dyn FnMut() -> f64>,
    /// The times of all rounds.
    ns: Vec<f64>,
}

impl Rounds {
    /// Adds a row that measures how much longer `call` takes than `base`.
    pub(crate) fn add<T>(
        &mut self,
        label: &str,
        base: Option<Row>,
        mut call: impl FnMut() -> T + 'static,
    ) -> Row {
        let turn = move || {
            let begin = Instant::now();
            for _ in 0..CALLS {
                black_box(call());
            }
            begin.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
        };
        self.0.push(Measured {
            label: label.to_owned(),
            base,
            turn: Box::new(turn),
            ns: Vec::with_capacity(COUNT),
        });
        Row(self.0.len() - 1)
    }

    pub(crate) fn run(mut self) -> Times {
        for round in 0..=COUNT {
            for row in &mut self.0 {
                let ns = (row.turn)();
                // The first round is a warm-up.
                if round > 0 {
                    row.ns.push(ns);
                }
            }
        }
        Times(self.0)
    }
}

/// The times of all rows.
pub(crate) struct Times(Vec<Measured>);

impl Times {
    pub(crate) fn label(&self, row: Row) -> &str {
        &self.0[row.0].label
    }

    /// The cost of a row over its base in nanoseconds: the median over all rounds.
    pub(crate) fn adds(&self, row: Row) -> f64 {
        median(self.added(row))
    }

    /// The same as a ratio to `unit` in the same round.
    pub(crate) fn ratio(&self, row: Row, unit: Row) -> f64 {
        let units = &self.0[unit.0].ns;
        median(self.added(row).zip(units).map(|(added, unit)| added / unit))
    }

    /// The cost of `row` over that of `other`, in nanoseconds.
    pub(crate) fn beyond(&self, row: Row, other: Row) -> f64 {
        let others = self.added(other);
        median(self.added(row).zip(others).map(|(row, other)| row - other))
    }

    fn added(&self, row: Row) -> impl Iterator<Item = f64> {
        let row = &self.0[row.0];
        let base = row.base.map(|base| &self.0[base.0].ns);
        let base = move |round: usize| base.map_or(0.0, |ns| ns[round]);
        let rounds = row.ns.iter().enumerate();
        rounds.map(move |(round, ns)| ns - base(round))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
