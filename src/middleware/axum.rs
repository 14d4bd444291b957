use std::{convert::Infallible, error::Error, fmt};

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};

use crate::Term;

/// The answer where a handler takes a [`Term`] and no [`LeaderOnlyLayer`](crate::LeaderOnlyLayer) has put
/// one into the request: 500, as it is a mistake of the application.
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

/// The term under which the request was admitted.
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

/// The term under which the request was admitted, or none if the gate did not apply to it.
impl<S: Sync> OptionalFromRequestParts<S> for Term {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}
