use std::{convert::Infallible, error::Error, fmt};

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};

use super::answer::{Form, Rejection};
use crate::task::{Admission, NotLeader, Term};

/// The rejection of the [`Term`] and [`Admission`] extractors for a request that no
/// [`LeaderOnlyLayer`](crate::LeaderOnlyLayer) has admitted.
///
/// The response is a 500, because the application is at fault: the route lacks a layer, or its layer lets the request
/// pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingTerm;

impl fmt::Display for MissingTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the request carries no term: add a LeaderOnlyLayer to its route (with any action but `fail`), \
             or take an Option<Term> where the layer lets requests pass",
        )
    }
}

impl Error for MissingTerm {}

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
    type Rejection = MissingTerm;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingTerm> {
        admission(parts).ok_or(MissingTerm)
    }
}

/// Extracts a further admission of the request, or `None` if the request was not gated.
impl<S: Sync> OptionalFromRequestParts<S> for Admission {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(admission(parts))
    }
}

fn admission(parts: &Parts) -> Option<Admission> {
    Admission::of(parts.extensions.get()?)
}

/// Returns the response that [`Reject`](super::Reject) gives to an HTTP request.
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
        Rejection::new(Form::Text, &self).into_response(Body::from)
    }
}
