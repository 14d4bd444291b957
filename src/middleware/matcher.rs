use std::{
    any::type_name,
    fmt,
    task::{Context, Poll},
};

use http::{Method, Request};

use super::{
    http::upgrade::{is_extended_connect, may_upgrade},
    ready::{Readiness, Wait},
};
use crate::task::{LeaderHandle, NotLeader};

/// Decides which requests are gated.
///
/// [`EveryRequest`], [`WritesOnly`], [`When`] and [`NotReady`] implement it. Its method is not part of the public API.
pub trait Matcher<Req> {
    #[doc(hidden)]
    fn gates(&self, request: &Req) -> bool;
}

/// Gates every request. This is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryRequest;

impl<E> Readiness<E> for EveryRequest {}

impl<Req> Matcher<Req> for EveryRequest {
    #[inline]
    fn gates(&self, _: &Req) -> bool {
        true
    }
}

/// Gates all methods except `GET`, `HEAD`, `OPTIONS` and `TRACE`, and all upgrades.
///
/// Created by [`LeaderOnlyLayer::writes_only`](super::LeaderOnlyLayer::writes_only).
#[derive(Clone, Copy, Debug, Default)]
pub struct WritesOnly {
    pub(super) upgrades_pass: bool,
}

impl<E> Readiness<E> for WritesOnly {}

impl<B> Matcher<Request<B>> for WritesOnly {
    #[inline]
    fn gates(&self, request: &Request<B>) -> bool {
        match *request.method() {
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => {
                !self.upgrades_pass && may_upgrade(request)
            }
            Method::CONNECT => !self.upgrades_pass || !is_extended_connect(request),
            _ => true,
        }
    }
}

/// Gates the requests for which a closure returns true.
///
/// Created by [`LeaderOnlyLayer::when`](super::LeaderOnlyLayer::when).
#[derive(Clone, Copy)]
pub struct When<F>(pub(super) F);

impl<F, E> Readiness<E> for When<F> {}

impl<F, Req> Matcher<Req> for When<F>
where
    F: Fn(&Req) -> bool,
{
    #[inline]
    fn gates(&self, request: &Req) -> bool {
        (self.0)(request)
    }
}

impl<F> fmt::Debug for When<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "When({})", type_name::<F>())
    }
}

/// Gates every request, and reports the service as not ready while this node does not lead.
///
/// Created by [`LeaderOnlyLayer::not_ready`](super::LeaderOnlyLayer::not_ready).
#[derive(Clone, Debug, Default)]
pub struct NotReady {
    wait: Wait,
}

impl Readiness<LeaderHandle> for NotReady {
    #[inline]
    fn poll_open(
        &mut self,
        handle: &LeaderHandle,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), NotLeader>> {
        let is_open = self
            .wait
            .poll_open(|| handle.is_leader(), || handle.watch(), cx);
        is_open.map(|is_open| match is_open {
            true => Ok(()),
            false => Err(handle.not_leader()),
        })
    }

    fn poll_change(&mut self, handle: &LeaderHandle, cx: &mut Context<'_>) -> Poll<()> {
        self.wait.poll_change(|| handle.watch(), cx)
    }
}

impl<Req> Matcher<Req> for NotReady {
    #[inline]
    fn gates(&self, _: &Req) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_methods_count_as_writes() {
        let gated = |method: &str| {
            let request = Request::builder().method(method).body(()).unwrap();
            WritesOnly::default().gates(&request)
        };
        for safe in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            assert!(!gated(safe), "{safe}");
        }
        for unsafe_ in ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "PURGE", "get"] {
            assert!(gated(unsafe_), "{unsafe_}");
        }
    }

    #[test]
    fn when_gates_requests_of_any_type() {
        let odd = When(|number: &u32| number % 2 == 1);
        assert!(odd.gates(&1));
        assert!(!odd.gates(&2));
        assert!(format!("{odd:?}").starts_with("When("));
    }
}
