use std::{fmt::Write, mem, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER,
    },
};

use super::{failure::Failure, grpc_web::GrpcWeb};
use crate::{
    lease::LeaderInfo,
    middleware::term_lost::TermLost,
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

/// gRPC's `INVALID_ARGUMENT`: the request was not executed, and repeating it does not help.
const INVALID_ARGUMENT: HeaderValue = HeaderValue::from_static("3");

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
    const NO_KEY: Self = Self::new(StatusCode::BAD_REQUEST, INVALID_ARGUMENT);
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
    /// As `Grpc`, until [`Form::finish`] moves the trailers to where the client reads them.
    GrpcWeb(GrpcWeb),
}

impl Form {
    pub(in crate::middleware) fn of<B>(request: &Request<B>) -> Self {
        match Self::of_grpc(request.headers()) {
            Some(form) => form,
            None if request.method() == Method::HEAD => Self::Head,
            None => Self::Text,
        }
    }

    /// The form of the rest of a response that begins with these headers.
    pub(in crate::middleware) fn of_rest(headers: &HeaderMap) -> Self {
        let is_fixed = || {
            [CONTENT_LENGTH, CONTENT_ENCODING]
                .iter()
                .any(|name| headers.contains_key(name))
        };
        match Self::of_grpc(headers) {
            // Nothing can be added to such a body.
            Some(Self::GrpcWeb(_)) if is_fixed() => Self::Text,
            form => form.unwrap_or(Self::Text),
        }
    }

    /// `application/grpc` and `application/grpc-web`, with or without a suffix (`+proto`) or parameters.
    fn of_grpc(headers: &HeaderMap) -> Option<Self> {
        let content_type = headers.get(CONTENT_TYPE)?.as_bytes();
        let (prefix, suffix) = content_type.split_at_checked("application/grpc".len())?;
        if !prefix.eq_ignore_ascii_case(b"application/grpc") {
            return None;
        }
        match suffix.trim_ascii_start().first() {
            None | Some(b'+' | b';') => Some(Self::Grpc),
            Some(_) => GrpcWeb::parse(suffix).map(Self::GrpcWeb),
        }
    }

    /// Whether the client speaks gRPC, over HTTP/2 or as gRPC-Web.
    pub(in crate::middleware) fn is_grpc(self) -> bool {
        match self {
            Self::Grpc | Self::GrpcWeb(_) => true,
            Self::Text | Self::Head => false,
        }
    }

    /// Returns the body of a gRPC-Web response. Until then its trailers are among the headers, as in a trailers-only
    /// response of gRPC. A page of another origin reads the body, and only those headers that the server exposes to it.
    pub(in crate::middleware) fn finish(self, headers: &mut HeaderMap) -> Option<Bytes> {
        let Self::GrpcWeb(web) = self else {
            return None;
        };
        let content_type = headers.remove(CONTENT_TYPE);
        let trailers = mem::take(headers);
        headers.extend(content_type.map(|value| (CONTENT_TYPE, value)));
        Some(web.trailers(&trailers))
    }
}

/// In the extensions of a response that a gate gives in place of the service's.
#[derive(Clone, Debug)]
pub(in crate::middleware) struct Rejected {
    /// The leader that the response may name.
    pub(in crate::middleware) leader: Option<LeaderInfo>,
    /// Whether the request may have been executed nevertheless.
    pub(in crate::middleware) may_be_executed: bool,
    /// The form in which the response is finished, once it names the leader.
    pub(in crate::middleware) form: Form,
}

impl Rejected {
    fn mark<B>(
        response: &mut Response<B>,
        form: Form,
        not_leader: &NotLeader,
        may_be_executed: bool,
    ) {
        // A node that has left the election does not know who leads now.
        let is_current = not_leader.reason() != Reason::Stopped;
        response.extensions_mut().insert(Self {
            leader: not_leader.leader().filter(|_| is_current).cloned(),
            may_be_executed,
            form,
        });
    }
}

/// The response to a request that was not admitted, as [`Reject`](crate::middleware::Reject) describes it.
pub(in crate::middleware) fn rejection(form: Form, not_leader: &NotLeader) -> Response<Bytes> {
    let message = format!("{not_leader}; the request was not executed");
    let mut response = refusal(form, message, not_leader);
    Rejected::mark(&mut response, form, not_leader, false);
    response
}

/// The response to a request that was still held when its client's deadline passed. It does not invite the client to
/// repeat the request.
pub(in crate::middleware) fn too_late(form: Form, not_leader: &NotLeader) -> Response<Bytes> {
    let message =
        format!("{not_leader}; the client's deadline has passed; the request was not executed");
    let mut response = answer(form, message, Code::TOO_SLOW, reason(not_leader));
    Rejected::mark(&mut response, form, not_leader, false);
    response
}

/// The response of a handler that asked whether its node leads. It may have done something before.
#[cfg(any(feature = "axum", feature = "tonic"))]
pub(in crate::middleware) fn not_leader(form: Form, not_leader: &NotLeader) -> Response<Bytes> {
    refusal(form, not_leader.to_string(), not_leader)
}

fn refusal(form: Form, message: String, not_leader: &NotLeader) -> Response<Bytes> {
    if not_leader.reason() == Reason::NoKey {
        return answer(form, message, Code::NO_KEY, reason(not_leader));
    }
    let mut response = answer(form, message, Code::UNAVAILABLE, reason(not_leader));
    let wait = match (form, not_leader.reason()) {
        (form, Reason::NotLeader) if form.is_grpc() => ELSEWHERE,
        _ => not_leader.retry_after(),
    };
    insert_wait(response.headers_mut(), form, wait);
    response
}

/// The response to a request of a kind that is not forwarded.
pub(in crate::middleware) fn not_forwarded(
    form: Form,
    what: &str,
    not_leader: &NotLeader,
) -> Response<Bytes> {
    let message = format!("{not_leader}; {what} is not forwarded, and was not executed");
    let mut response = answer(form, message, Code::NOT_FORWARDED, reason(not_leader));
    Rejected::mark(&mut response, form, not_leader, false);
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
    let mut response = answer(form, failure.to_string(), code, reason);
    if let Failure::Unreachable(_) = failure {
        insert_wait(response.headers_mut(), form, not_leader.retry_after());
    }
    let may_be_executed = !matches!(failure, Failure::Unreachable(_));
    Rejected::mark(&mut response, form, not_leader, may_be_executed);
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
    match form.is_grpc() {
        true => headers.insert(GRPC_RETRY_PUSHBACK_MS, millis(wait).into()),
        false => headers.insert(RETRY_AFTER, seconds(wait).into()),
    };
}

fn reason(not_leader: &NotLeader) -> HeaderValue {
    HeaderValue::from_static(not_leader.reason().as_str())
}

/// The response if the term ends before the response starts.
pub(in crate::middleware) fn lost(form: Form) -> Response<Bytes> {
    let mut response = answer(form, TermLost.to_string(), Code::LOST, LOST);
    if let Some(body) = form.finish(response.headers_mut()) {
        *response.body_mut() = body;
    }
    response
}

/// The trailers if the term ends after a response of gRPC or gRPC-Web has started.
pub(in crate::middleware) fn lost_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    insert_status(&mut trailers, ABORTED, &TermLost.to_string());
    trailers.insert(REASON, LOST);
    trailers
}

fn answer(form: Form, message: String, code: Code, reason: HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    response.headers_mut().insert(REASON, reason);
    if form.is_grpc() {
        let content_type = match form {
            Form::GrpcWeb(web) => web.content_type(),
            _ => HeaderValue::from_static("application/grpc"),
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type);
        insert_status(headers, code.grpc, &message);
        return response;
    }
    *response.status_mut() = code.http;
    let text = message + "\n";
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
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value)]);
            assert!(Form::of_grpc(&headers).is_none());
        }
    }

    #[test]
    fn a_rejection_carries_the_retry_delay() {
        let not_leader = NotLeader::new(Reason::NoLeader, None, Duration::from_millis(1500));
        let headers = |form| rejection(form, &not_leader).into_parts().0.headers;
        assert_eq!(headers(Form::Text)[RETRY_AFTER], "2");
        assert_eq!(headers(Form::Grpc)[GRPC_RETRY_PUSHBACK_MS], "1500");
    }
}
