//! Fuzzes the election: the fuzzer is the network, the clocks and everybody else.
#![no_main]

libfuzzer_sys::fuzz_target!(|run: noleader_fuzz::Run| noleader_fuzz::play(run));
