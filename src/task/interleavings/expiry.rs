use std::sync::{Arc, atomic::Ordering};

use loom::{sync::atomic::AtomicBool, thread};

use super::{
    gated::{Gated, SECOND},
    in_every_order,
};
use crate::task::term::Term;

/// A gate at its deadline, and its term, whose renewal was acknowledged in time but is not published yet.
fn at_the_deadline() -> (Gated, Term) {
    let gated = Gated::new();
    let term = gated.open(7);
    gated.clock.advance_silently(SECOND);
    (gated, term)
}

fn renew(gated: &Gated) -> bool {
    gated.gate.extend(gated.clock.now() + SECOND)
}

/// Publishes the renewal. As in the task, a term whose end was observed ends, and the next term begins.
fn renew_or_begin_next(gated: &Gated) {
    if !renew(gated) {
        gated.end();
        gated.open(8);
    }
}

/// One thread reads the gate and signals a second thread, which reads it too.
fn closed_for_one_is_closed_for_all(
    sees_closed: impl Fn(&Gated) -> bool + Send + Sync + Copy + 'static,
    token: impl Fn(&Gated) -> Option<u64> + Send + Sync + Copy + 'static,
) {
    in_every_order(move || {
        let (gated, _) = at_the_deadline();
        let signal = Arc::new(AtomicBool::new(false));
        let first = thread::spawn({
            let (gated, signal) = (gated.clone(), signal.clone());
            move || {
                if sees_closed(&gated) {
                    signal.store(true, Ordering::Release);
                }
            }
        });
        let second = thread::spawn({
            let gated = gated.clone();
            move || {
                let is_signalled = signal.load(Ordering::Acquire);
                let token = token(&gated);
                assert!(
                    !is_signalled || token != Some(7),
                    "a closed gate admitted a request"
                );
            }
        });
        renew_or_begin_next(&gated);
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn is_open_closes_the_gate_for_requests() {
    closed_for_one_is_closed_for_all(
        |gated| !gated.gate.is_open(),
        |gated| gated.admit().map(|a| a.term().token().into()),
    );
}

#[test]
fn is_open_closes_the_gate_for_readers() {
    closed_for_one_is_closed_for_all(
        |gated| !gated.gate.is_open(),
        |gated| gated.gate.term().map(|term| term.token().into()),
    );
}

#[test]
fn a_refused_request_closes_the_gate() {
    closed_for_one_is_closed_for_all(
        |gated| gated.admit().is_none(),
        |gated| gated.admit().map(|a| a.term().token().into()),
    );
}

#[test]
fn a_refused_request_closes_is_open() {
    in_every_order(|| {
        let (gated, _) = at_the_deadline();
        let looks = thread::spawn({
            let gated = gated.clone();
            move || gated.admit().is_some() || !gated.gate.is_open()
        });
        renew(&gated);
        assert!(looks.join().unwrap(), "open for one and closed for another");
    });
}

#[test]
fn a_renewal_fails_after_an_observed_end() {
    in_every_order(|| {
        let (gated, _) = at_the_deadline();
        let look = thread::spawn({
            let gated = gated.clone();
            move || gated.gate.is_open()
        });
        let renewed = renew(&gated);
        assert_eq!(look.join().unwrap(), renewed);
        assert_eq!(gated.gate.is_open(), renewed);
        assert_eq!(gated.admit().is_some(), renewed);
    });
}

#[test]
fn a_renewal_races_with_the_clock() {
    in_every_order(|| {
        let gated = Gated::new();
        let term = gated.open(7);
        let later = gated.clock.now() + SECOND * 2;
        let time = thread::spawn({
            let clock = gated.clock.clone();
            move || clock.advance_silently(SECOND)
        });
        let look = thread::spawn({
            let term = term.clone();
            move || term.is_current()
        });
        let renewed = gated.gate.extend(later);
        assert_eq!(look.join().unwrap(), renewed);
        time.join().unwrap();
        assert_eq!(term.is_current(), renewed);
        assert_eq!(gated.gate.is_open(), renewed);
    });
}

#[test]
fn an_ended_term_is_never_renewed() {
    in_every_order(|| {
        let (gated, term) = at_the_deadline();
        let looks = thread::spawn({
            let term = term.clone();
            move || [term.is_current(), term.is_current(), term.is_current()]
        });
        renew(&gated);
        gated.end();
        let looks = looks.join().unwrap();
        assert!(looks.is_sorted_by(|before, after| before >= after));
        assert!(!term.is_current() && term.cancellation().is_cancelled());
    });
}
