//! A bucket that was made again, or that lost writes: what was seen in it means nothing.

use super::{super::*, harness::*};

/// The placement would otherwise still count an owner that no record names, and no node would claim the shard.
#[test]
fn a_forgotten_bucket_has_no_owners_and_no_members() {
    let owned = held("you", nonce(1), 2, 0);
    let mut d = Driver::begun(&[
        (node_key("you"), Some(their_session(1))),
        (Key::Shard(0), Some(owned)),
    ]);
    let members = |d: &Driver| d.machine.members().count();
    while d.machine.poll_changed_shard().is_some() {}
    assert!(d.machine.poll_changed_members());
    assert_eq!(members(&d), 2);

    assert_eq!(d.feed(Input::WatchEnded { watch: 1 }), []);
    d.now = d.machine.poll_timeout().unwrap();
    let (watch, after) = (2, BEGUN);
    assert_eq!(d.tick(), [Action::Watch { watch, after }]);
    let actions = d.feed(Input::Watching {
        watch: 2,
        epoch: 2,
        last: 1,
    });
    assert!(actions.iter().any(|a| matches!(a, Action::End { .. })));

    assert_eq!(d.machine.poll_changed_shard(), Some(0));
    let holder = d.machine.shard(0).map(|view| view.holder);
    assert_eq!(holder, Some(Holder::Unowned { wanted: None }));
    assert!(d.machine.poll_changed_members());
    assert_eq!(members(&d), 0);
}
