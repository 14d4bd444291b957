//! Fuzzes the library in the simulated world, where the fuzzer makes every choice.
#![no_main]

use std::panic;

use libfuzzer_sys::fuzz_target;
use noleader_world::{Plan, Source, run};

/// How many lines of the trace a report shows.
const TAIL: usize = 80;

fuzz_target!(
    // libfuzzer-sys aborts at the first panic. The world catches panics, and its report adds the trace.
    init: drop(panic::take_hook()),
    |bytes: &[u8]| {
        let Some((kind, choices)) = bytes.split_first() else {
            return;
        };
        let (source, plan) = (Source::Bytes(choices), Plan::of(u64::from(*kind)));
        if let Some(violation) = run(source, plan, 0).violations.first() {
            let trace = run(source, plan, TAIL).trace;
            panic!(
                "{plan:?} fails {}: {}\n{trace}",
                violation.invariant, violation.what
            );
        }
    }
);
