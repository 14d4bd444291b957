use std::{error::Error, time::Duration};

use async_nats::{
    RequestError, RequestErrorKind,
    jetstream::{
        self, ErrorCode, context,
        stream::{ConsumerError, ConsumerErrorKind},
    },
};

use super::api::Api;
use crate::{
    error::find,
    store::error::{StoreError, WriteError},
};

/// How long a request waits for a response, unless its future is dropped before.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// The server has two codes for a write over an unexpected revision. async-nats 0.51 has an error kind for the first
/// only.
const CONFLICTS: [ErrorCode; 2] = [
    ErrorCode::STREAM_WRONG_LAST_SEQUENCE,
    ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT,
];

pub(super) fn is_stream_missing(error: &(dyn Error + 'static)) -> bool {
    code(error) == Some(ErrorCode::STREAM_NOT_FOUND)
}

fn code(error: &(dyn Error + 'static)) -> Option<ErrorCode> {
    let code = find::<jetstream::Error>(error).map(jetstream::Error::error_code);
    // This error of async-nats has the server's error in its kind, and no cause.
    code.or_else(|| match find::<ConsumerError>(error)?.kind() {
        ConsumerErrorKind::JetStream(error) => Some(error.error_code()),
        _ => None,
    })
}

/// Classifies the error of a request to the JetStream API by its root cause.
pub(super) fn of_request(error: impl Error + Send + Sync + 'static, subject: &str) -> StoreError {
    if code(&error).is_some_and(is_disabled) {
        return StoreError::JetStreamDisabled(Box::new(error));
    }
    if is_timeout(&error) {
        return no_answer(subject);
    }
    match find::<context::RequestError>(&error).map(context::RequestError::kind) {
        // Only a server of another domain or account can be the one that is missing.
        Some(context::RequestErrorKind::NoResponders)
            if !subject.starts_with(Api::DEFAULT_PREFIX) =>
        {
            StoreError::ApiUnreachable {
                subject: subject.to_owned(),
            }
        }
        Some(context::RequestErrorKind::NoResponders) => {
            StoreError::JetStreamDisabled(Box::new(error))
        }
        _ => StoreError::Request(Box::new(error)),
    }
}

/// Some errors of async-nats report a timeout by their kind alone, without a cause.
fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    find::<context::RequestError>(error)
        .is_some_and(|error| error.kind() == context::RequestErrorKind::TimedOut)
        || find::<ConsumerError>(error)
            .is_some_and(|error| error.kind() == ConsumerErrorKind::TimedOut)
}

fn is_disabled(code: ErrorCode) -> bool {
    code == ErrorCode::JETSTREAM_NOT_ENABLED || code == ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
}

/// Whether the same request to create a bucket may succeed later: a cluster without a leader rejected it, or another
/// node has just created the bucket.
pub(super) fn is_passing(error: &(dyn Error + 'static)) -> bool {
    const PASSING: [ErrorCode; 2] = [
        ErrorCode::CLUSTER_NOT_AVAILABLE,
        ErrorCode::STREAM_NAME_EXIST,
    ];
    code(error).is_some_and(|code| PASSING.contains(&code))
}

fn no_answer(subject: &str) -> StoreError {
    StoreError::NoAnswer {
        subject: subject.to_owned(),
        waited: TIMEOUT,
    }
}

/// Classifies a write without a response.
pub(super) fn of_write(error: RequestError, subject: &str) -> WriteError {
    match error.kind() {
        RequestErrorKind::TimedOut => WriteError::Unknown(no_answer(subject)),
        // No stream received the write: it has no leader, or is gone.
        RequestErrorKind::NoResponders
        | RequestErrorKind::InvalidSubject
        | RequestErrorKind::MaxPayloadExceeded => {
            WriteError::Failed(StoreError::Request(error.into()))
        }
        RequestErrorKind::Other => WriteError::Unknown(StoreError::Request(error.into())),
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
pub(super) fn of_refused_write(error: jetstream::Error) -> WriteError {
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

    #[test]
    fn a_forming_cluster_and_a_concurrent_creation_pass() {
        for (code, passes) in [(10008, true), (10058, true), (10023, false)] {
            let text = format!(r#"{{"code":503,"err_code":{code},"description":"d"}}"#);
            let error: jetstream::Error = serde_json::from_str(&text).unwrap();
            assert_eq!(is_passing(&error), passes, "{code}");
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
