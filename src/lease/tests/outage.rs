//! The outages that a leader with the default settings survives, as docs/nats.md lists them.

use super::{super::*, harness::*};

const ROUND_TRIP: u64 = 1;

/// How requests fail during an outage.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// At once, as without a connection.
    Refused,
    /// There is no response.
    Silent,
}

/// Whether a leader keeps its term through an outage of `span` ms. `begins` maps the time of
/// the next renewal to the begin of the outage, both in ms after the last renewal.
fn survives(seed: u64, kind: Kind, begins: impl Fn(u64) -> u64, span: u64) -> bool {
    let candidate = Candidate {
        timing: TimeSettings::default().timing().unwrap(),
        ..candidate()
    };
    let mut d = Driver::seeded(candidate, seed);
    d.tick();
    d.answer(holds(BEFORE, &released()));
    if d.attempt() < 2 {
        d.wake();
    }
    let sent = d.elapsed();
    d.acknowledge(TOKEN);
    let renewal = d.machine.poll_timeout().unwrap().saturating_since(at(0));
    let begin = sent + begins(u64::try_from(renewal.as_millis()).unwrap() - sent);
    let mut last = holds(TOKEN, d.written().1);
    while d.elapsed() < begin + span + 30_000 {
        let mut actions = d.wake();
        while let Some(request) = actions.iter().find(|a| is_read(a) || is_write(a)).cloned() {
            let is_out = (begin..begin + span).contains(&d.elapsed());
            actions = match (is_out, kind, is_write(&request)) {
                (true, Kind::Silent, _) => break,
                (true, Kind::Refused, true) => d.end_write(Outcome::Failed),
                (true, Kind::Refused, false) => d.fail_read(),
                (false, _, true) => {
                    last = holds(last.revision() + 1, d.written().1);
                    d.at(d.elapsed() + ROUND_TRIP).acknowledge(last.revision())
                }
                (false, _, false) => d.at(d.elapsed() + ROUND_TRIP).answer(last.clone()),
            };
        }
        if !d.leads() {
            return false;
        }
    }
    true
}

fn survivors(kind: Kind, begins: impl Fn(u64) -> u64 + Copy, span: u64) -> usize {
    (0..300)
        .filter(|seed| survives(*seed, kind, begins, span))
        .count()
}

#[test]
fn a_leader_survives_the_worst_case() {
    for kind in [Kind::Refused, Kind::Silent] {
        let just_before = |renewal: u64| renewal - 1;
        assert_eq!(survivors(kind, just_before, 5_450), 300, "{kind:?}");
        assert!(survivors(kind, just_before, 9_000) < 300, "{kind:?}");
    }
}

#[test]
fn a_leader_survives_a_typical_outage() {
    for kind in [Kind::Refused, Kind::Silent] {
        let halfway = |renewal: u64| renewal / 2;
        let survived = survivors(kind, halfway, 10_000);
        assert!(survived > 150, "{kind:?}: {survived} of 300");
        assert_eq!(survivors(kind, halfway, 12_000), 0, "{kind:?}");
    }
}
