//! Records of later versions: they are honoured for the lease they name.

use super::{super::*, harness::*};

/// A record of version 2 in the key, with an unknown holder.
fn later(revision: u64, rest: &str) -> Observation {
    let text = format!(r#"{{"v":2,"lease_ms":20000,{rest}}}"#);
    Observation::new(revision, Some(text.into_bytes()))
}

#[test]
fn it_is_waited_out_for_its_lease() {
    // Even if it seems to be released, or a mark.
    for rest in [
        r#""holder":"next","session":"s","token":40,"floor":50"#,
        r#""holder":null,"session":"s","token":40,"floor":50"#,
        r#""holder":null,"vacant":true,"token":0,"floor":50"#,
        r#""holder":["a","b"],"floor":50"#,
    ] {
        let seen = later(9, rest);
        let mut d = Driver::that_read(candidate(), seen.clone());
        assert!(d.follows());
        assert_eq!(d.leader(), None, "its holder is not known");
        assert_eq!(d.campaign(&seen).0, 20_000, "{rest}");
    }
}

#[test]
fn its_token_and_floor_are_known() {
    let known = |rest| {
        let d = Driver::that_read(candidate(), later(9, rest));
        d.machine.floor()
    };
    assert_eq!(known(r#""token":40,"floor":20"#), 40);
    assert_eq!(known(r#""token":40,"floor":50"#), 50);
    // The token of an acquiring write.
    assert_eq!(known(r#""token":0,"floor":50"#), 51);
    assert_eq!(known(r#""holder":null"#), 9);
}

#[test]
fn it_is_taken_over_with_a_larger_token() {
    let seen = later(9, r#""token":40,"floor":20"#);
    let mut d = Driver::that_read(candidate(), seen.clone());
    assert_eq!(d.campaign(&seen), (20_000, 9, mine(40)));
    d.acknowledge(10);
    assert_eq!(d.machine.token(), Some(41));
}

#[test]
fn it_ends_the_term_of_a_leader() {
    let mut d = Driver::leading();
    let actions = d.push(later(9, r#""token":40"#));
    assert_eq!(actions, [end(Ended::Overwritten), d.read()]);
}

/// A candidate that trusts an absent key still waits for it, and one that knows a higher token does not replace it.
#[test]
fn it_is_no_mark() {
    let seen = later(9, r#""holder":null,"vacant":true"#);
    let trusting = Candidate {
        trust_absent_key: true,
        ..candidate()
    };
    let mut d = Driver::that_read(trusting, seen.clone());
    assert_eq!(d.campaign(&seen).0, 20_000);
    let mut d = Driver::following(&theirs(LEASE).renewed(1_000, 1));
    assert_eq!(d.push(seen.clone()), []);
    assert_eq!(d.campaign(&seen), (20_000, 9, mine(1_000)));
}
