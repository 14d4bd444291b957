use std::future::Future;

use tower_service::Service;

use super::entrance::Entrance;
use crate::task::{Admission, LeaderHandle, NotLeader};

/// What is done with a request while the gate is shut. Implemented by [`Reject`](super::Reject),
/// [`RejectWith`](super::RejectWith), [`Redirect`](super::Redirect), [`Forward`](super::Forward),
/// [`Fail`](super::Fail), [`WaitUpTo`](super::WaitUpTo) and [`CancelOnLoss`](super::CancelOnLoss), and by
/// nothing else.
pub trait FollowerAction<S, Req>: sealed::Sealed
where
    S: Service<Req>,
{
    /// What the gated service responds.
    type Response;
    /// The gated service's future.
    type Future: Future<Output = Result<Self::Response, S::Error>>;

    /// Calls the inner service with a request that the gate does not apply to.
    #[doc(hidden)]
    fn pass(&self, inner: &mut S, request: Req) -> Self::Future;

    /// Calls the inner service, and keeps the admission for as long as the request is under way.
    #[doc(hidden)]
    fn admit(&self, inner: &mut S, request: Req, admission: Admission) -> Self::Future;

    /// Answers a request that was not admitted, now or once it is decided who leads.
    #[doc(hidden)]
    fn hold(&self, _: &Entrance, _: &mut S, request: Req, not_leader: NotLeader) -> Self::Future {
        self.refuse(request, not_leader)
    }

    /// Answers without the inner service.
    #[doc(hidden)]
    fn refuse(&self, request: Req, not_leader: NotLeader) -> Self::Future;

    /// Whether a service whose election has stopped is ready, so that `call` refuses, or fails.
    #[doc(hidden)]
    fn stopped(&self, handle: &LeaderHandle) -> Result<(), S::Error>;
}

pub(super) mod sealed {
    pub trait Sealed {}
}
