//! Fuzzes the record decoder: it keeps its limits for any bytes in the key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use noleader::lease::{MAX_LEASE, MIN_LEASE, Record};

/// The documented limits of a record, repeated here on purpose.
const MAX_BYTES: usize = 8 * 1024;
const MAX_TOKEN_LEAD: u64 = 1 << 48;

/// The revisions of the bytes. A server never reaches the last two.
const REVISIONS: [u64; 6] = [0, 7, 1 << 32, 1 << 62, u64::MAX - 1, u64::MAX];

fuzz_target!(|bytes: &[u8]| decode_at_several_revisions(bytes));

/// Panics if a record breaks its limits, or does not survive a round trip.
fn decode_at_several_revisions(bytes: &[u8]) {
    let mut decoded_lower = false;
    for revision in REVISIONS {
        match Record::decode(revision, bytes) {
            Ok(record) => {
                decoded_lower = true;
                check_limits(revision, bytes, &record);
                check_round_trip(revision, &record);
                if revision <= 1 << 62 {
                    check_successor(revision, &record);
                }
            }
            Err(why) => {
                assert!(!decoded_lower, "garbage only at a higher revision: {why}");
                assert!(!why.to_string().is_empty());
            }
        }
    }
}

fn check_limits(revision: u64, bytes: &[u8], record: &Record) {
    assert!(bytes.len() <= MAX_BYTES);
    assert!((MIN_LEASE..=MAX_LEASE).contains(&record.lease()));
    let most = revision.saturating_add(MAX_TOKEN_LEAD);
    assert!(record.token <= most && record.floor < most);
    assert!(record.token_at(revision) <= most);
    if record.holder.is_some() && record.token == 0 {
        assert!(record.token_at(revision) >= revision);
        assert!(record.token_at(revision) > record.floor);
    }
}

/// Another encoder may use fewer bytes than this crate, so a copy may be too long.
fn check_round_trip(revision: u64, record: &Record) {
    let copy = record.encode();
    if copy.len() <= MAX_BYTES {
        assert_eq!(Record::decode(revision, &copy).as_ref(), Ok(record));
    }
}

/// Every record allows its successor to write a valid record with a larger token.
fn check_successor(revision: u64, record: &Record) {
    let known = record.token_at(revision).max(record.floor);
    let successor = Record::acquiring("next", "nonce", None, MIN_LEASE, known);
    let decoded = Record::decode(revision + 1, &successor.encode());
    assert_eq!(decoded.as_ref(), Ok(&successor));
    assert!(successor.token_at(revision + 1) > known);
}
