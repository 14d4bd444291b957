use async_nats::jetstream::{self, ErrorCode};

use super::{Unanswered, no_answer};
use crate::store::error::{StoreError, WriteError};

/// The server has two codes for a write over an unexpected revision. async-nats 0.51 has an error kind for the first
/// only.
const CONFLICTS: [ErrorCode; 2] = [
    ErrorCode::STREAM_WRONG_LAST_SEQUENCE,
    ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT,
];

/// The errors of servers that are forming a cluster, or are short of a member or of space, and that of a bucket that
/// another node has just created.
const PASSING: [ErrorCode; 6] = [
    ErrorCode::STREAM_NAME_EXIST,
    ErrorCode::CLUSTER_NO_PEERS,
    ErrorCode::CLUSTER_NOT_AVAILABLE,
    ErrorCode::INSUFFICIENT_RESOURCES,
    ErrorCode::MEMORY_RESOURCES_EXCEEDED,
    ErrorCode::STORAGE_RESOURCES_EXCEEDED,
];

pub(crate) fn is_stream_missing(error: &jetstream::Error) -> bool {
    error.error_code() == ErrorCode::STREAM_NOT_FOUND
}

/// Classifies an error of the JetStream API. If JetStream is expected but not enabled, the server is starting or
/// stopping.
pub(crate) fn of_call(error: jetstream::Error, expects_jetstream: bool) -> StoreError {
    match error.error_code() {
        ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => StoreError::JetStreamDisabled(error.into()),
        ErrorCode::JETSTREAM_NOT_ENABLED if !expects_jetstream => {
            StoreError::JetStreamDisabled(error.into())
        }
        _ => StoreError::Request(error.into()),
    }
}

/// Whether the reason why the server could not create a bucket is temporary.
pub(crate) fn is_passing(code: ErrorCode) -> bool {
    PASSING.contains(&code) || code == ErrorCode::JETSTREAM_NOT_ENABLED
}

/// Classifies a write without a response.
pub(crate) fn of_write(unanswered: Unanswered, subject: &str) -> WriteError {
    match unanswered {
        Unanswered::NotSent(error) => WriteError::Failed(error),
        Unanswered::Invalid(error) => WriteError::Failed(StoreError::Request(error.into())),
        // No stream received the write: it has no leader, or is gone.
        Unanswered::NoResponders => {
            WriteError::Failed(StoreError::Request("no stream stores the key".into()))
        }
        Unanswered::TimedOut => WriteError::Unknown(no_answer(subject)),
        Unanswered::Reconnected => WriteError::Unknown(StoreError::Disconnected),
        Unanswered::Closed => WriteError::Unknown(StoreError::Closed),
    }
}

/// The descriptions of `STREAM_STORE_FAILED` after which nothing is written: the stream is full. With others, such as
/// "store is closed" or an error of the disk, another replica may have stored the write.
const FULL: [&str; 4] = [
    "maximum messages exceeded",
    "maximum bytes exceeded",
    "maximum messages per subject exceeded",
    "message too large",
];

fn is_full(error: &jetstream::Error) -> bool {
    let description = error.to_string();
    error.error_code() == ErrorCode::STREAM_STORE_FAILED
        && FULL.iter().any(|full| description.starts_with(full))
}

/// Classifies a write that the server rejected.
pub(crate) fn of_refused_write(error: jetstream::Error) -> WriteError {
    if CONFLICTS.contains(&error.error_code()) {
        return WriteError::Conflict;
    }
    let is_final = (400..500).contains(&error.code()) || is_full(&error);
    let source = StoreError::Request(error.into());
    // A server without a quorum may reject a write that is applied later.
    if is_final {
        WriteError::Failed(source)
    } else {
        WriteError::Unknown(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> WriteError {
        of_refused_write(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn both_conflict_codes_are_recognized() {
        for code in [10071, 10164] {
            let text = format!(
                r#"{{"code":400,"err_code":{code},"description":"wrong last sequence: 5"}}"#
            );
            assert!(matches!(refused(&text), WriteError::Conflict), "{code}");
        }
    }

    fn call(code: u64, expects_jetstream: bool) -> StoreError {
        let text = format!(r#"{{"code":503,"err_code":{code},"description":"d"}}"#);
        of_call(serde_json::from_str(&text).unwrap(), expects_jetstream)
    }

    #[test]
    fn a_missing_jetstream_passes_where_it_is_expected() {
        for (code, expected, is_transient) in [
            (10039, true, false),
            (10039, false, false),
            (10076, true, true),
            (10076, false, false),
            (10005, false, true),
            (10008, false, true),
            (10023, false, true),
            (10047, false, true),
        ] {
            let error = call(code, expected);
            assert_eq!(error.is_transient(), is_transient, "{code}: {error:?}");
        }
    }

    #[test]
    fn a_bucket_may_be_created_later() {
        for (code, passes) in [
            (10005, true),
            (10008, true),
            (10023, true),
            (10028, true),
            (10047, true),
            (10058, true),
            (10076, true),
            (10052, false),
        ] {
            let text = format!(r#"{{"code":503,"err_code":{code},"description":"d"}}"#);
            let error: jetstream::Error = serde_json::from_str(&text).unwrap();
            assert_eq!(is_passing(error.error_code()), passes, "{code}");
        }
    }

    #[test]
    fn an_unavailable_server_leaves_a_write_unknown() {
        let unavailable =
            r#"{"code":503,"err_code":10008,"description":"temporarily unavailable"}"#;
        assert!(matches!(refused(unavailable), WriteError::Unknown(_)));
    }

    #[test]
    fn a_full_stream_fails_a_write() {
        let store_failed = |description: &str| {
            let text = format!(r#"{{"code":503,"err_code":10077,"description":"{description}"}}"#);
            refused(&text)
        };
        for full in FULL {
            let refused = store_failed(full);
            assert!(matches!(refused, WriteError::Failed(_)), "{full}");
        }
        for other in ["store is closed", "no space left on device"] {
            let refused = store_failed(other);
            assert!(matches!(refused, WriteError::Unknown(_)), "{other}");
        }
    }
}
