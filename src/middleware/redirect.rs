use std::{fmt::Write, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri};
use http_body::Body;
use tower_service::Service;

use super::{
    FollowerAction, Reject, Rejection, Rejects, ResponseBody, ResponseFuture,
    action::sealed::Sealed, answer::Form, origin::Origin,
};
use crate::{Admission, LeaderHandle, NotLeader, config::check_address};

/// While the gate is shut a request is sent to the leader, from
/// [`LeaderOnlyLayer::redirect`](super::LeaderOnlyLayer::redirect).
///
/// The answer is 307 (Temporary Redirect), with which a client repeats the method and the body. `location`
/// is the address that the leader publishes, followed by the request's path and query; the base path of
/// the address, if it has one, comes first. `cache-control` is `no-store`, `noleader-reason` is
/// `not_leader`, and there is no body.
///
/// A request is rejected as [`Reject`] does it
/// - if no leader is known, or it publishes no address;
/// - if the address is not an absolute `http` or `https` URI, or has a user or a password in it;
/// - if the address has the scheme, host and port of the one that this node publishes;
/// - if the request has no path, as that of `CONNECT` and `OPTIONS *`;
/// - if the request is gRPC, as its clients do not follow redirects.
///
/// The path is that of the request as the layer sees it. A router that strips a prefix, such as axum's
/// `nest`, has done so before a layer inside of it is called: put the layer around the outer router, or
/// publish an address with the prefix as its base path.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// This node's own, where nobody is sent.
    own: Option<Arc<Origin>>,
    otherwise: Reject,
}

impl Redirect {
    pub(super) fn new(handle: &LeaderHandle, otherwise: Reject) -> Self {
        let own = handle.address().and_then(|address| address.parse().ok());
        Self {
            own: own.as_ref().and_then(Origin::of).map(Arc::new),
            otherwise,
        }
    }

    /// Where the leader serves what was asked for here, if a client may be sent there.
    fn location<B>(&self, request: &Request<B>, not_leader: &NotLeader) -> Option<HeaderValue> {
        let address = not_leader.leader()?.address()?;
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
fn join(base: &Uri, uri: &Uri) -> Option<HeaderValue> {
    let below = uri.path_and_query()?.as_str();
    if !below.starts_with('/') {
        return None;
    }
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let path = base.path().trim_end_matches('/');
    let mut location = format!("{scheme}://{authority}");
    for byte in path.bytes().chain(below.bytes()) {
        if byte.is_ascii_graphic() {
            location.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(location, "%{byte:02X}");
        }
    }
    HeaderValue::try_from(location).ok()
}

impl Sealed for Redirect {}

impl Rejects for Redirect {
    fn reject_mut(&mut self) -> &mut Reject {
        &mut self.otherwise
    }
}

impl<S, ReqBody, ResBody> FollowerAction<S, Request<ReqBody>> for Redirect
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
    ResBody::Data: From<Bytes>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn pass(&self, inner: &mut S, request: Request<ReqBody>) -> Self::Future {
        self.otherwise.pass(inner, request)
    }

    #[inline]
    fn admit(
        &self,
        inner: &mut S,
        request: Request<ReqBody>,
        admission: Admission,
    ) -> Self::Future {
        self.otherwise.admit(inner, request, admission)
    }

    fn refuse(&self, request: Request<ReqBody>, not_leader: NotLeader) -> Self::Future {
        ResponseFuture::refused(match self.location(&request, &not_leader) {
            Some(location) if !Form::is_grpc(request.headers()) => {
                Rejection::elsewhere(location, &not_leader)
            }
            _ => self.otherwise.answer(&request, &not_leader),
        })
    }

    fn stopped(&self, _: &LeaderHandle) -> Result<(), S::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, uri: &str) -> Option<String> {
        let location = join(&base.parse().unwrap(), &uri.parse().unwrap())?;
        Some(location.to_str().unwrap().to_owned())
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
        let location = join(&Uri::from_static("http://h"), &uri).unwrap();
        assert_eq!(location, "http://h/stra%C3%9Fe");
    }

    #[test]
    fn what_has_no_path_goes_nowhere() {
        assert_eq!(joined("http://h", "*"), None);
        assert_eq!(joined("http://h", "h:80"), None);
    }
}
