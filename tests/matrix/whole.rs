//! No cell is missing.

use crate::{
    cell::{Action, Protocol, State},
    fail::FAIL,
    forward::FORWARD,
    not_ready::NOT_READY,
    redirect::REDIRECT,
    reject::REJECT,
    reject_with::REJECT_WITH,
    wait_then_forward::WAIT_THEN_FORWARD,
    wait_then_redirect::WAIT_THEN_REDIRECT,
    wait_then_reject::WAIT_THEN_REJECT,
};

const ACTIONS: [&Action; 9] = [
    &REJECT,
    &REJECT_WITH,
    &REDIRECT,
    &FORWARD,
    &WAIT_THEN_REJECT,
    &WAIT_THEN_REDIRECT,
    &WAIT_THEN_FORWARD,
    &NOT_READY,
    &FAIL,
];

#[test]
fn every_action_meets_every_protocol_in_every_state() {
    for action in ACTIONS {
        let cells = action.cells();
        for (state, protocol) in State::COMMON
            .iter()
            .flat_map(|state| Protocol::ALL.map(|p| (*state, p)))
        {
            let of = cells
                .iter()
                .filter(|cell| cell.state == state && cell.protocol == protocol);
            let settings = action.settings.len() + 1;
            if state.is_seen_by(protocol) {
                assert!(
                    of.count() >= settings,
                    "{}: {state:?}, {protocol:?}",
                    action.name
                );
            }
        }
    }
    let all = ACTIONS.iter().map(|action| action.cells().len());
    assert_eq!(all.sum::<usize>(), 2710);
}
