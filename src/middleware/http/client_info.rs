use std::{fmt, net::IpAddr, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{FORWARDED, HOST},
    request::Parts,
};

const X_FORWARDED: &str = "x-forwarded-";
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What [`client_info`](crate::LeaderOnlyLayer::client_info) says to the leader about the client of a request.
///
/// ```
/// use std::net::Ipv4Addr;
/// use noleader::middleware::ClientInfo;
///
/// let browser = ClientInfo::new(Ipv4Addr::new(192, 0, 2, 1)).https();
/// let balancer = ClientInfo::new(Ipv4Addr::new(10, 0, 0, 2)).trusted_proxy();
/// let unknown = ClientInfo::unknown();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct ClientInfo {
    address: Option<IpAddr>,
    proto: &'static str,
    is_trusted: bool,
}

impl ClientInfo {
    /// A client at this address, which has connected by `http`, and whose own headers are not trusted.
    pub fn new(address: impl Into<IpAddr>) -> Self {
        // A server that listens on IPv6 may show the address of an IPv4 client as `::ffff:192.0.2.1`.
        let address = address.into().to_canonical();
        Self {
            address: Some(address),
            ..Self::unknown()
        }
    }

    /// As [`new`](Self::new), for a client whose address is not known, as on a Unix socket.
    pub fn unknown() -> Self {
        Self {
            address: None,
            proto: "http",
            is_trusted: false,
        }
    }

    /// The client has connected by `https`.
    pub fn https(mut self) -> Self {
        self.proto = "https";
        self
    }

    /// The client is a proxy, or another node, whose headers are trusted: they are kept, and this hop is appended.
    pub fn trusted_proxy(mut self) -> Self {
        self.is_trusted = true;
        self
    }
}

type Describe = dyn Fn(&Parts) -> ClientInfo + Send + Sync;

/// Says who the client of a request is, if at all.
#[derive(Clone, Default)]
pub(in crate::middleware) struct Describing(Option<Arc<Describe>>);

impl Describing {
    pub(in crate::middleware) fn by(
        describe: impl Fn(&Parts) -> ClientInfo + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(describe)))
    }

    /// Describes the client of a request that came in with this head.
    pub(in crate::middleware) fn describe(&self, parts: &Parts) -> Option<Described> {
        let describe = self.0.as_ref()?;
        Some(Described {
            info: describe(parts),
            host: host(parts),
        })
    }
}

impl fmt::Debug for Describing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closure = self.0.as_ref().map(|_| "..");
        f.debug_tuple("Describing").field(&closure).finish()
    }
}

/// The client of one request, and the host that it asked for.
pub(in crate::middleware) struct Described {
    info: ClientInfo,
    host: Option<HeaderValue>,
}

impl Described {
    /// Adds the client to the headers of a request to the leader. Only after the hop-by-hop headers were removed, among
    /// which a client may list these.
    pub(in crate::middleware) fn insert_into(self, headers: &mut HeaderMap) {
        if !self.info.is_trusted {
            remove_claims(headers);
        }
        append(headers, FORWARDED, &self.element());
        append(headers, X_FORWARDED_FOR, &self.address());
        // These two are no lists, and those of the first proxy say what its client asked for.
        let proto = HeaderValue::from_static(self.info.proto);
        headers.entry(X_FORWARDED_PROTO).or_insert(proto);
        if let Some(host) = self.host {
            headers.entry(X_FORWARDED_HOST).or_insert(host);
        }
    }

    fn address(&self) -> String {
        let address = self.info.address;
        address.map_or_else(|| "unknown".to_owned(), |address| address.to_string())
    }

    /// An element of `forwarded` (RFC 7239, section 4).
    fn element(&self) -> String {
        let node = match self.info.address {
            Some(IpAddr::V6(address)) => format!("\"[{address}]\""),
            _ => self.address(),
        };
        let host = self.host.as_ref().and_then(|host| host.to_str().ok());
        let host = host.map_or_else(String::new, |host| format!(";host={}", quoted(host)));
        format!("for={node}{host};proto={}", self.info.proto)
    }
}

/// The host in the URI, as over HTTP/2, or else in the header `host`.
fn host(parts: &Parts) -> Option<HeaderValue> {
    if let Some(authority) = parts.uri.authority() {
        let host = authority.as_str().rsplit('@').next()?;
        return HeaderValue::from_str(host).ok();
    }
    let mut hosts = parts.headers.get_all(HOST).into_iter();
    let host = hosts.next().filter(|host| !host.is_empty())?;
    hosts.next().is_none().then(|| host.clone())
}

fn remove_claims(headers: &mut HeaderMap) {
    let is_claim = |name: &&HeaderName| name.as_str().starts_with(X_FORWARDED);
    let claims: Vec<_> = headers.keys().filter(is_claim).cloned().collect();
    for name in claims.iter().chain(&[FORWARDED]) {
        headers.remove(name);
    }
}

/// Appends an element to a header that is a list. There is one value afterwards, because some applications read no
/// other.
fn append(headers: &mut HeaderMap, name: HeaderName, element: &str) {
    let values = headers
        .get_all(&name)
        .into_iter()
        .map(HeaderValue::as_bytes);
    let values: Vec<_> = values.chain([element.as_bytes()]).collect();
    // Cannot fail: the parts are valid.
    if let Ok(joined) = HeaderValue::from_bytes(&values.join(&b", "[..])) {
        headers.insert(name, joined);
    }
}

/// A token without change, and any other text as a quoted string (RFC 9110, section 5.6).
fn quoted(text: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.bytes().all(is_token) {
        return text.to_owned();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use http::Request;

    use super::*;

    const V4: [u8; 4] = [192, 0, 2, 1];

    fn parts(uri: &str, lines: &[(&str, &str)]) -> Parts {
        let request = lines.iter().fold(Request::get(uri), |builder, line| {
            builder.header(line.0, line.1)
        });
        request.body(()).unwrap().into_parts().0
    }

    /// The headers of a request to the leader, except for `host`.
    fn described(info: ClientInfo, uri: &str, lines: &[(&str, &str)]) -> Vec<String> {
        let mut parts = parts(uri, lines);
        let client = Describing::by(move |_| info).describe(&parts).unwrap();
        client.insert_into(&mut parts.headers);
        parts.headers.remove(HOST);
        let headers = parts.headers.iter();
        let mut lines: Vec<_> = headers
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort_unstable();
        lines
    }

    #[test]
    fn a_client_is_described_by_four_headers() {
        let info = ClientInfo::new(V4).https();
        assert_eq!(
            described(info, "/", &[("host", "example.com")]),
            [
                "forwarded: for=192.0.2.1;host=example.com;proto=https",
                "x-forwarded-for: 192.0.2.1",
                "x-forwarded-host: example.com",
                "x-forwarded-proto: https",
            ]
        );
    }

    #[test]
    fn ipv6_and_ports_are_quoted() {
        let address: Ipv6Addr = "2001:db8::1".parse().unwrap();
        assert_eq!(
            described(ClientInfo::new(address), "/", &[("host", "[::1]:8080")]),
            [
                "forwarded: for=\"[2001:db8::1]\";host=\"[::1]:8080\";proto=http",
                "x-forwarded-for: 2001:db8::1",
                "x-forwarded-host: [::1]:8080",
                "x-forwarded-proto: http",
            ]
        );
        let mapped: Ipv6Addr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(ClientInfo::new(mapped), ClientInfo::new(V4));
    }

    #[test]
    fn a_host_cannot_add_a_parameter() {
        let lines = described(
            ClientInfo::new(V4),
            "/",
            &[("host", "a\";for=\"b\\, for=c")],
        );
        assert_eq!(
            lines[0],
            "forwarded: for=192.0.2.1;host=\"a\\\";for=\\\"b\\\\, for=c\";proto=http"
        );
    }

    #[test]
    fn an_unknown_address_is_said_to_be() {
        assert_eq!(
            described(ClientInfo::unknown(), "/", &[]),
            [
                "forwarded: for=unknown;proto=http",
                "x-forwarded-for: unknown",
                "x-forwarded-proto: http",
            ]
        );
    }

    const CLAIMS: [(&str, &str); 6] = [
        ("forwarded", "for=198.51.100.1"),
        ("forwarded", "for=198.51.100.2;proto=https"),
        ("x-forwarded-for", "198.51.100.1, 198.51.100.2"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ];

    #[test]
    fn claims_of_a_client_are_removed() {
        assert_eq!(
            described(ClientInfo::new(V4), "/", &CLAIMS),
            [
                "forwarded: for=192.0.2.1;proto=http",
                "x-forwarded-for: 192.0.2.1",
                "x-forwarded-proto: http",
            ]
        );
    }

    #[test]
    fn a_trusted_proxy_is_appended() {
        assert_eq!(
            described(ClientInfo::new(V4).trusted_proxy(), "http://h:1/", &CLAIMS),
            [
                "forwarded: for=198.51.100.1, for=198.51.100.2;proto=https, \
                 for=192.0.2.1;host=\"h:1\";proto=http",
                "x-forwarded-for: 198.51.100.1, 198.51.100.2, 192.0.2.1",
                "x-forwarded-host: shop.example",
                "x-forwarded-port: 443",
                "x-forwarded-proto: https",
            ]
        );
    }

    #[test]
    fn the_host_is_the_one_that_was_asked_for() {
        let host = |uri, lines: &[_]| host(&parts(uri, lines));
        let given = [("host", "a")];
        assert_eq!(host("/", &given).unwrap(), "a");
        assert_eq!(host("https://b:1/", &given).unwrap(), "b:1");
        assert_eq!(host("https://user@b/", &given).unwrap(), "b");
        assert_eq!(host("/", &[given[0], ("host", "b")]), None);
        assert_eq!(host("/", &[("host", "")]), None);
    }
}
