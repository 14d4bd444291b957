use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, CONTENT_LENGTH, COOKIE, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
        TRANSFER_ENCODING, UPGRADE,
    },
};
use http_body::SizeHint;

/// On a request that one node has sent on to another.
const FORWARDED: HeaderName = HeaderName::from_static("noleader-forwarded");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
/// What concerns one connection only (RFC 9110, section 7.6.1), beyond what `connection` lists.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Whether another node has sent this request on already.
pub(in crate::middleware) fn is_marked(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED)
}

/// Makes the headers of a request that came in here those of one that goes to `authority`.
pub(in crate::middleware) fn prepare_request(
    headers: &mut HeaderMap,
    authority: &HeaderValue,
    size: &SizeHint,
) {
    let wants_trailers = wants_trailers(headers);
    remove_hop_by_hop(headers);
    if wants_trailers {
        // gRPC asks for it, and the trailers do pass through here.
        headers.insert(TE, TRAILERS);
    }
    check_length(headers, size);
    join_cookies(headers);
    headers.insert(HOST, authority.clone());
    headers.insert(FORWARDED, HeaderValue::from_static("1"));
}

/// Makes the headers of a response that came in here those of one that goes to the client.
pub(in crate::middleware) fn prepare_response(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
}

fn wants_trailers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(TE).into_iter();
    values
        .flat_map(list)
        .any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .into_iter()
        .flat_map(list)
        // What is no name cannot be the name of a header that is there.
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect();
    if headers.contains_key(TRANSFER_ENCODING) {
        // It overrides the length (RFC 9112, section 6.3), and a message with both is an attempt to have
        // two servers read two different ones.
        headers.remove(CONTENT_LENGTH);
    }
    for name in listed.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// A length that the body does not have is left to the client to set anew.
fn check_length(headers: &mut HeaderMap, size: &SizeHint) {
    let Some(length) = headers.get(CONTENT_LENGTH) else {
        return;
    };
    let is_single = headers.get_all(CONTENT_LENGTH).iter().count() == 1;
    let fits = parse_length(length).is_some_and(|length| {
        length >= size.lower() && size.upper().is_none_or(|upper| length <= upper)
    });
    if !is_single || !fits {
        headers.remove(CONTENT_LENGTH);
    }
}

fn parse_length(length: &HeaderValue) -> Option<u64> {
    let digits = length.to_str().ok()?;
    // Without the sign that a Rust number may have.
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| digits.parse().ok())?
}

/// HTTP/2 may split the cookies, which HTTP/1.1 does not know (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

/// The members of a comma-separated list.
fn list(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    fn lines(headers: &HeaderMap) -> Vec<(&str, &str)> {
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        lines.sort_unstable();
        lines
    }

    fn prepared(given: &[(&str, &str)], size: Option<u64>) -> HeaderMap {
        let mut headers = headers(given);
        let size = size.map_or_else(SizeHint::default, SizeHint::with_exact);
        prepare_request(&mut headers, &HeaderValue::from_static("leader:1"), &size);
        headers
    }

    const ADDED: [(&str, &str); 2] = [("host", "leader:1"), ("noleader-forwarded", "1")];

    #[test]
    fn what_concerns_one_connection_is_dropped() {
        let given = [
            ("connection", "keep-alive, X-Secret,, not a name"),
            ("connection", "x-other"),
            ("http2-settings", "AAMAAABk"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authorization", "Basic eDp5"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("x-secret", "a"),
            ("x-secret", "b"),
            ("x-other", "c"),
        ];
        assert_eq!(lines(&prepared(&given, None)), ADDED);

        let mut response = headers(&given);
        prepare_response(&mut response);
        assert_eq!(lines(&response), []);
    }

    #[test]
    fn everything_else_is_kept() {
        let given = [
            ("accept", "a"),
            ("accept", "b"),
            ("authorization", "Bearer x"),
            ("expect", "100-continue"),
            ("trailer", "x-checksum"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        let mut expected: Vec<_> = given.iter().chain(&ADDED).copied().collect();
        expected.sort_unstable();
        assert_eq!(lines(&prepared(&given, None)), expected);
    }

    #[test]
    fn a_wish_for_trailers_is_passed_on() {
        for te in ["trailers", "gzip, Trailers", "gzip;q=0.5 ,trailers"] {
            let headers = prepared(&[("te", te), ("connection", "te")], None);
            assert_eq!(headers["te"], "trailers", "{te}");
        }
    }

    #[test]
    fn host_and_mark_are_replaced_and_cannot_be_listed_away() {
        let headers = prepared(
            &[
                ("host", "evil.example"),
                ("host", "evil.example"),
                ("noleader-forwarded", "x"),
                ("connection", "host, noleader-forwarded"),
            ],
            None,
        );
        assert_eq!(lines(&headers), ADDED);
    }

    #[test]
    fn a_length_beside_a_transfer_encoding_is_dropped() {
        let both = [("content-length", "5"), ("transfer-encoding", "chunked")];
        assert_eq!(lines(&prepared(&both, None)), ADDED);
        // Also where the encoding is listed, and so removed first.
        let listed = [both[0], both[1], ("connection", "transfer-encoding")];
        assert_eq!(lines(&prepared(&listed, None)), ADDED);
    }

    #[test]
    fn a_length_is_kept_if_it_is_that_of_the_body() {
        let kept = |length: &str, size| {
            let headers = prepared(&[("content-length", length)], size);
            headers.contains_key(CONTENT_LENGTH)
        };
        assert!(kept("5", Some(5)));
        assert!(kept("5", None), "it may be");
        assert!(!kept("5", Some(4)));
        assert!(!kept("5", Some(6)));
        assert!(!kept("five", Some(5)));
        assert!(!kept("-5", None));
        assert!(!kept("+5", None));
        assert!(!kept("", None));
        assert!(!kept("5, 5", Some(5)));
        let twice = [("content-length", "5"), ("content-length", "5")];
        assert!(!prepared(&twice, Some(5)).contains_key(CONTENT_LENGTH));
    }

    #[test]
    fn split_cookies_become_one_line() {
        let headers = prepared(&[("cookie", "a=1"), ("cookie", "b=2")], None);
        assert_eq!(headers.get_all(COOKIE).iter().count(), 1);
        assert_eq!(headers[COOKIE], "a=1; b=2");
    }
}
