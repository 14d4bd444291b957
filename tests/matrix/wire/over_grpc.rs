use ::http::Version;

use super::{LOST, failure, owned, rejection, sentence};
use crate::{
    answer::{Answer, End, Fields, GrpcStatus},
    cell::Protocol,
};

const GRPC: (&str, &str) = ("content-type", "application/grpc");

pub(super) fn served(protocol: Protocol, by: &str) -> Answer {
    Answer {
        pieces: match protocol {
            Protocol::ClientStreaming => vec![format!("{by} took one, two")],
            Protocol::ServerStreaming => vec![format!("{by} took"), "an order".to_owned()],
            Protocol::Bidi => vec![format!("{by} took one"), format!("{by} took two")],
            _ => vec![format!("{by} took an order")],
        },
        end: End::Whole(owned(&[("grpc-status", "0")])),
        ..head(0, "", &[GRPC])
    }
}

pub(super) fn unavailable(reason: &str) -> Answer {
    // If another node leads, the next attempt may reach it at once.
    let wait = if reason == "not_leader" {
        "100"
    } else {
        "1000"
    };
    let message = rejection(reason);
    let headers = [
        GRPC,
        ("grpc-status", "14"),
        ("grpc-message", &message),
        ("grpc-retry-pushback-ms", wait),
        ("noleader-reason", reason),
    ];
    head(14, &message, &headers)
}

pub(super) fn failed(code: i32, reason: &str) -> Answer {
    let (message, status) = (failure(reason), code.to_string());
    let headers = [
        GRPC,
        ("grpc-status", &status),
        ("grpc-message", message),
        ("noleader-reason", reason),
        ("grpc-retry-pushback-ms", "5000"),
    ];
    let count = if reason == "unreachable" { 5 } else { 4 };
    head(code, message, &headers[..count])
}

pub(super) fn failed_precondition(reason: &str) -> Answer {
    let message = format!("not executed: {reason}");
    head(
        9,
        &message,
        &[
            GRPC,
            ("grpc-status", "9"),
            ("grpc-message", &by_tonic(&message)),
        ],
    )
}

pub(super) fn internal(reason: &str) -> Answer {
    let message = format!("failed: {}", sentence(reason));
    head(
        13,
        &message,
        &[
            GRPC,
            ("grpc-status", "13"),
            ("grpc-message", &by_tonic(&message)),
        ],
    )
}

/// As tonic's server sends it.
fn by_tonic(message: &str) -> String {
    message.replace(' ', "%20")
}

pub(super) fn aborted() -> Answer {
    let headers = [
        GRPC,
        ("grpc-status", "10"),
        ("grpc-message", LOST),
        ("noleader-reason", "lost"),
    ];
    head(10, LOST, &headers)
}

pub(super) fn aborted_midway(protocol: Protocol, by: &str) -> Answer {
    let mut pieces = served(protocol, by).pieces;
    pieces.truncate(1);
    let mut trailers = aborted().headers;
    trailers.remove("content-type");
    Answer {
        headers: owned(&[GRPC]),
        pieces,
        end: End::Whole(trailers),
        ..aborted()
    }
}

/// A response of headers only, unless more is added.
fn head(code: i32, message: &str, headers: &[(&str, &str)]) -> Answer {
    let reason = headers.iter().find(|(name, _)| *name == "noleader-reason");
    Answer {
        grpc_status: Some(GrpcStatus {
            code,
            message: message.to_owned(),
            reason: reason.map(|(_, reason)| (*reason).to_owned()),
        }),
        version: Version::HTTP_2,
        status: 200,
        headers: owned(headers),
        pieces: Vec::new(),
        end: End::Whole(Fields::new()),
    }
}
