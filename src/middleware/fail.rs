use tower_service::Service;

use super::{
    action::{FollowerAction, sealed::Sealed},
    future::ResponseFuture,
};
use crate::task::{Admission, LeaderHandle, NotLeader};

/// While the gate is shut a request fails with [`NotLeader`], from
/// [`LeaderOnlyLayer::fail`](super::LeaderOnlyLayer::fail).
///
/// Requests and responses may be of any type, and nothing is known of them: no [`Term`](crate::Term) is
/// put into a request, and it is admitted until its response future resolves. A handler that needs the
/// term asks the [`LeaderHandle`](crate::LeaderHandle).
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

    fn refuse(&self, _: Req, not_leader: NotLeader) -> Self::Future {
        ResponseFuture::refused(not_leader)
    }

    fn stopped(&self, handle: &LeaderHandle) -> Result<(), S::Error> {
        Err(handle.not_leader().into())
    }
}
