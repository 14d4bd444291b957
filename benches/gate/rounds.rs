//! Many rounds, in each of which every row has its turn.

use std::{hint::black_box, time::Instant};

pub(crate) const COUNT: usize = 1000;

/// Calls in a turn: short beside what the scheduler gives a thread, long beside a clock read.
const CALLS: u32 = 400;

/// A row, to be asked for later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row(usize);

#[derive(Default)]
pub(crate) struct Rounds(Vec<Measured>);

struct Measured {
    label: String,
    /// What it comes on top of.
    base: Option<Row>,
    /// One turn. Answers with what a call took, in nanoseconds.
    turn: Box<dyn FnMut() -> f64>,
}

impl Rounds {
    /// Adds a row that measures `call`, and counts what it takes longer than `base`.
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
        });
        Row(self.0.len() - 1)
    }

    pub(crate) fn run(mut self) -> Times {
        let mut rounds = vec![Vec::with_capacity(COUNT); self.0.len()];
        for round in 0..=COUNT {
            for (row, times) in self.0.iter_mut().zip(&mut rounds) {
                let time = (row.turn)();
                // The first round warms up.
                if round > 0 {
                    times.push(time);
                }
            }
        }
        let about = self.0.into_iter().map(|row| (row.label, row.base));
        Times(about.zip(rounds).collect())
    }
}

/// What each row took, in each round.
pub(crate) struct Times(Vec<((String, Option<Row>), Vec<f64>)>);

impl Times {
    pub(crate) fn label(&self, row: Row) -> &str {
        &self.0[row.0].0.0
    }

    /// What a row adds to its base, in nanoseconds: the median of what it added within a round.
    pub(crate) fn adds(&self, row: Row) -> f64 {
        median(self.added(row))
    }

    /// The same as a ratio to what `unit` took in the same round.
    pub(crate) fn ratio(&self, row: Row, unit: Row) -> f64 {
        median(self.added(row).zip(&self.0[unit.0].1).map(|(a, b)| a / b))
    }

    /// What `row` adds more than `other`, in nanoseconds.
    pub(crate) fn beyond(&self, row: Row, other: Row) -> f64 {
        median(self.added(row).zip(self.added(other)).map(|(a, b)| a - b))
    }

    fn added(&self, row: Row) -> impl Iterator<Item = f64> {
        let ((_, base), times) = &self.0[row.0];
        let base = base.map(|base| &self.0[base.0].1);
        let base = move |round: usize| base.map_or(0.0, |times| times[round]);
        times.iter().enumerate().map(move |(i, ns)| ns - base(i))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
