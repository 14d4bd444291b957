//! Fuzzes the record decoder.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| noleader_fuzz::record::check(bytes));
