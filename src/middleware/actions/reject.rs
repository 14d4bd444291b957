use std::future::{Future, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;

use super::FollowerAction;
use crate::{
    error::BoxError,
    middleware::http::{
        answer::{self, Form},
        upload::Upload,
    },
    task::NotLeader,
};

/// Rejects requests with a response, so that the error type of the service does not change. This is the default.
///
/// | request | status | headers | body |
/// |---|---|---|---|
/// | HTTP | 503 | `noleader-reason`, `retry-after` in whole seconds, `cache-control: no-store` | one line of text |
/// | gRPC | 14 `UNAVAILABLE` | `noleader-reason`, `grpc-retry-pushback-ms`, `grpc-message` | none |
/// | gRPC-Web | 14 `UNAVAILABLE` | none | the same as trailers |
///
/// - `noleader-reason` is `not_leader`, `no_leader`, `warming`, `draining` or `stopped`, or with a gate of many
///   [shards](crate::LeaderOnlyLayer::sharded) also `other_shard`.
/// - A request [without a key](crate::Reason::NoKey) receives 400 or 3 `INVALID_ARGUMENT` with the reason `no_key`, and
///   neither `retry-after` nor `grpc-retry-pushback-ms`.
/// - A request is gRPC if its content type is `application/grpc`, and gRPC-Web if it is `application/grpc-web` or
///   `application/grpc-web-text`, with or without a suffix such as `+proto`.
/// - The response to a gRPC request is trailers-only, with the HTTP status 200. To a gRPC-Web request, the trailers are
///   the body, in the encoding of the request.
/// - The response names the leader only if [`reveal_leader`](crate::LeaderOnlyLayer::reveal_leader) is set.
/// - If another node has forwarded the request, the header `noleader-refused` names the attempt that was not executed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reject;

impl<B: Send + 'static> FollowerAction<B> for Reject {
    type Body = Full<Bytes>;

    const NEEDS_LEADER: bool = false;

    fn respond(
        &self,
        request: Request<B>,
        not_leader: NotLeader,
    ) -> impl Future<Output = Response<Full<Bytes>>> {
        ready(answer::rejection(Form::of(&request), &not_leader).map(Full::new))
    }

    fn answer(
        &self,
        request: Request<Upload<B>>,
        not_leader: NotLeader,
    ) -> impl Future<Output = Response<Full<Bytes>>>
    where
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        self.respond(request, not_leader)
    }
}
