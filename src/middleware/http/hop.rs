use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
        TE, TRANSFER_ENCODING, UPGRADE,
    },
};
use http_body::SizeHint;

const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
/// Hop-by-hop headers (RFC 9110, section 7.6.1), in addition to those that `connection` lists.
static HOP_BY_HOP: [HeaderName; 9] = [
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

/// Whether the body has a transfer coding other than `chunked`, which servers decode. Without the header, which is not
/// forwarded, the leader could not decode the body.
pub(in crate::middleware) fn is_transfer_encoded(headers: &HeaderMap) -> bool {
    list_of(headers, &TRANSFER_ENCODING)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"chunked"))
}

/// Turns the headers of a request to this node into those of a request to `authority`.
pub(in crate::middleware) fn prepare_request(
    headers: &mut HeaderMap,
    authority: HeaderValue,
    size: &SizeHint,
) {
    let wants_trailers = wants_trailers(headers);
    remove_hop_by_hop(headers);
    if wants_trailers {
        // gRPC requires it, and trailers are forwarded.
        headers.insert(TE, TRAILERS);
    }
    // The server of this node has answered it, and the client here sends the body at once.
    headers.remove(EXPECT);
    check_length(headers, size);
    join_cookies(headers);
    headers.insert(HOST, authority);
}

fn wants_trailers(headers: &HeaderMap) -> bool {
    list_of(headers, &TE).any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}

pub(in crate::middleware) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let listed = list_of(headers, &CONNECTION)
        // An invalid name cannot match a header of the request.
        .filter_map(|name| HeaderName::from_bytes(name).ok());
    // Most messages have none. Reading the names of all headers takes less than searching for each of these.
    let others = headers.keys().filter(|name| HOP_BY_HOP.contains(name));
    let all: Vec<_> = listed.chain(others.cloned()).collect();
    if headers.contains_key(TRANSFER_ENCODING) {
        // The transfer encoding overrides the length (RFC 9112, section 6.3). A message with both may be an attempt at
        // request smuggling.
        headers.remove(CONTENT_LENGTH);
    }
    for name in &all {
        headers.remove(name);
    }
}

/// Removes a length that does not match the body. The client then sets the right one.
fn check_length(headers: &mut HeaderMap, size: &SizeHint) {
    let mut lengths = headers.get_all(CONTENT_LENGTH).into_iter();
    let Some(length) = lengths.next() else {
        return;
    };
    let is_single = lengths.next().is_none();
    let fits = parse_length(length).is_some_and(|length| {
        length >= size.lower() && size.upper().is_none_or(|upper| length <= upper)
    });
    if !is_single || !fits {
        headers.remove(CONTENT_LENGTH);
    }
}

fn parse_length(length: &HeaderValue) -> Option<u64> {
    let digits = length.to_str().ok()?;
    // `parse` would accept a sign.
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| digits.parse().ok())?
}

/// HTTP/2 may split the cookies into several headers, and HTTP/1.1 allows one (RFC 9113, section 8.2.3).
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

/// The elements of all values of a header that is a list.
pub(super) fn list_of<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).into_iter().flat_map(list)
}

pub(super) fn list(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
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
        prepare_request(&mut headers, HeaderValue::from_static("leader:1"), &size);
        headers
    }

    const ADDED: [(&str, &str); 1] = [("host", "leader:1")];

    #[test]
    fn hop_by_hop_headers_are_removed() {
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
        remove_hop_by_hop(&mut response);
        assert_eq!(lines(&response), []);
    }

    #[test]
    fn end_to_end_headers_are_kept() {
        let given = [
            ("accept", "a"),
            ("accept", "b"),
            ("authorization", "Bearer x"),
            ("trailer", "x-checksum"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        let mut expected: Vec<_> = given.iter().chain(&ADDED).copied().collect();
        expected.sort_unstable();
        assert_eq!(lines(&prepared(&given, None)), expected);
    }

    #[test]
    fn expect_is_removed() {
        let given = [("expect", "100-continue")];
        assert_eq!(lines(&prepared(&given, None)), ADDED);
    }

    #[test]
    fn te_trailers_is_forwarded() {
        for te in ["trailers", "gzip, Trailers", "gzip;q=0.5 ,trailers"] {
            let headers = prepared(&[("te", te), ("connection", "te")], None);
            assert_eq!(headers["te"], "trailers", "{te}");
        }
    }

    #[test]
    fn connection_cannot_remove_host() {
        let headers = prepared(
            &[
                ("host", "evil.example"),
                ("host", "evil.example"),
                ("connection", "host"),
            ],
            None,
        );
        assert_eq!(lines(&headers), ADDED);
    }

    #[test]
    fn transfer_encoding_removes_content_length() {
        let both = [("content-length", "5"), ("transfer-encoding", "chunked")];
        assert_eq!(lines(&prepared(&both, None)), ADDED);
        // `connection` lists the encoding, which is therefore removed first.
        let listed = [both[0], both[1], ("connection", "transfer-encoding")];
        assert_eq!(lines(&prepared(&listed, None)), ADDED);
    }

    #[test]
    fn chunked_alone_is_not_transfer_encoded() {
        let is_encoded =
            |value: &str| is_transfer_encoded(&headers(&[("transfer-encoding", value)]));
        assert!(
            ["gzip, chunked", "chunked,gzip", "identity"]
                .into_iter()
                .all(is_encoded)
        );
        assert!(
            !["chunked", "Chunked", ", chunked"]
                .into_iter()
                .any(is_encoded)
        );
        assert!(!is_transfer_encoded(&headers(&[])));
    }

    #[test]
    fn a_length_is_kept_if_it_fits() {
        let kept = |length: &str, size| {
            let headers = prepared(&[("content-length", length)], size);
            headers.contains_key(CONTENT_LENGTH)
        };
        assert!(kept("5", Some(5)));
        assert!(kept("5", None), "the length of the body is not known");
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
    fn split_cookies_are_joined() {
        let headers = prepared(&[("cookie", "a=1"), ("cookie", "b=2")], None);
        assert_eq!(headers.get_all(COOKIE).iter().count(), 1);
        assert_eq!(headers[COOKIE], "a=1; b=2");
    }
}
