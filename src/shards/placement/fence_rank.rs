use super::rendezvous::{Place, Site};
use crate::names::NodeId;

/// How many of the nodes that are alive should fence a silent node before `me` does: those that come before it in the
/// rendezvous order of the silent node.
///
/// So each silent node has another first fencer, and the others wait in turn.
#[must_use]
pub(crate) fn fence_rank<'a>(
    me: &NodeId,
    silent: &NodeId,
    alive: impl IntoIterator<Item = &'a NodeId>,
) -> usize {
    let place = Place::of_node(silent);
    let order = |id: &NodeId| Site::new(id, 1).distance(place);
    let limit = order(me);
    let is_before = |id: &&NodeId| *id != silent && order(id) < limit;
    alive.into_iter().filter(is_before).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranks_of_the_others_are_a_permutation() {
        let nodes = ["a", "b", "c", "d", "e"].map(|name| NodeId::parse(name).unwrap());
        let ranks = |silent: &NodeId| -> Vec<usize> {
            let others = nodes.iter().filter(|node| *node != silent);
            others.map(|me| fence_rank(me, silent, &nodes)).collect()
        };
        for silent in &nodes {
            let mut found = ranks(silent);
            found.sort_unstable();
            assert_eq!(found, [0, 1, 2, 3], "{silent}");
        }
        // Each silent node has an order of its own.
        assert_ne!(ranks(&nodes[0])[1..], ranks(&nodes[1])[1..]);
    }
}
