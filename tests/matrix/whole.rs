//! Every table, and a check that no cell is missing.

use crate::{
    action::Action,
    cell::{Cell, Protocol, State},
    fail::FAIL,
    forward::FORWARD,
    not_ready::NOT_READY,
    redirect::REDIRECT,
    reject::REJECT,
    reject_with::REJECT_WITH,
};

/// Each action with the name of its tests: with the gate alone, and with the layers of tower-http around it and inside.
macro_rules! every_action {
    ($($name:ident: $action:expr,)*) => {
        const ACTIONS: &[Action] = &[$($action),*];

        $(mod $name {
            use super::*;

            #[tokio::test]
            async fn every_cell() {
                $action.check().await;
            }

            #[tokio::test]
            async fn every_cell_among_layers() {
                $action.layered().check().await;
            }
        })*
    };
}

every_action! {
    reject: REJECT,
    reject_with: REJECT_WITH,
    redirect: REDIRECT,
    forward: FORWARD,
    fail: FAIL,
    not_ready: NOT_READY,
    wait_then_reject: REJECT.waiting(),
    wait_then_reject_with: REJECT_WITH.waiting(),
    wait_then_redirect: REDIRECT.waiting(),
    wait_then_forward: FORWARD.waiting(),
    wait_then_fail: FAIL.waiting(),
}

#[test]
fn every_action_meets_every_protocol_in_every_state() {
    for action in ACTIONS {
        let cells = action.cells();
        let of = |state: State| Protocol::ALL.map(|protocol| (state, protocol));
        let all = State::COMMON.into_iter().flat_map(of);
        for (state, protocol) in all.filter(|(state, protocol)| state.is_seen_by(*protocol)) {
            let is_of = |cell: &&Cell<'_>| cell.state == state && cell.protocol == protocol;
            let settings = match state.is_behind_follower() {
                true => 1,
                false => action.settings.len() + 1,
            };
            let count = cells.iter().filter(is_of).count();
            assert!(
                count >= settings,
                "{}: {state:?}, {protocol:?}",
                action.name
            );
        }
    }
    let count = |cells: usize, action: &Action| cells + action.cells().len();
    assert_eq!(ACTIONS.iter().fold(0, count), 3760);
    let layered = ACTIONS.iter().map(|action| action.layered());
    assert_eq!(layered.fold(0, |cells, action| count(cells, &action)), 1620);
}
