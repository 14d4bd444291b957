//! Actions of an operator on the key of an election.

use std::time::Duration;

use async_nats::HeaderMap;
use serde_json::Value;
use tokio::time::timeout;

use super::{Done, Lane, Span};
use crate::{
    candidate::{BUCKET, KEY},
    cast::Cast,
};

/// The timeout of an operator.
const PATIENCE: Duration = Duration::from_secs(3);

/// Sends what `nats kv del` sends.
pub(super) async fn delete(cast: &Cast) -> Done {
    mark(cast, "delete", &[("KV-Operation", "DEL")]).await
}

/// Sends what `nats kv purge` sends.
pub(crate) async fn purge(cast: &Cast) -> Done {
    let headers = [("KV-Operation", "PURGE"), ("Nats-Rollup", "sub")];
    mark(cast, "purge", &headers).await
}

/// Sends what `nats stream purge` sends.
pub(super) async fn empty(cast: &Cast) -> Done {
    let span = Span::begin("empty", Lane::Key);
    let subject = format!("$JS.API.STREAM.PURGE.KV_{BUCKET}");
    let took = ask(cast, subject, HeaderMap::new()).await;
    span.end().taken(took)
}

/// Replaces the record by a marker.
async fn mark(cast: &Cast, name: &'static str, headers: &[(&str, &str)]) -> Done {
    let span = Span::begin(name, Lane::Key);
    let mut fields = HeaderMap::new();
    for (name, value) in headers {
        fields.insert(*name, *value);
    }
    let took = ask(cast, format!("$KV.{BUCKET}.{KEY}"), fields).await;
    span.end().taken(took)
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
