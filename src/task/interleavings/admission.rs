use std::sync::{Arc, atomic::Ordering};

use loom::{sync::atomic::AtomicBool, thread};

use super::{gated::Gated, in_every_order};
use crate::task::admission::Admission;

#[test]
fn an_admission_belongs_to_one_term() {
    in_every_order(|| {
        let gated = Gated::new();
        gated.open(7);
        let requests = thread::spawn({
            let gated = gated.clone();
            move || {
                let admitted = [gated.admit(), gated.admit()];
                // The gate is not closed under the second term.
                let is_in = admitted
                    .iter()
                    .flatten()
                    .any(|a| a.term().token() == 8.into());
                assert!(!is_in || gated.gate.is_open(), "admitted before it opened");
                admitted
            }
        });
        gated.end();
        gated.open(8);

        let admitted = requests.join().unwrap();
        let tokens = admitted.iter().flatten().map(|a| a.term().token());
        assert!(tokens.is_sorted(), "admitted under an earlier term");
        for admission in admitted.iter().flatten() {
            let is_over = admission.term().token() == 7.into();
            assert_eq!(admission.term().closing().is_cancelled(), is_over);
            assert_eq!(admission.term().is_current(), !is_over);
        }
        let inside = |a: &&Admission| a.term().token() == 7.into();
        let draining = admitted.iter().flatten().filter(inside).count();
        assert_eq!(gated.gate.draining(), draining);
    });
}

#[test]
fn nothing_is_admitted_once_the_gate_has_closed() {
    in_every_order(|| {
        let gated = Gated::new();
        let term = gated.open(7);
        let shut = Arc::new(AtomicBool::new(false));
        let request = thread::spawn({
            let (gated, shut) = (gated.clone(), shut.clone());
            move || {
                let was_shut = shut.load(Ordering::Acquire);
                let is_in = gated.admit().is_some() || gated.gate.term().is_some();
                assert!(!was_shut || !is_in && !gated.gate.is_open());
            }
        });
        gated.gate.shut();
        shut.store(true, Ordering::Release);
        assert!(term.is_current(), "the lease is held while requests finish");
        request.join().unwrap();
    });
}

#[test]
fn an_observed_open_gate_admits() {
    in_every_order(|| {
        let gated = Gated::new();
        let request = thread::spawn({
            let gated = gated.clone();
            move || assert!(!gated.gate.is_open() || gated.admit().is_some())
        });
        gated.open(7);
        request.join().unwrap();
    });
}

#[test]
fn an_open_gate_shows_all_earlier_writes() {
    in_every_order(|| {
        let gated = Gated::new();
        let warm = Arc::new(AtomicBool::new(false));
        let request = thread::spawn({
            let (gated, warm) = (gated.clone(), warm.clone());
            move || assert!(!gated.gate.is_open() || warm.load(Ordering::Relaxed))
        });
        warm.store(true, Ordering::Relaxed);
        gated.open(7);
        request.join().unwrap();
    });
}
