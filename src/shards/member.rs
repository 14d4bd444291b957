use crate::names::{Address, NodeId};

/// A node that takes part in the shards, in [`Shards::members`](crate::Shards::members).
///
/// ```
/// # fn example(shards: &noleader::Shards) {
/// for member in &*shards.members().borrow() {
///     println!("{} at {:?}, weight {}", member.id(), member.address(), member.weight());
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    id: NodeId,
    address: Option<Address>,
    weight: u32,
}

impl Member {
    pub(super) fn new(id: NodeId, address: Option<Address>, weight: u32) -> Self {
        Self {
            id,
            address,
            weight,
        }
    }

    /// The id of the node.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// The address that it publishes, if any.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.as_ref().map(Address::as_str)
    }

    /// Its part of the shards, compared with the weights of the others: from 1 to 1,000.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.weight
    }

    pub(super) fn parsed_address(&self) -> Option<&Address> {
        self.address.as_ref()
    }
}
