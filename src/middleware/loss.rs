use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Buf;
use http::HeaderMap;
use http_body::Frame;

use super::http::{answer::Form, grpc_web::After};
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
            *form = Form::of_rest(headers);
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

    /// The service sends a part of its response.
    #[inline]
    pub(super) fn sends<D: Buf>(&mut self, frame: &Frame<D>) {
        if frame.is_trailers() {
            self.ends = None;
        } else if let (Some(Form::GrpcWeb(web)), Some(data)) = (self.ends, frame.data_ref()) {
            self.ends = match web.after(data) {
                After::Message => self.ends,
                // Trailers would be read as the rest of the message.
                After::Part => Some(Form::Text),
                After::Nothing => None,
            };
        }
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
