use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::HeaderMap;

use super::http::answer::Form;
use crate::{sync::WaitForCancellationFutureOwned, task::Admission};

/// The admission of a request in progress, and whether the request ends with its term.
pub(super) struct Admitted {
    admission: Admission,
    /// Resolves at the end of the term. Made once the request has to wait, because most requests end before.
    ended: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// The form of the response in place of the service's, if the request ends with its term.
    ends: Option<Form>,
}

impl Admitted {
    #[inline]
    pub(super) fn new(admission: Admission, ends: Option<Form>) -> Self {
        Self {
            admission,
            ended: None,
            ends,
        }
    }

    /// The service has begun its response.
    #[inline]
    pub(super) fn responds(&mut self, headers: &HeaderMap) {
        if let Some(form) = &mut self.ends {
            *form = match Form::is_grpc(headers) {
                true => Form::Grpc,
                false => Form::Text,
            };
        }
    }

    /// The form of the response if the request has to end. Compares the deadline with the clock on each call: in a
    /// process that was paused, the background task may not have noticed the end yet.
    #[inline]
    pub(super) fn is_lost(&self) -> Option<Form> {
        self.ends.filter(|_| !self.admission.term().is_current())
    }

    /// Waits until the request has to end.
    #[inline]
    pub(super) fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<Form> {
        let Some(form) = self.ends else {
            return Poll::Pending;
        };
        let term = self.admission.term();
        let ended = self.ended.get_or_insert_with(|| Box::pin(term.ended()));
        ended.as_mut().poll(cx).map(|()| form)
    }

    /// The request can no longer be cut off.
    pub(super) fn complete(&mut self) {
        self.ends = None;
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted")
            .field("admission", &self.admission)
            .field("ends", &self.ends)
            .finish()
    }
}
