//! The exact response that a client receives.

use std::collections::{BTreeMap, BTreeSet};

use ::http::{HeaderMap, Version, header::VARY};

/// Header fields, or trailers.
pub(crate) type Fields = BTreeMap<String, String>;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) version: Version,
    pub(crate) status: u16,
    /// Without the date.
    pub(crate) headers: Fields,
    /// The messages of a gRPC response, or the body of an HTTP response.
    pub(crate) pieces: Vec<String>,
    pub(crate) end: End,
    /// The status that the gRPC client library returns.
    pub(crate) grpc_status: Option<GrpcStatus>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Complete, with these trailers.
    Whole(Fields),
    /// Truncated, by an error of the connection or the stream.
    Torn,
}

/// A gRPC status as tonic's client returns it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GrpcStatus {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) reason: Option<String>,
}

pub(crate) fn fields(map: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in map {
        let value = value.to_str().unwrap().to_owned();
        let before = fields.insert(name.to_string(), value);
        assert!(before.is_none() || name == VARY, "{name} occurs twice");
    }
    // Each layer adds its own. A response passes the layers of several nodes, in any order.
    let vary = map.get_all(VARY).iter();
    let vary = vary.flat_map(|value| value.to_str().unwrap().split(','));
    let vary: BTreeSet<_> = vary.map(str::trim).collect();
    if !vary.is_empty() {
        let vary: Vec<_> = vary.into_iter().collect();
        fields.insert(VARY.to_string(), vary.join(", "));
    }
    fields.remove("date");
    fields
}
