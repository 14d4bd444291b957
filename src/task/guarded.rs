//! The application's log subscriber and its metrics recorder may panic. The election continues, and a second panic
//! during the first does not abort the process.

use std::{
    error::Error,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use tracing::Span;

use super::journal::Journal;
use crate::{
    clock::Moment,
    error::survive,
    lease::{Action, Input, LeaderInfo, Machine, Readings},
    store::StoreError,
};

/// A journal whose panics are caught.
pub(super) struct Guarded<J>(pub(super) J);

impl<J: Journal> Guarded<J> {
    fn write(&mut self, call: impl FnOnce(&mut J)) {
        survive(|| call(&mut self.0));
    }
}

impl<J: Journal> Journal for Guarded<J> {
    fn waits(&mut self, error: &StoreError) {
        self.write(|journal| journal.waits(error));
    }

    fn prepared(&mut self) {
        self.write(Journal::prepared);
    }

    fn received(&mut self, readings: Readings, input: &Input) {
        self.write(|journal| journal.received(readings, input));
    }

    fn performed(&mut self, token: Option<u64>, action: &Action) {
        self.write(|journal| journal.performed(token, action));
    }

    fn drain_timed_out(&mut self, requests: usize) {
        self.write(|journal| journal.drain_timed_out(requests));
    }

    fn answered(&mut self, error: Option<&(dyn Error + Send + Sync + 'static)>) {
        self.write(|journal| journal.answered(error));
    }

    fn unanswered(&mut self, error: &(dyn Error + Send + Sync + 'static)) {
        self.write(|journal| journal.unanswered(error));
    }

    fn follows(&mut self, leader: Option<&LeaderInfo>) {
        self.write(|journal| journal.follows(leader));
    }

    fn turned(&mut self, now: Moment, machine: &Machine) {
        self.write(|journal| journal.turned(now, machine));
    }

    fn closed(&mut self) {
        self.write(Journal::closed);
    }

    fn died(&mut self, was_to_stop: bool) {
        self.write(|journal| journal.died(was_to_stop));
    }
}

/// A task inside a span. `tracing::Instrument` does the same, but aborts the process if the subscriber panics while the
/// task unwinds.
pub(crate) struct InSpan<F> {
    /// None if it could not be created.
    span: Option<Span>,
    task: Option<Pin<Box<F>>>,
}

impl<F> InSpan<F> {
    pub(crate) fn new(span: Option<Span>, task: F) -> Self {
        Self {
            span,
            task: Some(Box::pin(task)),
        }
    }
}

impl<F: Future<Output = ()>> Future for InSpan<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { span, task } = &mut *self;
        match task {
            Some(task) => within(span.as_ref(), || task.as_mut().poll(cx)),
            None => Poll::Ready(()),
        }
    }
}

impl<F> Drop for InSpan<F> {
    fn drop(&mut self) {
        let (span, task) = (self.span.take(), self.task.take());
        within(span.as_ref(), || drop(task));
        survive(|| drop(span));
    }
}

/// Runs the call inside the span.
pub(crate) fn within<T>(span: Option<&Span>, call: impl FnOnce() -> T) -> T {
    let entered = survive(|| span.map(Span::enter));
    let result = catch_unwind(AssertUnwindSafe(call));
    survive(|| drop(entered));
    result.unwrap_or_else(|panic| resume_unwind(panic))
}
