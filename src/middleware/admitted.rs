use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    elections::Which,
    http::{answer::Form, mark::is_forwarded},
    response::ResponseFuture,
    settings::Settings,
    terms::insert_term,
};
use crate::{error::BoxError, task::Admission};

/// Calls the service with an admitted request.
// Not inlined, so that the request is changed in place. A copy takes longer than a call.
#[inline(never)]
pub(super) fn admitted<S, B, R>(
    inner: &mut S,
    mut request: Request<B>,
    admission: Admission,
    which: impl Which,
    settings: &Settings,
) -> ResponseFuture<S::Future, R, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    if is_forwarded(request.headers()) {
        request = settings.arrived(request);
    }
    let term = admission.term().clone();
    insert_term(request.extensions_mut(), which.shard(), term);
    let ends = settings.cancel_on_loss.then_some(&request).map(Form::of);
    ResponseFuture::admitted(inner.call(request), admission, ends)
}
