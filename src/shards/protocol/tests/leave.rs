//! R9: how a node leaves.

use super::{super::*, harness::*};
use crate::lease::{Outcome, Settled};

fn left() -> Record {
    session(SessionRecord::Left)
}

#[test]
fn r9_leaves_with_one_write_once_nothing_is_inside() {
    let mut d = Driver::open();
    assert_eq!(d.feed(Input::Leave), [Action::ShutAll]);
    let actions = d.feed(Input::Emptied);
    let end = Action::End { why: Ended::Left };
    assert_eq!(actions, [end, d.write(node_key("me"), BEGUN, left())]);
    let actions = d.acknowledge(12);
    assert!(actions.contains(&Action::Settled(Settled::Released)));
    assert_eq!(d.machine.poll_timeout(), None);
}

#[test]
fn r9_frees_each_shard_as_soon_as_it_is_drained() {
    let mut d = Driver::open();
    d.feed(Input::Leave);
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
}

#[test]
fn r9_the_session_is_renewed_while_it_drains() {
    let mut d = Driver::open();
    d.machine.me.timing.drain_timeout = node().timing.lease;
    d.feed(Input::Leave);
    d.renew(BEGUN, 1);
}

#[test]
fn r9_a_leave_of_unknown_outcome_is_read_and_written_again() {
    let mut d = Driver::open();
    d.feed(Input::Leave);
    d.feed(Input::Emptied);
    assert_eq!(d.end_write(Outcome::Unknown), [d.read(node_key("me"))]);
    let mine = session(SessionRecord::Alive(alive(nonce(7), 7)));
    let actions = d.answer(BEGUN, Some(&mine));
    assert_eq!(actions, [d.write(node_key("me"), BEGUN, left())]);
    let actions = d.at(60_000).tick();
    assert!(actions.contains(&Action::Settled(Settled::LeftToExpire)));
}
