//! HTTP and gRPC, as the follower actions need them.

pub(super) mod answer;
pub(super) mod body;
pub(super) mod client;
pub(super) mod client_info;
pub(super) mod failure;
pub(super) mod from_body;
pub(super) mod grpc_timeout;
pub(super) mod grpc_web;
pub(super) mod hop;
pub(super) mod linger;
pub(super) mod mark;
pub(super) mod origin;
pub(super) mod reveal;
pub(super) mod target;
pub(super) mod tunnel;
pub(super) mod upgrade;
pub(super) mod upload;
