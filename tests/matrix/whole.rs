//! Every table, and a check that no cell is missing.

use crate::{
    action::Action,
    cell::{Protocol, State},
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
