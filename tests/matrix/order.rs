//! The request that a client sends.

use crate::{answer::Answer, cell::Protocol, desk::Course, grpc_client, http};

/// The id of the attempt in [`MARK`].
pub(crate) const ATTEMPT: &str = "f";
/// What a node adds to a request that it forwards.
pub(crate) const MARK: &str = "memory/leader 1 f 0";

pub(crate) struct Order {
    pub(crate) protocol: Protocol,
    /// The origin of the server.
    pub(crate) origin: String,
    /// Whether the request carries the mark of a forwarded one.
    pub(crate) is_marked: bool,
    pub(crate) course: Course,
}

impl Order {
    pub(crate) async fn send(self) -> Answer {
        if self.protocol.is_grpc() {
            grpc_client::send(&self).await
        } else {
            http::send(&self).await
        }
    }
}
