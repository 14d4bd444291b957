use std::{fmt::Write, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER},
};

use super::{forward::Failure, loss::TermLost};
use crate::task::{NotLeader, Reason};

const REASON: HeaderName = HeaderName::from_static("noleader-reason");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_RETRY_PUSHBACK_MS: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
const LOST: HeaderValue = HeaderValue::from_static("lost");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// gRPC's `UNAVAILABLE`: the request was not executed and may be repeated.
const UNAVAILABLE: HeaderValue = HeaderValue::from_static("14");
/// gRPC's `ABORTED`: the request may have been executed, and whether to repeat it is for the application to
/// decide.
const ABORTED: HeaderValue = HeaderValue::from_static("10");
/// gRPC's `DEADLINE_EXCEEDED`, which says as little of whether the request was executed.
const DEADLINE_EXCEEDED: HeaderValue = HeaderValue::from_static("4");

/// When a gRPC client may try again where another node leads. Its next attempt may well go there, so it is not
/// told to wait for a change here.
const ELSEWHERE: Duration = Duration::from_millis(100);

/// How an answer is called in the two protocols.
struct Code {
    http: StatusCode,
    grpc: HeaderValue,
}

impl Code {
    const UNAVAILABLE: Self = Self::new(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE);
    const LOST: Self = Self::new(StatusCode::SERVICE_UNAVAILABLE, ABORTED);
    const UNREACHABLE: Self = Self::new(StatusCode::BAD_GATEWAY, UNAVAILABLE);
    const BROKEN: Self = Self::new(StatusCode::BAD_GATEWAY, ABORTED);
    const TOO_SLOW: Self = Self::new(StatusCode::GATEWAY_TIMEOUT, DEADLINE_EXCEEDED);

    const fn new(http: StatusCode, grpc: HeaderValue) -> Self {
        Self { http, grpc }
    }
}

/// How a request wants to be answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Text,
    /// As text, whose body is left out.
    Head,
    /// A "trailers-only" response, which is all head.
    Grpc,
}

impl Form {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        if Self::is_grpc(request.headers()) {
            Self::Grpc
        } else if request.method() == Method::HEAD {
            Self::Head
        } else {
            Self::Text
        }
    }

    /// `application/grpc`, also with a suffix (`+proto`) or parameters, but not `application/grpc-web`,
    /// whose answers are framed otherwise.
    pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
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

/// The answer to a request that was not executed, as [`Reject`](super::Reject) and
/// [`Redirect`](super::Redirect) describe it.
#[derive(Debug)]
pub struct Rejection(Response<Bytes>);

impl Rejection {
    pub(super) fn new(form: Form, not_leader: &NotLeader) -> Self {
        let code = Code::UNAVAILABLE;
        let mut response = answer(form, &not_leader.to_string(), code, reason(not_leader));
        let wait = match (form, not_leader.reason()) {
            (Form::Grpc, Reason::NotLeader) => ELSEWHERE,
            _ => not_leader.retry_after(),
        };
        insert_wait(response.headers_mut(), form, wait);
        Self(response)
    }

    /// To a request that was sent on to the leader, whose answer did not come.
    pub(super) fn failed(form: Form, failure: &Failure, not_leader: &NotLeader) -> Self {
        let (code, reason) = match failure {
            Failure::Unreachable(_) => (Code::UNREACHABLE, "unreachable"),
            Failure::Broken(_) => (Code::BROKEN, "lost"),
            Failure::TooSlow => (Code::TOO_SLOW, "timeout"),
        };
        let reason = HeaderValue::from_static(reason);
        let mut response = answer(form, &failure.to_string(), code, reason);
        if let Failure::Unreachable(_) = failure {
            insert_wait(response.headers_mut(), form, not_leader.retry_after());
        }
        Self(response)
    }

    /// Sends the client to another address.
    pub(super) fn elsewhere(location: HeaderValue, not_leader: &NotLeader) -> Self {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        let headers = response.headers_mut();
        headers.insert(LOCATION, location);
        headers.insert(CACHE_CONTROL, NO_STORE);
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        headers.insert(REASON, reason(not_leader));
        Self(response)
    }

    pub(super) fn headers_mut(&mut self) -> &mut HeaderMap {
        self.0.headers_mut()
    }

    pub(super) fn into_response<B>(self, body: impl FnOnce(Bytes) -> B) -> Response<B> {
        self.0.map(body)
    }
}

/// When to try again: for a request that may be repeated.
fn insert_wait(headers: &mut HeaderMap, form: Form, wait: Duration) {
    match form {
        Form::Text | Form::Head => headers.insert(RETRY_AFTER, seconds(wait).into()),
        Form::Grpc => headers.insert(GRPC_RETRY_PUSHBACK_MS, millis(wait).into()),
    };
}

fn reason(not_leader: &NotLeader) -> HeaderValue {
    HeaderValue::from_static(not_leader.reason().as_str())
}

/// The answer to a request that was cut off before its response began.
pub(super) fn lost(form: Form) -> Response<Bytes> {
    answer(form, &TermLost.to_string(), Code::LOST, LOST)
}

/// The end of a gRPC response that had begun.
pub(super) fn lost_trailers() -> HeaderMap {
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
    // Cannot fail: what is percent-encoded is visible ASCII and blanks.
    if let Ok(message) = HeaderValue::try_from(percent_encode(message)) {
        headers.insert(GRPC_MESSAGE, message);
    }
}

/// Whole seconds, rounded up, one at least.
fn seconds(wait: Duration) -> u64 {
    let up = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(up).max(1)
}

/// Whole milliseconds, rounded up. gRPC has them as a 32-bit integer.
fn millis(wait: Duration) -> i32 {
    let millis = wait.as_nanos().div_ceil(1_000_000);
    i32::try_from(millis).unwrap_or(i32::MAX)
}

/// As gRPC has it: all but the visible ASCII characters and the blank, and the percent sign itself.
pub(super) fn percent_encode(text: &str) -> String {
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
    fn waits_are_rounded_up() {
        let in_seconds = |millis| seconds(Duration::from_millis(millis));
        assert_eq!([0, 1, 999, 1000, 1001].map(in_seconds), [1, 1, 1, 1, 2]);
        assert_eq!(seconds(Duration::MAX), u64::MAX);

        let in_millis = |micros| millis(Duration::from_micros(micros));
        assert_eq!([0, 1, 1000, 1001].map(in_millis), [0, 1, 1, 2]);
        assert_eq!(millis(Duration::MAX), i32::MAX);
    }

    #[test]
    fn messages_are_percent_encoded() {
        assert_eq!(percent_encode("it leads: 100 ~"), "it leads: 100 ~");
        assert_eq!(percent_encode("100 %\r\n\u{7f}ü"), "100 %25%0D%0A%7F%C3%BC");
    }

    #[test]
    fn a_content_type_of_any_bytes_is_looked_at() {
        for value in [&b"application/grp"[..], b"application/gr\xff\xffc", b"\xff"] {
            let value = HeaderValue::from_bytes(value).unwrap();
            assert!(!Form::is_grpc(&HeaderMap::from_iter([(
                CONTENT_TYPE,
                value
            )])));
        }
    }

    #[test]
    fn a_rejection_has_the_wait_that_was_asked_for() {
        let not_leader = NotLeader::new(Reason::NoLeader, None, Duration::from_millis(1500));
        let headers = |form| Rejection::new(form, &not_leader).0.into_parts().0.headers;
        assert_eq!(headers(Form::Text)[RETRY_AFTER], "2");
        assert_eq!(headers(Form::Grpc)[GRPC_RETRY_PUSHBACK_MS], "1500");
    }
}
