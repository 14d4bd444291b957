use std::convert::Infallible;

use axum::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};

use thiserror::Error;

use super::{
    http::answer::{Form, lost, not_leader},
    term_lost::TermLost,
};
use crate::task::{Admission, NotLeader, Term};

/// The rejection of the [`Term`] and [`Admission`] extractors for a request that no
/// [`LeaderOnlyLayer`](crate::LeaderOnlyLayer) has admitted.
///
/// The response is a 500, because the application is at fault: the route lacks a layer, or its layer lets the request
/// pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the request carries no term; add a LeaderOnlyLayer to its route (with any action but `fail`), \
     or extract an Option where the layer lets requests pass"
)]
#[non_exhaustive]
pub struct MissingTerm;

impl IntoResponse for MissingTerm {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        (StatusCode::INTERNAL_SERVER_ERROR, format!("{self}\n")).into_response()
    }
}

/// Extracts the term under which the request was admitted.
///
/// Fails with [`MissingTerm`] if the request carries no term.
///
/// ```
/// use axum::{Router, routing::post};
/// use noleader::{LeaderHandle, LeaderOnlyLayer, Term};
///
/// async fn create(term: Term) -> String {
///     format!("written with the fencing token {}", term.token())
/// }
///
/// # fn example(leader: LeaderHandle) -> Router {
/// Router::new()
///     .route("/orders", post(create))
///     .layer(LeaderOnlyLayer::new(leader))
/// # }
/// ```
impl<S: Sync> FromRequestParts<S> for Term {
    type Rejection = MissingTerm;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingTerm> {
        parts.extensions.get().cloned().ok_or(MissingTerm)
    }
}

/// Extracts the term under which the request was admitted, or `None` if the request was not gated.
impl<S: Sync> OptionalFromRequestParts<S> for Term {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}

/// Extracts a further admission of the request, for work that outlasts the response.
///
/// A step-down or a shutdown waits until the admission is dropped, up to the drain timeout. End the work when
/// [`Term::closing`] is cancelled. Fails with [`MissingTerm`] if the request carries no term.
///
/// ```
/// use axum::{Router, routing::post};
/// use noleader::{Admission, LeaderHandle, LeaderOnlyLayer};
///
/// async fn rebuild(admission: Admission) {
///     tokio::spawn(async move {
///         let term = admission.term();
///         // Work that is fenced with `term.token()`, and ends on `term.closing()`.
///     });
/// }
///
/// # fn example(leader: LeaderHandle) -> Router {
/// Router::new()
///     .route("/rebuild", post(rebuild))
///     .layer(LeaderOnlyLayer::new(leader))
/// # }
/// ```
impl<S: Sync> FromRequestParts<S> for Admission {
    type Rejection = AdmissionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AdmissionRejection> {
        Ok(admission(parts)?.ok_or(MissingTerm)?)
    }
}

/// Extracts a further admission of the request, or `None` if the request was not gated.
///
/// Fails with [`TermLost`] if the term under which the request was admitted is over.
impl<S: Sync> OptionalFromRequestParts<S> for Admission {
    type Rejection = TermLost;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, TermLost> {
        admission(parts)
    }
}

fn admission(parts: &Parts) -> Result<Option<Admission>, TermLost> {
    match parts.extensions.get() {
        Some(term) => Admission::of(term).map(Some).ok_or(TermLost),
        None => Ok(None),
    }
}

/// The rejection of the [`Admission`] extractor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AdmissionRejection {
    /// No [`LeaderOnlyLayer`](crate::LeaderOnlyLayer) has admitted the request.
    #[error(transparent)]
    MissingTerm(#[from] MissingTerm),
    /// The term under which the request was admitted is over.
    #[error(transparent)]
    TermLost(#[from] TermLost),
}

impl IntoResponse for AdmissionRejection {
    fn into_response(self) -> Response {
        match self {
            Self::MissingTerm(error) => error.into_response(),
            Self::TermLost(error) => error.into_response(),
        }
    }
}

/// Returns the response of [`cancel_on_loss`](crate::LeaderOnlyLayer::cancel_on_loss) to an HTTP request: 503 with `noleader-reason: lost`,
/// and without `retry-after`.
impl IntoResponse for TermLost {
    fn into_response(self) -> Response {
        lost(Form::Text).map(Body::from)
    }
}

/// Returns the response that [`Reject`](super::Reject) gives to an HTTP request, without the words that it was not
/// executed: the handler may have done something before.
///
/// ```
/// use axum::extract::State;
/// use noleader::{LeaderHandle, NotLeader};
///
/// async fn create(State(leader): State<LeaderHandle>) -> Result<String, NotLeader> {
///     let admission = leader.admit()?;
///     Ok(format!("written with the fencing token {}", admission.term().token()))
/// }
/// ```
impl IntoResponse for NotLeader {
    fn into_response(self) -> Response {
        not_leader(Form::Text, &self).map(Body::from)
    }
}
