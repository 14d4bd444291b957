use tower_service::Service;

use super::{
    action::{FollowerAction, sealed::Sealed},
    entrance::Entrance,
    future::ResponseFuture,
};
use crate::task::{Admission, LeaderHandle, NotLeader};

/// Fails requests with [`NotLeader`].
///
/// Created by [`LeaderOnlyLayer::fail`](super::LeaderOnlyLayer::fail).
///
/// Requests and responses may be of any type, so this action does nothing specific to HTTP:
///
/// - An admitted request carries no [`Term`](crate::Term). A handler can get the term from the
///   [`LeaderHandle`](crate::LeaderHandle).
/// - The admission ends when the response future resolves. The lease may be released while the response body is still
///   being sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fail;

impl Sealed for Fail {}

impl<S, Req> FollowerAction<S, Req> for Fail
where
    S: Service<Req>,
    S::Error: From<NotLeader>,
{
    type Response = S::Response;
    type Future = ResponseFuture<S::Future, NotLeader>;

    fn pass(&self, inner: &mut S, request: Req) -> Self::Future {
        ResponseFuture::inner(inner.call(request), None)
    }

    fn admit(&self, inner: &mut S, request: Req, admission: Admission) -> Self::Future {
        ResponseFuture::inner(inner.call(request), Some(admission))
    }

    fn refuse(&self, _: &Entrance, _: Req, not_leader: NotLeader) -> Self::Future {
        ResponseFuture::refused(not_leader)
    }

    fn stopped(&self, handle: &LeaderHandle) -> Result<(), S::Error> {
        Err(handle.not_leader().into())
    }
}
