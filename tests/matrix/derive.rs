//! Rows that follow from other rows.

use crate::{
    action::Row,
    cell::{State, Then},
    expect::Expect,
};

/// The rows with a setting that changes some of them.
pub(crate) fn changed(rows: &[Row], changes: &[Row]) -> Vec<Row> {
    let is_kept = |row: &&Row| {
        let is_same = |change: &Row| (change.0, change.1) == (row.0, row.1);
        !changes.iter().any(is_same)
    };
    let kept = rows.iter().filter(is_kept);
    kept.chain(changes).copied().collect()
}

/// The rows with `wait_up_to`: a request that would not be executed is held, and then treated as without `wait_up_to` in
/// the state of that moment.
pub(crate) fn after_a_hold(rows: &[Row]) -> Vec<Row> {
    let held = rows.iter().flat_map(|&(state, then, expect)| {
        let ends = match expect {
            Expect::Served | Expect::ServedTermless => &[],
            _ => state.ends_of_hold(),
        };
        let after = |end| match end {
            Then::Opens => answer(rows, State::Leads),
            Then::OtherLeads => answer(rows, State::Follows),
            Then::Stops => answer(rows, State::Stopped),
            Then::AtOnce | Then::EntryLeads | Then::TimeIsOver => expect,
        };
        let mut held: Vec<_> = ends.iter().map(|&end| (state, end, after(end))).collect();
        if held.is_empty() {
            held.push((state, then, expect));
        }
        held
    });
    held.collect()
}

/// The rows of a leader that drains, for requests that a follower forwards. The follower passes on each answer. If it holds
/// requests, it sends those that were not executed again. The leader leaves the hold of a forwarded request to the follower.
pub(crate) fn through_a_follower(rows: &[Row], with_hold: &[Row]) -> Vec<Row> {
    // `fail` knows nothing of HTTP: not that a request was forwarded, and not how to say that it was not executed.
    let is_fail = matches!(answer(rows, State::Drains), Expect::Failed(_));
    let of_leader = if is_fail { with_hold } else { rows };
    let drains = of_leader.iter().filter(|row| row.0 == State::Drains);
    let through = drains.flat_map(|&(_, then, expect)| {
        let held = match (then, expect) {
            (_, Expect::Served | Expect::Failed(_)) => vec![(then, expect)],
            (Then::AtOnce, _) => vec![
                (Then::Opens, answer(rows, State::Leads)),
                (Then::OtherLeads, Expect::Forwarded(&Expect::Served)),
                (Then::EntryLeads, Expect::ServedByEntry),
                (Then::TimeIsOver, expect),
            ],
            // `not_ready` says that the request was not executed once its node has left the election.
            (_, Expect::Parked(_)) => {
                vec![(then, Expect::Parked(&Expect::Forwarded(&Expect::Served)))]
            }
            _ => Vec::new(),
        };
        let held = held.into_iter();
        let held = held.map(|(then, expect)| (State::DrainsBehindHold, then, expect));
        std::iter::once((State::DrainsBehindForward, then, expect)).chain(held)
    });
    through.collect()
}

/// The answer in a state.
fn answer(rows: &[Row], state: State) -> Expect {
    let row = rows.iter().find(|row| row.0 == state);
    row.expect("every action meets this state").2
}
