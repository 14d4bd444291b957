//! Fuzzes the election: the fuzzer controls the network, the clocks and all other clients.
#![no_main]

libfuzzer_sys::fuzz_target!(|run: noleader_fuzz::Run| noleader_fuzz::play(run));
