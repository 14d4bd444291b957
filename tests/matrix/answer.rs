//! What a client gets, to the letter.

use std::collections::BTreeMap;

use ::http::{HeaderMap, Version};

/// Header fields, or trailers.
pub(crate) type Fields = BTreeMap<String, String>;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) version: Version,
    pub(crate) status: u16,
    /// All but the date.
    pub(crate) headers: Fields,
    /// Each message of a gRPC response, or the whole body of another.
    pub(crate) pieces: Vec<String>,
    pub(crate) end: End,
    /// What the client's library makes of a gRPC response.
    pub(crate) told: Option<Told>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With these trailers.
    Whole(Fields),
    /// By an error of the connection or the stream, so that it is not taken for whole.
    Torn,
}

/// A gRPC status as tonic's client has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) reason: Option<String>,
}

pub(crate) fn fields(map: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in map {
        let value = value.to_str().unwrap().to_owned();
        let before = fields.insert(name.to_string(), value);
        assert_eq!(before, None, "{name} is there twice");
    }
    fields.remove("date");
    fields
}
