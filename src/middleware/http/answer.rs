use std::{fmt::Write, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER},
};

use super::failure::Failure;
use crate::{
    lease::LeaderInfo,
    middleware::loss::TermLost,
    task::{NotLeader, Reason},
};

const REASON: HeaderName = HeaderName::from_static("noleader-reason");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_RETRY_PUSHBACK_MS: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
const LOST: HeaderValue = HeaderValue::from_static("lost");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// gRPC's `UNAVAILABLE`: the request was not executed, and the client may repeat it.
const UNAVAILABLE: HeaderValue = HeaderValue::from_static("14");
/// gRPC's `ABORTED`: the request may have been executed, and the application decides whether to repeat it.
const ABORTED: HeaderValue = HeaderValue::from_static("10");
/// gRPC's `UNIMPLEMENTED`: the request was not executed, and repeating it on this node does not help.
const UNIMPLEMENTED: HeaderValue = HeaderValue::from_static("12");
/// gRPC's `DEADLINE_EXCEEDED`: the request may have been executed.
const DEADLINE_EXCEEDED: HeaderValue = HeaderValue::from_static("4");

/// How long a gRPC client waits if another node leads. Its next attempt may reach that node, so it need not wait for a
/// change on this one.
const ELSEWHERE: Duration = Duration::from_millis(100);

/// One outcome, as a status of each protocol.
struct Code {
    http: StatusCode,
    grpc: HeaderValue,
}

impl Code {
    const UNAVAILABLE: Self = Self::new(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE);
    const LOST: Self = Self::new(StatusCode::SERVICE_UNAVAILABLE, ABORTED);
    const NOT_FORWARDED: Self = Self::new(StatusCode::NOT_IMPLEMENTED, UNIMPLEMENTED);
    const UNREACHABLE: Self = Self::new(StatusCode::BAD_GATEWAY, UNAVAILABLE);
    const BROKEN: Self = Self::new(StatusCode::BAD_GATEWAY, ABORTED);
    const TOO_SLOW: Self = Self::new(StatusCode::GATEWAY_TIMEOUT, DEADLINE_EXCEEDED);

    const fn new(http: StatusCode, grpc: HeaderValue) -> Self {
        Self { http, grpc }
    }
}

/// The form of response that a request expects.
#[derive(Clone, Copy, Debug)]
pub(in crate::middleware) enum Form {
    Text,
    /// As `Text`, without the body.
    Head,
    /// A "trailers-only" response: headers and no body.
    Grpc,
}

impl Form {
    pub(in crate::middleware) fn of<B>(request: &Request<B>) -> Self {
        if Self::is_grpc(request.headers()) {
            Self::Grpc
        } else if request.method() == Method::HEAD {
            Self::Head
        } else {
            Self::Text
        }
    }

    /// True for `application/grpc`, with or without a suffix (`+proto`) or parameters. False for
    /// `application/grpc-web`, which frames its responses differently.
    pub(in crate::middleware) fn is_grpc(headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(CONTENT_TYPE) else {
            return false;
        };
        let (prefix, rest) = match value.as_bytes().split_at_checked("application/grpc".len()) {
            Some(split) => split,
            None => return false,
        };
        prefix.eq_ignore_ascii_case(b"application/grpc")
            && matches!(rest.trim_ascii_start().first(), None | Some(b'+' | b';'))
    }
}

/// In the extensions of a response that a gate gives in place of the service's.
#[derive(Clone, Debug)]
pub(in crate::middleware) struct Rejected {
    /// The leader that the response may name.
    pub(in crate::middleware) leader: Option<LeaderInfo>,
    /// Whether the request may have been executed nevertheless.
    pub(in crate::middleware) may_be_executed: bool,
}

/// The response to a request that was not admitted, as [`Reject`](crate::middleware::Reject) describes it.
pub(in crate::middleware) fn rejection(form: Form, not_leader: NotLeader) -> Response<Bytes> {
    let message = format!("{not_leader}; the request was not executed");
    let mut response = unavailable(form, &message, &not_leader);
    response.extensions_mut().insert(Rejected {
        leader: not_leader.into_leader(),
        may_be_executed: false,
    });
    response
}

/// The response of a handler that asked whether its node leads. It may have done something before.
#[cfg(any(feature = "axum", feature = "tonic"))]
pub(in crate::middleware) fn not_leader(form: Form, not_leader: &NotLeader) -> Response<Bytes> {
    unavailable(form, &not_leader.to_string(), not_leader)
}

fn unavailable(form: Form, message: &str, not_leader: &NotLeader) -> Response<Bytes> {
    let mut response = answer(form, message, Code::UNAVAILABLE, reason(not_leader));
    let wait = match (form, not_leader.reason()) {
        (Form::Grpc, Reason::NotLeader) => ELSEWHERE,
        _ => not_leader.retry_after(),
    };
    insert_wait(response.headers_mut(), form, wait);
    response
}

/// The response to a request of a kind that is not forwarded.
pub(in crate::middleware) fn not_forwarded(
    form: Form,
    what: &str,
    not_leader: NotLeader,
) -> Response<Bytes> {
    let message = format!("{not_leader}; {what} is not forwarded, and was not executed");
    let mut response = answer(form, &message, Code::NOT_FORWARDED, reason(&not_leader));
    response.extensions_mut().insert(Rejected {
        leader: not_leader.into_leader(),
        may_be_executed: false,
    });
    response
}

/// The response to a forwarded request to which the leader did not respond.
pub(in crate::middleware) fn failed(
    form: Form,
    failure: &Failure,
    not_leader: &NotLeader,
) -> Response<Bytes> {
    let (code, reason) = match failure {
        Failure::Unreachable(_) => (Code::UNREACHABLE, "unreachable"),
        Failure::Broken(_) | Failure::Upgrade(_) => (Code::BROKEN, "lost"),
        Failure::TooSlow => (Code::TOO_SLOW, "timeout"),
    };
    let reason = HeaderValue::from_static(reason);
    let mut response = answer(form, &failure.to_string(), code, reason);
    if let Failure::Unreachable(_) = failure {
        insert_wait(response.headers_mut(), form, not_leader.retry_after());
    }
    response.extensions_mut().insert(Rejected {
        leader: not_leader.leader().cloned(),
        may_be_executed: !matches!(failure, Failure::Unreachable(_)),
    });
    response
}

/// The redirection to the leader.
pub(in crate::middleware) fn elsewhere(
    location: HeaderValue,
    not_leader: &NotLeader,
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert(REASON, reason(not_leader));
    response
}

/// Only for requests that were not executed: the header invites the client to repeat the request.
fn insert_wait(headers: &mut HeaderMap, form: Form, wait: Duration) {
    match form {
        Form::Text | Form::Head => headers.insert(RETRY_AFTER, seconds(wait).into()),
        Form::Grpc => headers.insert(GRPC_RETRY_PUSHBACK_MS, millis(wait).into()),
    };
}

fn reason(not_leader: &NotLeader) -> HeaderValue {
    HeaderValue::from_static(not_leader.reason().as_str())
}

/// The response if the term ends before the response starts.
pub(in crate::middleware) fn lost(form: Form) -> Response<Bytes> {
    answer(form, &TermLost.to_string(), Code::LOST, LOST)
}

/// The trailers if the term ends after a gRPC response has started.
pub(in crate::middleware) fn lost_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    insert_status(&mut trailers, ABORTED, &TermLost.to_string());
    trailers.insert(REASON, LOST);
    trailers
}

fn answer(form: Form, message: &str, code: Code, reason: HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    response.headers_mut().insert(REASON, reason);
    if matches!(form, Form::Grpc) {
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        insert_status(headers, code.grpc, message);
        return response;
    }
    *response.status_mut() = code.http;
    let text = format!("{message}\n");
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CONTENT_LENGTH, text.len().into());
    if matches!(form, Form::Text) {
        *response.body_mut() = text.into();
    }
    response
}

fn insert_status(headers: &mut HeaderMap, status: HeaderValue, message: &str) {
    headers.insert(GRPC_STATUS, status);
    // Cannot fail: percent-encoded text consists of visible ASCII and spaces.
    if let Ok(message) = HeaderValue::try_from(percent_encode(message)) {
        headers.insert(GRPC_MESSAGE, message);
    }
}

/// Rounded up, and at least 1.
fn seconds(wait: Duration) -> u64 {
    let up = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(up).max(1)
}

/// Rounded up. gRPC defines the value as a 32-bit integer.
fn millis(wait: Duration) -> i32 {
    let millis = wait.as_nanos().div_ceil(1_000_000);
    i32::try_from(millis).unwrap_or(i32::MAX)
}

/// Percent-encodes as gRPC specifies for `grpc-message`: `%`, and every byte that is neither visible ASCII nor a space.
pub(in crate::middleware) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_delays_are_rounded_up() {
        let in_seconds = |millis| seconds(Duration::from_millis(millis));
        assert_eq!([0, 1, 999, 1000, 1001].map(in_seconds), [1, 1, 1, 1, 2]);
        assert_eq!(seconds(Duration::MAX), u64::MAX);

        let in_millis = |micros| millis(Duration::from_micros(micros));
        assert_eq!([0, 1, 1000, 1001].map(in_millis), [0, 1, 1, 2]);
        assert_eq!(millis(Duration::MAX), i32::MAX);
    }

    #[test]
    fn grpc_messages_are_percent_encoded() {
        assert_eq!(percent_encode("it leads: 100 ~"), "it leads: 100 ~");
        assert_eq!(percent_encode("100 %\r\n\u{7f}ü"), "100 %25%0D%0A%7F%C3%BC");
    }

    #[test]
    fn a_non_ascii_content_type_is_not_grpc() {
        for value in [&b"application/grp"[..], b"application/gr\xff\xffc", b"\xff"] {
            let value = HeaderValue::from_bytes(value).unwrap();
            assert!(!Form::is_grpc(&HeaderMap::from_iter([(
                CONTENT_TYPE,
                value
            )])));
        }
    }

    #[test]
    fn a_rejection_carries_the_retry_delay() {
        let not_leader = NotLeader::new(Reason::NoLeader, None, Duration::from_millis(1500));
        let headers = |form| rejection(form, not_leader.clone()).into_parts().0.headers;
        assert_eq!(headers(Form::Text)[RETRY_AFTER], "2");
        assert_eq!(headers(Form::Grpc)[GRPC_RETRY_PUSHBACK_MS], "1500");
    }
}
