//! R8: how a shard is given away.

use super::{super::*, harness::*};
use crate::lease::Outcome;

fn give() -> Want {
    Want::Give {
        to: Some(id("other")),
    }
}

#[test]
fn r8_shuts_drains_and_frees() {
    let mut d = Driver::open();
    assert_eq!(d.want(0, give()), [Action::Shut { shard: 0 }]);
    let actions = d.feed(Input::Drained {
        shard: 0,
        token: 11,
    });
    assert_eq!(
        actions,
        [
            Action::EndTerm { shard: 0 },
            d.write(Key::Shard(0), 11, free(Some("other"), 11))
        ]
    );
    assert_eq!(d.acknowledge(12), []);
}

#[test]
fn r8_frees_after_the_drain_timeout() {
    let mut d = Driver::open();
    d.want(0, give());
    let actions = d.at(4_999).tick();
    let frees = |a: &Action| {
        matches!(
            a,
            Action::Write {
                key: Key::Shard(0),
                ..
            }
        )
    };
    assert!(!actions.iter().any(frees));
    assert!(d.at(5_000).tick().iter().any(frees));
}

#[test]
fn r8_shut_is_final() {
    let mut d = Driver::open();
    d.want(0, give());
    assert_eq!(d.want(0, Want::Have), []);
    let actions = d.feed(Input::Drained {
        shard: 0,
        token: 11,
    });
    assert_eq!(
        actions,
        [
            Action::EndTerm { shard: 0 },
            d.write(Key::Shard(0), 11, free(None, 11))
        ]
    );
    let actions = d.acknowledge(12);
    // Only a new claim opens it again.
    assert_eq!(
        actions,
        [d.write(Key::Shard(0), 12, held("me", nonce(7), BEGUN, 11))]
    );
    assert_eq!(
        d.acknowledge(13),
        [Action::Open {
            shard: 0,
            token: 13
        }]
    );
}

#[test]
fn r8_a_release_of_unknown_outcome_is_read_and_written_again() {
    let mut d = Driver::open();
    d.want(0, give());
    d.feed(Input::Drained {
        shard: 0,
        token: 11,
    });
    let actions = d.end_write(Outcome::Unknown);
    assert_eq!(actions, [d.read(Key::Shard(0))]);
    let actions = d.answer(11, Some(&held("me", nonce(7), BEGUN, 2)));
    assert_eq!(
        actions,
        [d.write(Key::Shard(0), 11, free(Some("other"), 11))]
    );
    // This time it was applied.
    d.end_write(Outcome::Unknown);
    d.at(1_500).tick();
    assert_eq!(d.answer(12, Some(&free(Some("other"), 11))), []);
}

#[test]
fn r8_a_failed_warm_up_gives_the_shard_back() {
    let mut d = Driver::begun(&[(Key::Shard(0), Some(free(None, 2)))]);
    d.machine.me.warm_up = true;
    d.want(0, Want::Have);
    let actions = d.acknowledge(11);
    assert_eq!(
        actions,
        [Action::WarmUp {
            shard: 0,
            token: 11
        }]
    );
    let (shard, token) = (0, 11);
    let actions = d.feed(Input::Warmed {
        shard,
        token,
        ready: false,
    });
    assert_eq!(actions, [Action::Shut { shard: 0 }]);
    let actions = d.feed(Input::Drained { shard, token });
    assert_eq!(
        actions,
        [
            Action::EndTerm { shard: 0 },
            d.write(Key::Shard(0), 11, free(None, 11))
        ]
    );
    // It sits out, although the placement still names this node.
    assert_eq!(d.acknowledge(12), []);
}
