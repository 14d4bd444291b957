use http::Extensions;

use crate::{
    names::ShardId,
    task::{LeaderHandle, Term},
};

/// The terms under which the outer gates have admitted a request, in its extensions, each with its shard, if it is of
/// one. The innermost gate's are there on their own.
#[derive(Clone, Debug, Default)]
struct Outer(Vec<(Option<ShardId>, Term)>);

/// Adds the term under which a gate admits a request, and its shard, if the gate has many.
#[inline]
pub(super) fn insert_term(extensions: &mut Extensions, shard: Option<ShardId>, term: Term) {
    if let Some(outer) = extensions.insert(term) {
        keep(extensions, outer);
    }
    if let Some(shard) = shard {
        extensions.insert(shard);
    }
}

#[cold]
fn keep(extensions: &mut Extensions, term: Term) {
    let shard = extensions.remove();
    let Outer(terms) = extensions.get_or_insert_default();
    terms.push((shard, term));
}

/// The terms under which gates have admitted a request, the innermost first.
pub(super) fn terms(extensions: &Extensions) -> impl Iterator<Item = (Option<ShardId>, &Term)> {
    let inner = extensions.get::<Term>().into_iter();
    let inner = inner.map(|term| (extensions.get().copied(), term));
    let outer = extensions.get::<Outer>().into_iter();
    inner.chain(outer.flat_map(|Outer(terms)| terms.iter().map(|(shard, term)| (*shard, term))))
}

impl LeaderHandle {
    /// Returns the term under which a gate of this election has admitted a request with these extensions.
    ///
    /// Use it on a route with the gates of several elections, where `extensions.get::<Term>()` and the extractor are the
    /// term of the innermost gate. The term is the one of the admission, even if it has ended since. Returns none if no
    /// gate of this handle or its clones has admitted the request.
    ///
    /// With tonic, `tonic::Request::extensions` has the extensions.
    ///
    /// ```
    /// use axum::{Router, extract::State, routing::post};
    /// use http::{Extensions, StatusCode};
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// #[derive(Clone)]
    /// struct App {
    ///     orders: LeaderHandle,
    ///     stock: LeaderHandle,
    /// }
    ///
    /// async fn create(State(app): State<App>, extensions: Extensions) -> Result<String, StatusCode> {
    ///     let orders = app.orders.term_in(&extensions);
    ///     let stock = app.stock.term_in(&extensions);
    ///     let (Some(orders), Some(stock)) = (orders, stock) else {
    ///         return Err(StatusCode::INTERNAL_SERVER_ERROR);
    ///     };
    ///     Ok(format!("written with the fencing tokens {} and {}", orders.token(), stock.token()))
    /// }
    ///
    /// fn app(app: App) -> Router {
    ///     let (orders, stock) = (app.orders.clone(), app.stock.clone());
    ///     Router::new()
    ///         .route("/orders", post(create))
    ///         .layer(LeaderOnlyLayer::new(stock))
    ///         .layer(LeaderOnlyLayer::new(orders))
    ///         .with_state(app)
    /// }
    /// ```
    #[must_use]
    pub fn term_in(&self, extensions: &Extensions) -> Option<Term> {
        let mut terms = terms(extensions);
        terms.find_map(|(_, term)| self.owns(term).then(|| term.clone()))
    }
}
