//! A follower: its reads, campaigns and retries, and the leader that it names.

use std::collections::HashSet;

use super::{super::*, harness::*};

#[test]
fn starts_with_a_read() {
    let mut d = Driver::new();
    assert!(d.follows());
    assert!(d.machine.poll_timeout().unwrap() <= at(0));
    assert_eq!(d.tick(), [read(1)]);
    assert_eq!(d.machine.poll_timeout(), Some(at(REQUEST_TIMEOUT)));
    assert_eq!(d.tick_at(REQUEST_TIMEOUT - 1), []);
    assert_eq!(d.tick_at(REQUEST_TIMEOUT), [read(2)]);
}

#[test]
fn a_released_record_is_taken_at_once() {
    let mut d = Driver::new();
    d.tick();
    assert_eq!(
        d.answer(holds(BEFORE, &released())),
        [write(2, BEFORE, mine(BEFORE))]
    );
}

#[test]
fn a_pushed_release_is_taken_at_once() {
    let mut d = Driver::following(&theirs(LEASE));
    let release = theirs(LEASE).released(BEFORE);
    assert_eq!(
        d.at(1_000).push(holds(8, &release)),
        [write(2, 8, mine(BEFORE))]
    );
}

#[test]
fn campaigns_after_a_release_have_jitter() {
    let mut candidate = candidate();
    candidate.timing.campaign_delay = ms(20);
    let delays: HashSet<_> = (0..100)
        .map(|seed| {
            let mut d = Driver::seeded(candidate.clone(), seed);
            d.tick();
            d.answer(holds(BEFORE, &released()));
            let campaign = d.machine.poll_timeout().unwrap();
            assert_eq!(d.wake(), [write(2, BEFORE, mine(BEFORE))]);
            campaign
        })
        .collect();
    assert!(delays.len() > 90, "{}", delays.len());
    assert!(delays.iter().all(|d| (at(0)..=at(20)).contains(d)));
}

#[test]
fn a_silent_watch_causes_a_read() {
    let mut d = Driver::following(&theirs(LEASE));
    for _ in 0..2 {
        let heard = d.elapsed();
        assert_eq!(d.wake(), [read(d.attempt())]);
        assert!((5_750..=6_750).contains(&(d.elapsed() - heard)));
        assert_eq!(d.answer(holds(BEFORE, &theirs(LEASE))), []);
    }
}

#[test]
fn a_push_postpones_the_read() {
    let mut d = Driver::following(&theirs(LEASE));
    for renewal in 1..10 {
        let record = theirs(LEASE).renewed(BEFORE, renewal);
        let pushed = d.at(5_500 * renewal).push(holds(BEFORE + renewal, &record));
        assert_eq!(pushed, []);
    }
}

#[test]
fn a_longer_lease_allows_a_longer_silence() {
    let mut d = Driver::following(&theirs(60_000));
    d.wake_until(is_read);
    assert!((23_000..=27_000).contains(&d.elapsed()), "{}", d.elapsed());
}

#[test]
fn retries_back_off_and_never_give_up() {
    let mut d = Driver::new();
    d.tick();
    for failures in 1..1_000 {
        let failed = d.elapsed();
        assert_eq!(d.fail_read(), []);
        assert_eq!(d.wake(), [read(failures + 1)]);
        let (low, high) = match failures {
            1 => (250, 500),
            2 => (500, 1_000),
            _ => (750, 1_500),
        };
        let pause = d.elapsed() - failed;
        assert!((low..=high).contains(&pause), "{failures}: {pause}");
    }
}

#[test]
fn refused_campaigns_back_off_too() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.end_write(Outcome::Failed), []);
    assert_eq!(d.wake(), [read(3)]);
    assert!((250..=500).contains(&d.elapsed()));
    let written = d.elapsed();
    assert_eq!(
        d.answer(holds(BEFORE, &released())),
        [write(4, BEFORE, mine(BEFORE))]
    );
    assert_eq!(d.end_write(Outcome::Failed), []);
    assert_eq!(d.wake(), [read(5)]);
    assert!((500..=1_000).contains(&(d.elapsed() - written)));
}

#[test]
fn a_change_ends_the_pause_without_a_read() {
    let mut d = Driver::new();
    d.tick();
    for _ in 0..10 {
        d.fail_read();
        d.wake_until(is_read);
    }
    assert_eq!(d.fail_read(), []);
    assert_eq!(
        d.push(holds(BEFORE, &released())),
        [write(12, BEFORE, mine(BEFORE))]
    );
    // The next failure counts as the first.
    let failed = d.elapsed();
    assert_eq!(d.end_write(Outcome::Failed), []);
    d.wake();
    assert!((250..=500).contains(&(d.elapsed() - failed)));
}

#[test]
fn the_leader_is_named_until_its_lease_expires() {
    let mut d = Driver::following(&theirs(LEASE));
    let named = |at| {
        let leader = d.leader_at(at).unwrap();
        let address = leader.address().map(str::to_owned);
        (leader.id().to_owned(), address, u64::from(leader.token()))
    };
    let other = ("other".to_owned(), Some("http://other".to_owned()), BEFORE);
    assert_eq!(named(at(0)), other);
    assert_eq!(named(at(LEASE - 1)), other);
    assert_eq!(d.leader_at(at(LEASE)), None);
    // The driver is woken at that time, to publish it.
    while d.elapsed() < LEASE {
        d.wake();
    }
    assert_eq!(d.elapsed(), LEASE);
}

#[test]
fn no_leader_is_named_without_a_lease() {
    let without_a_lease = [
        absent(0),
        absent(9),
        garbage(9),
        holds(9, &released()),
        holds(9, &theirs(LEASE).vacant(ms(LEASE))),
    ];
    for seen in without_a_lease {
        let d = Driver::that_read(candidate(), seen.clone());
        assert_eq!(d.leader_at(at(0)), None, "{seen:?}");
    }
    assert!(Driver::leading().leads());
}
