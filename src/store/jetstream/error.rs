use std::{error::Error, time::Duration};

use async_nats::{
    RequestError, RequestErrorKind,
    jetstream::{self, ErrorCode, context, stream},
};

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

pub(super) fn is_stream_missing(error: &jetstream::Error) -> bool {
    error.error_code() == ErrorCode::STREAM_NOT_FOUND
}

/// Classifies the error of a request to the JetStream API by its root cause.
pub(super) fn of_request(error: impl Error + Send + Sync + 'static, subject: &str) -> StoreError {
    if let Some(code) = find::<jetstream::Error>(&error).map(jetstream::Error::error_code)
        && is_disabled(code)
    {
        return StoreError::JetStreamDisabled(Box::new(error));
    }
    if is_timeout(&error) {
        return no_answer(subject);
    }
    match find::<context::RequestError>(&error).map(context::RequestError::kind) {
        Some(context::RequestErrorKind::NoResponders) => {
            StoreError::JetStreamDisabled(Box::new(error))
        }
        _ => StoreError::Request(Box::new(error)),
    }
}

/// Some errors of async-nats report a timeout by their kind alone, without a cause.
fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    use context::{AccountError, AccountErrorKind, CreateStreamError, CreateStreamErrorKind};
    use stream::{ConsumerError, ConsumerErrorKind};
    find::<context::RequestError>(error)
        .is_some_and(|error| error.kind() == context::RequestErrorKind::TimedOut)
        || find::<ConsumerError>(error)
            .is_some_and(|error| error.kind() == ConsumerErrorKind::TimedOut)
        || find::<CreateStreamError>(error)
            .is_some_and(|error| error.kind() == CreateStreamErrorKind::TimedOut)
        || find::<AccountError>(error)
            .is_some_and(|error| error.kind() == AccountErrorKind::TimedOut)
}

pub(super) fn is_disabled(code: ErrorCode) -> bool {
    code == ErrorCode::JETSTREAM_NOT_ENABLED || code == ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
}

/// Whether a cluster without a leader rejected the request.
pub(super) fn is_unavailable(error: &(dyn Error + 'static)) -> bool {
    find::<jetstream::Error>(error)
        .is_some_and(|error| error.error_code() == ErrorCode::CLUSTER_NOT_AVAILABLE)
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

/// Classifies a write that the server rejected.
pub(super) fn of_refused_write(error: jetstream::Error) -> WriteError {
    if CONFLICTS.contains(&error.error_code()) {
        return WriteError::Conflict;
    }
    let is_final = (400..500).contains(&error.code());
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
    fn a_forming_cluster_is_unavailable() {
        for (code, unavailable) in [(10008, true), (10023, false)] {
            let text = format!(r#"{{"code":503,"err_code":{code},"description":"d"}}"#);
            let error: jetstream::Error = serde_json::from_str(&text).unwrap();
            assert_eq!(is_unavailable(&error), unavailable, "{code}");
        }
    }

    #[test]
    fn an_unavailable_server_leaves_a_write_unknown() {
        let unavailable =
            r#"{"code":503,"err_code":10008,"description":"temporarily unavailable"}"#;
        assert!(matches!(refused(unavailable), WriteError::Unknown(_)));
        let full = r#"{"code":400,"err_code":10077,"description":"maximum messages exceeded"}"#;
        assert!(matches!(refused(full), WriteError::Failed(_)));
    }
}
