//! Actions of an operator on the keys.

use std::time::Duration;

use async_nats::HeaderMap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use tokio::time::timeout;

use super::{Done, Lane, Span};
use crate::{
    candidate::{BUCKET, KEY},
    cast::{CANDIDATES, Cast, node_id},
    kind::Kind,
};

/// The timeout of an operator.
const PATIENCE: Duration = Duration::from_secs(3);

/// The headers of what `nats kv del` sends.
const DELETE: &[(&str, &str)] = &[("KV-Operation", "DEL")];
/// The headers of what `nats kv purge` sends.
const PURGE: &[(&str, &str)] = &[("KV-Operation", "PURGE"), ("Nats-Rollup", "sub")];

/// Deletes one of the keys, with equal odds for each kind of key.
pub(super) async fn delete(cast: &Cast, number: usize) -> Done {
    let span = Span::begin("delete", Lane::Key);
    let kinds = keys(cast.kind);
    let kind = &kinds[number % kinds.len()];
    let took = mark(cast, &kind[number / kinds.len() % kind.len()], DELETE).await;
    span.end().taken(took)
}

/// Deletes one key after the other.
pub(super) async fn delete_all(cast: &Cast) -> Done {
    let span = Span::begin("delete all", Lane::Key);
    let mut took = true;
    for key in keys(cast.kind).concat() {
        took = took && mark(cast, &key, DELETE).await;
    }
    span.end().taken(took)
}

pub(crate) async fn purge(cast: &Cast) -> Done {
    let span = Span::begin("purge", Lane::Key);
    let took = mark(cast, KEY, PURGE).await;
    span.end().taken(took)
}

/// Sends what `nats stream purge` sends.
pub(super) async fn empty(cast: &Cast) -> Done {
    let span = Span::begin("empty", Lane::Key);
    let subject = format!("$JS.API.STREAM.PURGE.KV_{BUCKET}");
    let took = ask(cast, subject, HeaderMap::new()).await;
    span.end().taken(took)
}

/// Sends what `nats stream rm` sends.
pub(super) async fn remove_bucket(cast: &Cast) -> Done {
    let span = Span::begin("remove bucket", Lane::Key);
    let subject = format!("$JS.API.STREAM.DELETE.KV_{BUCKET}");
    let took = ask(cast, subject, HeaderMap::new()).await;
    span.end().taken(took)
}

/// The keys of a bucket, by their kind.
fn keys(kind: Kind) -> Vec<Vec<String>> {
    match kind {
        Kind::Election(_) => vec![vec![KEY.to_owned()]],
        Kind::Shards => vec![
            vec!["cfg".to_owned()],
            (0..CANDIDATES)
                .map(|index| format!("s.{}", URL_SAFE_NO_PAD.encode(node_id(index))))
                .collect(),
            (0..kind.shards().get())
                .map(|shard| format!("o.{shard}"))
                .collect(),
        ],
    }
}

/// Replaces a record by a marker.
async fn mark(cast: &Cast, key: &str, headers: &[(&str, &str)]) -> bool {
    let mut fields = HeaderMap::new();
    for (name, value) in headers {
        fields.insert(*name, *value);
    }
    ask(cast, format!("$KV.{BUCKET}.{key}"), fields).await
}

/// Sends a request, and returns whether the servers confirmed it. Without a response it may still have been applied.
pub(super) async fn ask(cast: &Cast, subject: String, headers: HeaderMap) -> bool {
    let request = cast
        .operator
        .request_with_headers(subject, headers, "".into());
    match timeout(PATIENCE, request).await {
        Ok(Ok(reply)) => is_done(&reply.payload),
        _ => false,
    }
}

/// An acknowledgement has a sequence number, and a response of the API has a success field.
fn is_done(reply: &[u8]) -> bool {
    let Ok(reply) = serde_json::from_slice::<Value>(reply) else {
        return false;
    };
    reply.get("error").is_none() && (reply["seq"].is_u64() || reply["success"] == true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_confirmed_requests_are_done() {
        for done in [
            r#"{"stream":"KV_chaos","seq":7}"#,
            r#"{"type":"io.nats.jetstream.api.v1.stream_purge_response","success":true,"purged":3}"#,
        ] {
            assert!(is_done(done.as_bytes()), "{done}");
        }
        for not in [
            r#"{"error":{"code":503,"err_code":10008,"description":"unavailable"},"stream":"","seq":0}"#,
            r#"{"success":false}"#,
            "{}",
            "",
        ] {
            assert!(!is_done(not.as_bytes()), "{not}");
        }
    }
}
