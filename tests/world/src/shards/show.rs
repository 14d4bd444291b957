//! Formats records briefly for a trace.

use noleader::{
    lease::Observation,
    shards::protocol::{Action, Input, Key, Ownership, Record, SessionRecord},
};

pub(super) fn observation(key: &str, seen: &Observation) -> String {
    let revision = seen.revision();
    let Some(value) = seen.value() else {
        return format!("{revision}: none");
    };
    match Key::parse(key) {
        Some(Key::Session(_)) => match SessionRecord::decode(value) {
            Ok(record) => format!("{revision}: {}", self::record(&Record::Session(record))),
            Err(why) => format!("{revision}: garbage ({why})"),
        },
        Some(Key::Shard(_)) => match Ownership::decode(revision, value) {
            Ok(record) => format!("{revision}: {}", self::record(&Record::Shard(record))),
            Err(why) => format!("{revision}: garbage ({why})"),
        },
        _ => format!("{revision}: {}", String::from_utf8_lossy(value)),
    }
}

fn record(record: &Record) -> String {
    let text = String::from_utf8(record.encode()).unwrap_or_default();
    let text = text.replace("{\"v\":1,\"state\":", "{").replace('"', "");
    let parts = text.split(',').filter(|part| {
        !["address", "lease_ms", "weight", "write"].contains(&part.split(':').next().unwrap_or(""))
    });
    parts.map(shorten).collect::<Vec<_>>().join(" ")
}

/// The first digits of a nonce.
fn shorten(part: &str) -> &str {
    match part.starts_with("session:") {
        true => &part[..part.len().min(14)],
        false => part,
    }
}

pub(super) fn input(input: &Input) -> String {
    match input {
        Input::Delivered {
            watch,
            index,
            key: Some(key),
            seen,
        } => format!(
            "watch {watch} #{index}: {key} {}",
            observation(&key.to_string(), seen)
        ),
        Input::Read {
            attempt,
            seen: Some(seen),
        } => format!(
            "read #{attempt}: {} {}",
            seen.revision(),
            String::from_utf8_lossy(seen.value().unwrap_or(b"none"))
        ),
        input => format!("{input:?}"),
    }
}

pub(super) fn action(action: &Action) -> String {
    match action {
        Action::Write {
            attempt,
            key,
            expected,
            record,
        } => format!(
            "write #{attempt} of {key} over {expected}: {}",
            self::record(record)
        ),
        action => format!("{action:?}"),
    }
}
