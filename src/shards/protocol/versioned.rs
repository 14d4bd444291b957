//! Records as JSON with a version, so that `nats kv get` shows them to operators.
//!
//! A new optional field does not change the version, because unknown fields are ignored. It changes only when an older
//! reader would misjudge safety.

use serde::Serialize;

use crate::lease::{self, Garbage};

const VERSION: u32 = 1;

#[derive(Serialize)]
struct Versioned<'a, T> {
    #[serde(rename = "v")]
    version: u32,
    #[serde(flatten)]
    record: &'a T,
}

pub(super) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    let version = VERSION;
    // Strings and numbers always serialize. A record of a later version does not, and is never written.
    serde_json::to_vec(&Versioned { version, record }).unwrap_or_default()
}

/// Whether a later version wrote the record.
pub(super) fn is_later(bytes: &[u8]) -> Result<bool, Garbage> {
    Ok(lease::version(bytes)? > VERSION)
}
