use std::{fmt::Write, iter, sync::Arc};

use http::{
    HeaderMap, Request, Uri,
    uri::{self, PathAndQuery},
};

use super::{mark::Marking, origin::Origin};
use crate::{
    lease::LeaderInfo,
    names::{Address, ElectionName},
    task::NotLeader,
};

/// Where the leader serves a request that this node did not admit.
#[derive(Clone, Debug, Default)]
pub(in crate::middleware) struct Target {
    own: Option<Arc<Own>>,
    marking: Arc<Marking>,
}

/// The address of this node. Redirects and followers' requests never go there.
#[derive(Debug)]
struct Own {
    address: Uri,
    origin: Origin,
}

impl Target {
    pub(in crate::middleware) fn new(name: &ElectionName, own: Option<&Address>) -> Self {
        let own = own.map(Address::uri);
        let own = own.and_then(|address| {
            Some(Own {
                origin: Origin::of(address)?,
                address: address.clone(),
            })
        });
        Self {
            own: own.map(Arc::new),
            marking: Arc::new(Marking::of(name)),
        }
    }

    pub(in crate::middleware) fn marking(&self) -> &Marking {
        &self.marking
    }

    /// The address at which the leader serves a request with these headers. None if the leader publishes no usable
    /// address, or if another node has already forwarded the request.
    pub(in crate::middleware) fn of<'a>(
        &self,
        headers: &HeaderMap,
        not_leader: &'a NotLeader,
    ) -> Option<&'a Uri> {
        let base = self.base(not_leader.leader()?)?;
        (!self.marking.is_in(headers)).then_some(base)
    }

    /// The address of this node, if it publishes one.
    pub(in crate::middleware) fn own(&self) -> Option<&Uri> {
        self.own.as_deref().map(|own| &own.address)
    }

    /// The address that the leader publishes, if a request may be redirected or forwarded to it.
    pub(in crate::middleware) fn base<'a>(&self, leader: &'a LeaderInfo) -> Option<&'a Uri> {
        let base = leader.parsed_address()?.uri();
        let origin = Origin::of(base)?;
        let own = self.own.as_deref().map(|own| &own.origin);
        (own != Some(&origin)).then_some(base)
    }
}

/// The URI that the client has asked for. A router may have stripped a prefix from that of the request.
pub(in crate::middleware) fn requested<B>(request: &Request<B>) -> &Uri {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::OriginalUri(original)) = request.extensions().get()
        && is_stripped(original, request.uri())
    {
        return original;
    }
    request.uri()
}

/// Whether a router made `uri` of `original`, rather than a handler that sends the request on to another path.
#[cfg(feature = "axum")]
fn is_stripped(original: &Uri, uri: &Uri) -> bool {
    let is_suffix = original.path().ends_with(uri.path()) || uri.path() == "/";
    is_suffix && original.query() == uri.query()
}

/// Appends the path and query of `uri` to the path of `base`.
pub(in crate::middleware) fn join(base: &Uri, uri: &Uri) -> Option<Uri> {
    let below = uri.path_and_query()?;
    if !below.path().starts_with('/') {
        return None;
    }
    let mut parts = uri::Parts::default();
    parts.scheme = base.scheme().cloned();
    parts.authority = base.authority().cloned();
    parts.path_and_query = Some(join_path(base.path().trim_end_matches('/'), below)?);
    Uri::from_parts(parts).ok()
}

fn join_path(base: &str, below: &PathAndQuery) -> Option<PathAndQuery> {
    if base.is_empty() && below.as_str().bytes().all(|byte| byte.is_ascii_graphic()) {
        // Shared, not copied.
        return Some(below.clone());
    }
    let query = below.query().into_iter();
    let query = query.flat_map(|query| iter::once(b'?').chain(query.bytes()));
    let path = base.bytes().chain(below.path().bytes());
    let mut joined = String::new();
    for byte in path.chain(query) {
        if byte.is_ascii_graphic() {
            joined.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(joined, "%{byte:02X}");
        }
    }
    PathAndQuery::try_from(joined).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, uri: &str) -> Option<String> {
        let joined = join(&base.parse().unwrap(), &uri.parse().unwrap());
        joined.map(|uri| uri.to_string())
    }

    #[test]
    fn path_and_query_follow_the_base_path() {
        for (base, uri, location) in [
            ("http://h:1", "/a/b?c=d&e", "http://h:1/a/b?c=d&e"),
            ("http://h:1/", "/", "http://h:1/"),
            ("https://h/base", "/a", "https://h/base/a"),
            ("https://h/base/", "/a?b", "https://h/base/a?b"),
            ("http://h/base?x=y", "/a?b", "http://h/base/a?b"),
            ("http://h", "http://other:2/a?b", "http://h/a?b"),
            ("http://h", "http://other?c=d", "http://h/?c=d"),
            ("http://h", "/a?", "http://h/a?"),
            ("http://h", "//evil.example/a", "http://h//evil.example/a"),
            ("http://[::1]:1", "/%0d%0ax:y", "http://[::1]:1/%0d%0ax:y"),
        ] {
            assert_eq!(joined(base, uri).as_deref(), Some(location), "{base} {uri}");
        }
    }

    #[test]
    fn non_ascii_bytes_are_percent_encoded() {
        let uri = Uri::try_from("/stra\u{df}e".as_bytes()).unwrap();
        let joined = join(&Uri::from_static("http://h"), &uri).unwrap();
        assert_eq!(joined.to_string(), "http://h/stra%C3%9Fe");
        let base = Uri::try_from("http://h/stra\u{df}e/".as_bytes()).unwrap();
        let joined = join(&base, &Uri::from_static("/a?b")).unwrap();
        assert_eq!(joined.to_string(), "http://h/stra%C3%9Fe/a?b");
    }

    #[test]
    fn a_uri_without_a_path_has_no_target() {
        assert_eq!(joined("http://h", "*"), None);
        assert_eq!(joined("http://h", "h:80"), None);
    }

    #[test]
    fn uri_that_becomes_too_long_has_no_target() {
        // The longest path that `Uri` takes.
        let longest = format!("/{}", "a".repeat(65_533));
        let whole = joined("http://h", &longest).unwrap();
        assert_eq!(whole, format!("http://h{longest}"));
        assert_eq!(joined("http://h/base", &longest), None);
    }

    #[cfg(feature = "axum")]
    #[test]
    fn only_a_stripped_path_is_made_whole() {
        let requested_at = |uri: &str| {
            let mut request = Request::builder().uri(uri).body(()).unwrap();
            let original = Uri::from_static("/api/orders?a=b");
            let extensions = request.extensions_mut();
            extensions.insert(axum::extract::OriginalUri(original));
            requested(&request).to_string()
        };
        assert_eq!(requested_at("/orders?a=b"), "/api/orders?a=b");
        assert_eq!(requested_at("/?a=b"), "/api/orders?a=b");
        // A handler sends the request on.
        assert_eq!(requested_at("/elsewhere?a=b"), "/elsewhere?a=b");
        assert_eq!(requested_at("/orders?a=c"), "/orders?a=c");
    }
}
