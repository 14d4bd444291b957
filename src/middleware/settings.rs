use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;

use super::{
    elections::{Node, Which},
    http::{
        answer::Rejected,
        linger::Linger,
        mark::{Forwarded, insert_refusal, is_forwarded},
        reveal::insert_leader,
        target::Target,
        upload::Upload,
    },
};
use crate::{
    error::BoxError,
    names::ShardId,
    task::{NotLeader, Reason},
};

/// What a gate for HTTP does beyond admitting and refusing requests.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) target: Target,
    pub(super) linger: Linger,
    pub(super) cancel_on_loss: bool,
    pub(super) reveal_leader: bool,
}

impl Settings {
    pub(super) fn new(node: &impl Node) -> Self {
        Self {
            target: Target::new(node.name(), node.own_address()),
            linger: Linger::new(node.runtime()),
            cancel_on_loss: false,
            reveal_leader: false,
        }
    }

    /// Refuses a request that a gate of these shards has forwarded, if that gate found another shard for it. Otherwise
    /// two nodes would execute requests of one key under two leaders.
    #[inline]
    pub(super) fn check<B>(
        &self,
        request: &Request<B>,
        which: impl Which,
    ) -> Result<(), NotLeader> {
        match which.shard() {
            Some(shard) if is_forwarded(request.headers()) => self.compare(request, Some(shard)),
            _ => Ok(()),
        }
    }

    /// The same for a request without a key, which is refused unless such requests pass.
    #[cold]
    pub(super) fn check_keyless<B>(
        &self,
        request: &Request<B>,
        passes: bool,
    ) -> Result<(), NotLeader> {
        self.compare(request, None)?;
        match passes {
            true => Ok(()),
            false => Err(NotLeader::unassigned(Reason::NoKey)),
        }
    }

    #[cold]
    fn compare<B>(&self, request: &Request<B>, shard: Option<ShardId>) -> Result<(), NotLeader> {
        let marking = self.target.marking();
        if !marking.is_disputed(request.headers(), shard) {
            return Ok(());
        }
        tracing::warn!(
            shard = shard.map(ShardId::index),
            "another node found a different shard for a request that it forwarded; \
             use the same key function on all nodes",
        );
        Err(NotLeader::unassigned(Reason::OtherShard).of_shard(shard))
    }

    /// Turns a request that another node has forwarded into the one that its client has sent.
    #[cold]
    pub(super) fn arrived<B>(&self, mut request: Request<B>) -> Request<B>
    where
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        self.target.marking().remove_from(&mut request);
        // The other node does not read the response while it cannot send on.
        Upload::of(request, &self.linger).map(Upload::into_body)
    }

    /// Adds to a rejection who leads, and which attempt to forward the request was refused. Returns the body if it
    /// depends on that.
    pub(super) fn annotate<B>(
        &self,
        response: &mut Response<B>,
        forwarded: Option<&Forwarded>,
    ) -> Option<Bytes> {
        let rejected = response.extensions_mut().remove::<Rejected>()?;
        let headers = response.headers_mut();
        if let Some(leader) = rejected.leader.filter(|_| self.reveal_leader) {
            insert_leader(headers, &leader, &self.target);
        }
        let body = rejected.form.finish(headers);
        // A header in any form, because the node that has forwarded the request reads it.
        if let Some(forwarded) = forwarded.filter(|_| !rejected.may_be_executed) {
            insert_refusal(headers, forwarded.id.clone());
        }
        body
    }
}
