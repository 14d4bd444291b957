//! Formats the outcomes of many rounds.

use std::{fmt::Write as _, time::Duration};

use crate::{candidate::Make, fault::Fault, round::Outcome};

/// The table of one version, with a row per fault.
pub(crate) fn of(make: Make, outcomes: &[(Fault, Outcome)]) -> String {
    let lease = make.lease().as_secs();
    let mut text = format!("noleader, {}, lease {lease} s\n\n", make.name());
    text.push_str("| the leader is | rounds | with two leaders | ms with two, in all | longest | new leader after, s | fault lasted, s |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for fault in Fault::ALL {
        let of_fault = outcomes.iter().filter(|(kind, _)| *kind == fault);
        let rounds: Vec<Outcome> = of_fault.map(|(_, outcome)| *outcome).collect();
        if !rounds.is_empty() {
            text.push_str(&line(fault, &rounds));
        }
    }
    text
}

fn line(fault: Fault, rounds: &[Outcome]) -> String {
    let seen = rounds.iter().filter(|round| round.overlap.seen).count();
    let total: Duration = rounds.iter().map(|round| round.overlap.total).sum();
    let longest = rounds.iter().map(|round| round.overlap.longest).max();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "| {} | {} | {seen} | {:.1} | {:.1} | {} | {} |",
        fault.name(),
        rounds.len(),
        ms(total),
        ms(longest.unwrap_or_default()),
        range(rounds.iter().map(|round| round.new_leader)),
        range(rounds.iter().map(|round| round.lasted)),
    );
    text
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The shortest and the longest time, in seconds.
fn range(times: impl Iterator<Item = Duration> + Clone) -> String {
    let (least, most) = (times.clone().min(), times.max());
    let seconds = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64();
    format!("{:.1} to {:.1}", seconds(least), seconds(most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Overlap;

    #[test]
    fn rounds_of_a_fault_are_summed() {
        let outcome = |seen, total_ms, new_leader_s| Outcome {
            overlap: Overlap {
                seen,
                total: Duration::from_millis(total_ms),
                longest: Duration::from_millis(total_ms / 2),
            },
            new_leader: Duration::from_secs(new_leader_s),
            lasted: Duration::from_secs(90),
        };
        let outcomes = [
            (Fault::Pause, outcome(true, 8, 70)),
            (Fault::Kill, outcome(false, 0, 75)),
            (Fault::Pause, outcome(true, 2, 80)),
        ];
        let table = of(Make::Earlier, &outcomes);
        let lines: Vec<_> = table.lines().skip(4).collect();
        assert_eq!(
            lines,
            [
                "| killed | 1 | 0 | 0.0 | 0.0 | 75.0 to 75.0 | 90.0 to 90.0 |",
                "| paused | 2 | 2 | 10.0 | 4.0 | 70.0 to 80.0 | 90.0 to 90.0 |",
            ]
        );
    }
}
