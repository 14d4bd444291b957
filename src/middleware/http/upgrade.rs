use http::{
    HeaderMap, HeaderValue, Method, Request, Response, Version,
    header::{CONNECTION, CONTENT_LENGTH, UPGRADE},
};
use http_body::Body;
use hyper::upgrade::OnUpgrade;

use super::{
    body::BoxBody,
    failure::Failure,
    hop::{list, list_of, remove_hop_by_hop},
    tunnel::Tunnel,
};

/// Whether a handler might turn the connection of a request over HTTP/1.1 into one of another protocol, such as
/// WebSocket.
///
/// `connection` has to list `upgrade`, but servers and handlers do not insist on that: hyper offers the upgrade without
/// it, and axum looks for the word anywhere in the header. `h2c` is HTTP on another wire: the request itself is answered
/// as any other, and so is each one after it.
#[inline]
pub(in crate::middleware) fn may_upgrade<B>(request: &Request<B>) -> bool {
    // Most requests have no such header.
    request.headers().contains_key(UPGRADE) && offers_any(request.version(), request.headers())
}

#[cold]
fn offers_any(version: Version, headers: &HeaderMap) -> bool {
    // A server ignores the header in HTTP/1.0 (RFC 9110, section 7.8).
    version == Version::HTTP_11 && protocols(headers).next().is_some()
}

/// Whether a request asks for an upgrade as RFC 9110 wants it.
fn asks_for_upgrade<B>(request: &Request<B>) -> bool {
    let mut listed = list_of(request.headers(), &CONNECTION);
    listed.any(|name| name.eq_ignore_ascii_case(b"upgrade")) && may_upgrade(request)
}

/// Whether a request over HTTP/2 or HTTP/3 asks to turn its stream into one of another protocol (RFC 8441). Unlike in
/// a plain `CONNECT`, it has a path.
pub(in crate::middleware) fn is_extended_connect<B>(request: &Request<B>) -> bool {
    *request.method() == Method::CONNECT
        && request.version() >= Version::HTTP_2
        && request.uri().path_and_query().is_some()
}

/// The protocols other than `h2c` to which the connection may switch.
fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    list_of(headers, &UPGRADE)
        .filter(|protocol| !protocol.is_empty() && !protocol.eq_ignore_ascii_case(b"h2c"))
}

/// A client that waits for the upgrade of its connection.
pub(in crate::middleware) struct Upgrade {
    client: OnUpgrade,
    /// The protocols that it offers.
    offered: HeaderValue,
}

impl Upgrade {
    /// Takes the upgrade out of a request. None if the request asks for none, has a body, or came in through a server
    /// that does not support upgrades.
    pub(in crate::middleware) fn take_from<B: Body>(request: &mut Request<B>) -> Option<Self> {
        let client = request.extensions_mut().remove::<OnUpgrade>()?;
        let body = request.body();
        let is_empty = body.is_end_stream() || body.size_hint().exact() == Some(0);
        if !is_empty || !asks_for_upgrade(request) {
            return None;
        }
        let offered = value(protocols(request.headers()))?;
        Some(Self { client, offered })
    }

    /// Asks the leader for the upgrade. Only after the hop-by-hop headers of the client were removed.
    pub(in crate::middleware) fn insert_into(&self, headers: &mut HeaderMap) {
        insert(headers, self.offered.clone());
    }

    fn offers(&self, protocol: &[u8]) -> bool {
        list(&self.offered).any(|offered| offered.eq_ignore_ascii_case(protocol))
    }
}

/// Turns a 101 of the leader into one for the client, and returns the tunnel between the two. Fails unless the client
/// asked for the protocol.
pub(in crate::middleware) fn switched(
    mut response: Response<BoxBody>,
    upgrade: Option<Upgrade>,
) -> Result<(Response<BoxBody>, Tunnel), Failure> {
    let headers = response.headers_mut();
    let chosen = value(list_of(headers, &UPGRADE));
    let asked = upgrade.zip(chosen).filter(|(upgrade, chosen)| {
        let mut chosen = list(chosen);
        chosen.all(|protocol| upgrade.offers(protocol))
    });
    let Some((upgrade, chosen)) = asked else {
        let error = "the leader switched to a protocol that the request did not ask for";
        return Err(Failure::Upgrade(error.into()));
    };
    remove_hop_by_hop(headers);
    headers.remove(CONTENT_LENGTH);
    insert(headers, chosen);
    let Some(leader) = response.extensions_mut().remove::<OnUpgrade>() else {
        let error = "the client of `forward` does not support upgrades";
        return Err(Failure::Upgrade(error.into()));
    };
    let tunnel = Tunnel::new(upgrade.client, leader);
    Ok((response.map(|_| BoxBody::default()), tunnel))
}

fn insert(headers: &mut HeaderMap, protocols: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocols);
}

/// The value of a header that lists these protocols. None if there are none.
fn value<'a>(protocols: impl Iterator<Item = &'a [u8]>) -> Option<HeaderValue> {
    let protocols: Vec<_> = protocols.filter(|protocol| !protocol.is_empty()).collect();
    let value = HeaderValue::from_bytes(&protocols.join(&b", "[..])).ok()?;
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &[(&str, &str)]) -> Request<()> {
        let builder = lines.iter().fold(Request::get("/talk"), |builder, line| {
            builder.header(line.0, line.1)
        });
        builder.body(()).unwrap()
    }

    fn asks(connection: &str, upgrade: &str) -> bool {
        asks_for_upgrade(&request(&[
            ("connection", connection),
            ("upgrade", upgrade),
        ]))
    }

    #[test]
    fn an_upgrade_is_named_in_connection() {
        assert!(asks("upgrade", "websocket"));
        assert!(asks("keep-alive, Upgrade", "WebSocket"));
        assert!(!asks("keep-alive", "websocket"));
        assert!(!asks("upgrades", "websocket"));
        assert!(!asks_for_upgrade(&request(&[("upgrade", "websocket")])));
        assert!(!asks_for_upgrade(&request(&[("connection", "upgrade")])));
    }

    #[test]
    fn h2c_is_no_upgrade() {
        assert!(!asks("upgrade, http2-settings", "h2c"));
        assert!(!asks("upgrade", " H2C ,"));
        assert!(!asks("upgrade", ""));
        assert!(asks("upgrade", "h2c, websocket"));
        let two = [
            ("connection", "upgrade"),
            ("upgrade", "h2c"),
            ("upgrade", "websocket"),
        ];
        assert!(asks_for_upgrade(&request(&two)));
    }

    #[test]
    fn only_http_1_1_has_upgrades() {
        let mut request = request(&[("connection", "upgrade"), ("upgrade", "websocket")]);
        for (version, asks) in [
            (Version::HTTP_10, false),
            (Version::HTTP_11, true),
            (Version::HTTP_2, false),
        ] {
            *request.version_mut() = version;
            assert_eq!(asks_for_upgrade(&request), asks, "{version:?}");
        }
    }

    #[test]
    fn an_extended_connect_has_a_path() {
        for (method, uri, version, is_extended) in [
            (Method::CONNECT, "http://h/talk", Version::HTTP_2, true),
            (Method::CONNECT, "/talk", Version::HTTP_3, true),
            (Method::CONNECT, "h:443", Version::HTTP_2, false),
            (Method::CONNECT, "/talk", Version::HTTP_11, false),
            (Method::GET, "http://h/talk", Version::HTTP_2, false),
        ] {
            let request = Request::builder().method(method).uri(uri).version(version);
            let request = request.body(()).unwrap();
            assert_eq!(is_extended_connect(&request), is_extended, "{request:?}");
        }
    }

    /// The upgrade of a client that offers `websocket`.
    fn upgrade() -> Upgrade {
        Upgrade {
            client: hyper::upgrade::on(Request::new(())),
            offered: HeaderValue::from_static("websocket, chat/2"),
        }
    }

    fn answer(upgrade: &str, with_connection: bool) -> Response<BoxBody> {
        let response = Response::builder()
            .status(101)
            .header("connection", "Upgrade, x-hop")
            .header("upgrade", upgrade)
            .header("x-hop", "1")
            .header("content-length", "5")
            .header("sec-websocket-accept", "x");
        let mut response = response.body(BoxBody::default()).unwrap();
        if with_connection {
            let leader = hyper::upgrade::on(Request::new(()));
            response.extensions_mut().insert(leader);
        }
        response
    }

    #[test]
    fn a_101_keeps_the_headers_of_its_upgrade() {
        let (response, _) = switched(answer("WebSocket", true), Some(upgrade())).unwrap();
        let mut lines: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        lines.sort_unstable();
        let expected = [
            ("connection", "upgrade"),
            ("sec-websocket-accept", "x"),
            ("upgrade", "WebSocket"),
        ];
        assert_eq!(lines, expected);
        assert_eq!(response.status(), 101);
    }

    #[test]
    fn a_101_needs_a_request_for_its_protocol() {
        let fails = |response, upgrade| {
            let failure = switched(response, upgrade).map(drop).unwrap_err();
            assert!(matches!(failure, Failure::Upgrade(_)), "{failure:?}");
            failure.source().unwrap().to_string()
        };
        let unasked = "the leader switched to a protocol that the request did not ask for";
        assert_eq!(fails(answer("websocket", true), None), unasked);
        for other in ["h2c", "", "websocket, h2c", "chat", "websocket2"] {
            assert_eq!(
                fails(answer(other, true), Some(upgrade())),
                unasked,
                "{other}"
            );
        }
        let both = switched(answer("chat/2, websocket", true), Some(upgrade()));
        assert!(both.is_ok());
        let unsupported = "the client of `forward` does not support upgrades";
        assert_eq!(
            fails(answer("websocket", false), Some(upgrade())),
            unsupported
        );
    }
}
