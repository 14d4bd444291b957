use std::future::Future;

use tower_service::Service;

use super::entrance::Entrance;
use crate::task::{Admission, LeaderHandle, NotLeader};

/// Handles the gated requests of a service while this node does not lead.
///
/// This trait is sealed. [`Reject`](super::Reject), [`RejectWith`](super::RejectWith), [`Redirect`](super::Redirect),
/// [`Forward`](super::Forward), [`Fail`](super::Fail), [`WaitUpTo`](super::WaitUpTo) and
/// [`CancelOnLoss`](super::CancelOnLoss) implement it.
pub trait FollowerAction<S, Req>: sealed::Sealed
where
    S: Service<Req>,
{
    /// The response type of the gated service.
    type Response;
    /// The future type of the gated service.
    type Future: Future<Output = Result<Self::Response, S::Error>>;

    /// Calls the inner service with a request that is not gated.
    #[doc(hidden)]
    fn pass(&self, inner: &mut S, request: Req) -> Self::Future;

    /// Calls the inner service, and holds the admission while the request is in progress.
    #[doc(hidden)]
    fn admit(&self, inner: &mut S, request: Req, admission: Admission) -> Self::Future;

    /// Handles a request that was not admitted, now or once the election is decided.
    #[doc(hidden)]
    fn hold(
        &self,
        entrance: &Entrance,
        _: &mut S,
        request: Req,
        not_leader: NotLeader,
    ) -> Self::Future {
        self.refuse(entrance, request, not_leader)
    }

    /// Responds without calling the inner service.
    #[doc(hidden)]
    fn refuse(&self, entrance: &Entrance, request: Req, not_leader: NotLeader) -> Self::Future;

    /// The result of `poll_ready` after this node has left the election.
    #[doc(hidden)]
    fn stopped(&self, handle: &LeaderHandle) -> Result<(), S::Error>;
}

pub(super) mod sealed {
    pub trait Sealed {}
}
