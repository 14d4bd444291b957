use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    action::{FollowerAction, sealed::Sealed},
    entrance::Entrance,
    reject::{Reject, Rejects},
};
use crate::task::{Admission, LeaderHandle, NotLeader, Reason};

/// Holds requests during an election, and then handles them with the action `A`.
///
/// Created by [`LeaderOnlyLayer::wait_up_to`](super::LeaderOnlyLayer::wait_up_to).
#[derive(Clone, Copy, Debug)]
pub struct WaitUpTo<A> {
    action: A,
    at_most: Duration,
}

impl<A> WaitUpTo<A> {
    pub(super) fn new(action: A, at_most: Duration) -> Self {
        Self { action, at_most }
    }

    pub(super) fn action_mut(&mut self) -> &mut A {
        &mut self.action
    }

    pub(super) fn map<B>(self, change: impl FnOnce(A) -> B) -> WaitUpTo<B> {
        WaitUpTo::new(change(self.action), self.at_most)
    }
}

impl<A> Sealed for WaitUpTo<A> {}

impl<A: Rejects> Rejects for WaitUpTo<A> {
    fn reject_mut(&mut self) -> &mut Reject {
        self.action.reject_mut()
    }
}

impl<A, S, Req> FollowerAction<S, Req> for WaitUpTo<A>
where
    A: FollowerAction<S, Req> + Clone,
    S: Service<Req> + Clone,
{
    type Response = A::Response;
    type Future = WaitFuture<A::Future, A, S, Req>;

    #[inline]
    fn pass(&self, inner: &mut S, request: Req) -> Self::Future {
        WaitFuture::called(self.action.pass(inner, request))
    }

    #[inline]
    fn admit(&self, inner: &mut S, request: Req, admission: Admission) -> Self::Future {
        WaitFuture::called(self.action.admit(inner, request, admission))
    }

    fn hold(
        &self,
        entrance: &Entrance,
        inner: &mut S,
        request: Req,
        not_leader: NotLeader,
    ) -> Self::Future {
        if !may_change(not_leader.reason()) {
            return self.refuse(entrance, request, not_leader);
        }
        // Keep the service that is ready. The clone in its place is not.
        let clone = inner.clone();
        let held = Held {
            action: self.action.clone(),
            entrance: entrance.clone(),
            inner: std::mem::replace(inner, clone),
            request,
        };
        WaitFuture {
            state: State::Held {
                decided: Box::pin(decided(entrance.clone(), self.at_most)),
                held: Some(Box::new(held)),
            },
        }
    }

    fn refuse(&self, entrance: &Entrance, request: Req, not_leader: NotLeader) -> Self::Future {
        WaitFuture::called(self.action.refuse(entrance, request, not_leader))
    }

    fn stopped(&self, handle: &LeaderHandle) -> Result<(), S::Error> {
        self.action.stopped(handle)
    }
}

/// Whether waiting may help, because an election is in progress.
fn may_change(reason: Reason) -> bool {
    match reason {
        Reason::NoLeader | Reason::Warming | Reason::Draining => true,
        Reason::NotLeader | Reason::Stopped => false,
    }
}

/// Waits until the request is admitted, or until waiting any longer does not help.
async fn decided(entrance: Entrance, at_most: Duration) -> Result<Admission, NotLeader> {
    let mut status = entrance.handle().watch();
    let mut timeout = pin!(entrance.handle().clock().sleep(at_most));
    loop {
        // Before the check of the gate, so that no later change is missed.
        status.mark_unchanged();
        let renewed = entrance.handle().renewed();
        match entrance.admit() {
            Err(not_leader) if may_change(not_leader.reason()) => {}
            decided => return decided,
        }
        tokio::select! {
            biased;
            // An error means that the election has stopped.
            changed = status.changed() => {
                if changed.is_err() {
                    return entrance.admit();
                }
            }
            () = renewed => {}
            () = &mut timeout => return entrance.admit(),
        }
    }
}

type Decided = Pin<Box<dyn Future<Output = Result<Admission, NotLeader>> + Send + Sync>>;

pin_project! {
    /// The response future of [`WaitUpTo`]: the future of its action, `F`, after the wait if there is one.
    ///
    /// While it waits, it holds the request and the service. Dropping it then gives the request up, which was not
    /// executed.
    #[must_use = "futures do nothing unless polled"]
    pub struct WaitFuture<F, A, S, Req> {
        #[pin]
        state: State<F, A, S, Req>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, A, S, Req> {
        Called {
            #[pin]
            future: F,
        },
        Held {
            decided: Decided,
            held: Option<Box<Held<A, S, Req>>>,
        },
    }
}

struct Held<A, S, Req> {
    action: A,
    entrance: Entrance,
    inner: S,
    request: Req,
}

impl<F, A, S, Req> WaitFuture<F, A, S, Req> {
    #[inline]
    fn called(future: F) -> Self {
        Self {
            state: State::Called { future },
        }
    }
}

impl<F, A, S, Req> Future for WaitFuture<F, A, S, Req>
where
    A: FollowerAction<S, Req, Future = F>,
    S: Service<Req>,
    F: Future,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut state = self.project().state;
        loop {
            let future = match state.as_mut().project() {
                StateProj::Called { future } => return future.poll(cx),
                StateProj::Held { decided, held } => {
                    let decided = ready!(decided.as_mut().poll(cx));
                    match held.take() {
                        Some(held) => held.go_on(decided),
                        None => unreachable!("taken only when the state changes"),
                    }
                }
            };
            state.set(State::Called { future });
        }
    }
}

impl<A, S, Req> Held<A, S, Req>
where
    A: FollowerAction<S, Req>,
    S: Service<Req>,
{
    fn go_on(mut self, decided: Result<Admission, NotLeader>) -> A::Future {
        match decided {
            Ok(admission) => self.action.admit(&mut self.inner, self.request, admission),
            Err(not_leader) => self.action.refuse(&self.entrance, self.request, not_leader),
        }
    }
}

impl<F, A, S, Req> fmt::Debug for WaitFuture<F, A, S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_waiting = matches!(self.state, State::Held { .. });
        f.debug_struct("WaitFuture")
            .field("is_waiting", &is_waiting)
            .finish_non_exhaustive()
    }
}
