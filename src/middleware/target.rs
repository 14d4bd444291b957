use std::{fmt::Write, sync::Arc};

use http::{Request, Uri};

use super::{forward::is_marked, origin::Origin};
use crate::{LeaderHandle, NotLeader, config::check_address};

/// Where a request can go that was not admitted here.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// This node's own, where nothing is sent.
    own: Option<Arc<Origin>>,
}

impl Target {
    pub(super) fn new(handle: &LeaderHandle) -> Self {
        let own = handle.address().and_then(|address| address.parse().ok());
        Self {
            own: own.as_ref().and_then(Origin::of).map(Arc::new),
        }
    }

    /// The absolute URI at which the leader serves what was asked for here. None if it publishes no address
    /// that can be gone to, or if the request was sent here by another node already.
    pub(super) fn of<B>(&self, request: &Request<B>, not_leader: &NotLeader) -> Option<String> {
        let address = not_leader.leader()?.address()?;
        if is_marked(request.headers()) {
            return None;
        }
        // Anybody with access to the bucket may have written it.
        let base = check_address(address).ok()?;
        let origin = Origin::of(&base)?;
        if self.own.as_deref() == Some(&origin) {
            return None;
        }
        join(&base, request.uri())
    }
}

/// The path and query of `uri`, below `base`.
fn join(base: &Uri, uri: &Uri) -> Option<String> {
    let below = uri.path_and_query()?.as_str();
    if !below.starts_with('/') {
        return None;
    }
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let path = base.path().trim_end_matches('/');
    let mut joined = format!("{scheme}://{authority}");
    for byte in path.bytes().chain(below.bytes()) {
        if byte.is_ascii_graphic() {
            joined.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(joined, "%{byte:02X}");
        }
    }
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, uri: &str) -> Option<String> {
        join(&base.parse().unwrap(), &uri.parse().unwrap())
    }

    #[test]
    fn path_and_query_are_kept_below_the_base_path() {
        for (base, uri, location) in [
            ("http://h:1", "/a/b?c=d&e", "http://h:1/a/b?c=d&e"),
            ("http://h:1/", "/", "http://h:1/"),
            ("https://h/base", "/a", "https://h/base/a"),
            ("https://h/base/", "/a?b", "https://h/base/a?b"),
            ("http://h/base?x=y", "/a?b", "http://h/base/a?b"),
            ("http://h", "http://other:2/a?b", "http://h/a?b"),
            ("http://h", "//evil.example/a", "http://h//evil.example/a"),
            ("http://[::1]:1", "/%0d%0ax:y", "http://[::1]:1/%0d%0ax:y"),
        ] {
            assert_eq!(joined(base, uri).as_deref(), Some(location), "{base} {uri}");
        }
    }

    #[test]
    fn bytes_beyond_ascii_are_percent_encoded() {
        let uri = Uri::try_from("/stra\u{df}e".as_bytes()).unwrap();
        let joined = join(&Uri::from_static("http://h"), &uri).unwrap();
        assert_eq!(joined, "http://h/stra%C3%9Fe");
    }

    #[test]
    fn what_has_no_path_goes_nowhere() {
        assert_eq!(joined("http://h", "*"), None);
        assert_eq!(joined("http://h", "h:80"), None);
    }
}
