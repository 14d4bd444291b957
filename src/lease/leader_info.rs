use std::{fmt, sync::Arc};

use crate::names::{Address, FencingToken};

/// The leader of an election. Clones are cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct LeaderInfo(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    id: String,
    address: Option<Address>,
    token: FencingToken,
}

impl LeaderInfo {
    pub(crate) fn new(id: String, address: Option<Address>, token: FencingToken) -> Self {
        Self(Arc::new(Inner { id, address, token }))
    }

    /// The leader's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The address that the leader publishes: an absolute URI without credentials.
    ///
    /// It is `None` if the leader publishes no address, or if the key contains an invalid address.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.parsed_address().map(Address::as_str)
    }

    pub(crate) fn parsed_address(&self) -> Option<&Address> {
        self.0.address.as_ref()
    }

    /// The fencing token of the leader's term.
    #[must_use]
    pub fn token(&self) -> FencingToken {
        self.0.token
    }
}

impl fmt::Debug for LeaderInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaderInfo")
            .field("id", &self.id())
            .field("address", &self.address())
            .field("token", &self.token())
            .finish()
    }
}
