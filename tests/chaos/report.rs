//! The figures of a run.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{clock::seconds, run::Run};

/// Formats the figures as a table.
pub(crate) fn report(run: &Run) -> String {
    let mut text = String::new();
    table(&mut text, run).unwrap();
    text
}

fn table(text: &mut String, run: &Run) -> fmt::Result {
    let took = run.until - run.from;
    let share = |time: f64| time / seconds(took) * 1e2;
    let (history, faults) = (&run.history, &run.faults);
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (kind, seed) = (run.kind.name(), run.seed);
    writeln!(text, "faults on real servers, {kind}, seed {seed}")?;
    writeln!(text, "  {:<38}{:>9.1} s", "length", seconds(took))?;
    let rows = [
        ("terms", history.tenures.len() as u64),
        (
            "  handed over, with a complete drain",
            history.hand_overs() as u64,
        ),
        ("admissions", history.admissions()),
        ("writes accepted by a leader", count(&run.tally.taken)),
        ("writes rejected by a gate", count(&run.tally.refused)),
        ("writes without a response", count(&run.tally.unanswered)),
        ("writes that failed behind a gate", count(&run.tally.failed)),
        (
            "writes accepted by the storage",
            history.writes.stored.len() as u64,
        ),
        ("stale writes rejected by the storage", run.stale),
        ("faults planned", faults.planned as u64),
        ("  skipped, target busy", faults.dropped() as u64),
        ("  requested, without known effect", faults.idle() as u64),
        ("  survived", (faults.done.len() - faults.idle()) as u64),
        ("  overlapping another", faults.overlapping() as u64),
    ];
    for (name, value) in rows {
        writeln!(text, "  {name:<38}{value:>9}")?;
    }
    for (name, (survived, idle)) in kinds(run) {
        let idle = match idle {
            0 => String::new(),
            idle => format!(" and {idle} without known effect"),
        };
        writeln!(text, "    {name:<36}{survived:>9}{idle}")?;
    }
    let open = share(seconds(run.gates.open));
    let written = share(run.available.as_secs_f64());
    let gap = seconds(run.gates.gap);
    let unwritten = seconds(run.tally.gap());
    let recovery = seconds(run.recovered - run.quiet);
    for (name, value, unit) in [
        ("available (time with a gate open)", open, '%'),
        ("  time in which a write was completed", written, '%'),
        ("worst leaderless gap (no gate open)", gap, 's'),
        ("  longest without a completed write", unwritten, 's'),
        ("recovery after the last fault", recovery, 's'),
    ] {
        writeln!(text, "  {name:<38}{value:>9.1} {unit}")?;
    }
    writeln!(text, "  {:<38}{:>9}", "violations", run.violations.len())?;
    for violation in &run.violations {
        writeln!(text, "{violation}")?;
    }
    Ok(())
}

/// How often each kind of fault occurred, with and without an effect.
fn kinds(run: &Run) -> BTreeMap<String, (u64, u64)> {
    let mut kinds = BTreeMap::<_, (u64, u64)>::new();
    for fault in &run.faults.done {
        let name = format!("{} {}", fault.lane.kind(), fault.name);
        let (survived, idle) = kinds.entry(name).or_default();
        *(if fault.took { survived } else { idle }) += 1;
    }
    kinds
}
