//! Guides: the pages of `docs/`, as of this version.
//!
//! - [`actions`]: which follower action to use, and what clients see.
//! - [`shards`]: many leaders, spread over the nodes.
//! - [`health`]: endpoints for load balancers, Kubernetes and gRPC.
//! - [`nats`]: versions, durability, bucket settings, permissions, TLS, domains and accounts.
//! - [`observability`]: every metric and every log event.
//! - [`testing`]: how to test code that depends on leadership, without a server.
//! - [`architecture`]: how it works: code map, invariants and deliberate omissions.
//! - [`guarantees`]: each promise, what it rests on, and how it is checked.
//! - [`figures`]: what was measured.
//! - [`history`]: the bugs that the checks have found.
//! - [`migrating`]: what changed from 0.1, and how to roll over.

// A page defines its links for readers of the repository. In each module below, definitions for readers of these
// docs come first, as Markdown uses the first definition of a link. `tests/docs` checks that none is missing.

pub mod actions {
    #![doc = "[health]: crate::guide::health"]
    #![doc = "[`LeaderOnlyLayer`]: crate::LeaderOnlyLayer"]
    #![doc = "[`ShardId`]: crate::ShardId"]
    #![doc = "[`fencing`]: crate::fencing"]
    #![doc = ""]
    #![doc = include_str!("../docs/actions.md")]
}

pub mod shards {
    #![doc = "[actions]: crate::guide::actions"]
    #![doc = "[bucket]: crate::guide::nats#buckets-of-shards"]
    #![doc = "[figures]: crate::guide::figures#simulation"]
    #![doc = "[guarantees]: crate::guide::guarantees"]
    #![doc = "[orders]: https://git.front.kjuulh.io/kjuulh/noleader/src/branch/main/examples/apps/sharded_orders/src/main.rs"]
    #![doc = "[scheduler]: https://git.front.kjuulh.io/kjuulh/noleader/src/branch/main/examples/apps/tenant_scheduler/src/main.rs"]
    #![doc = "[`ShardId`]: crate::ShardId"]
    #![doc = "[`Term`]: crate::Term"]
    #![doc = "[`fencing`]: crate::fencing"]
    #![doc = "[stopping]: crate::guide::actions#stopping-a-node"]
    #![doc = ""]
    #![doc = include_str!("../docs/shards.md")]
}

pub mod health {
    #![doc = "[actions]: crate::guide::actions"]
    #![doc = "[haproxy]: https://git.front.kjuulh.io/kjuulh/noleader/src/branch/main/docs/haproxy.cfg"]
    #![doc = "[stopping]: crate::guide::actions#stopping-a-node"]
    #![doc = ""]
    #![doc = include_str!("../docs/health.md")]
}

pub mod nats {
    #![doc = "[health]: crate::guide::health"]
    #![doc = "[observability]: crate::guide::observability"]
    #![doc = "[figures]: crate::guide::figures#outside-the-assumptions"]
    #![doc = "[g2]: crate::guide::guarantees#assumptions"]
    #![doc = ""]
    #![doc = include_str!("../docs/nats.md")]
}

pub mod observability {
    #![doc = "[health]: crate::guide::health"]
    #![doc = "[nats]: crate::guide::nats#permissions"]
    #![doc = "[bucket]: crate::guide::nats#unfit-buckets"]
    #![doc = "[domains]: crate::guide::nats#domains"]
    #![doc = "[versions]: crate::guide::nats#versions-of-nats-server"]
    #![doc = "[durability]: crate::guide::nats#durability"]
    #![doc = "[fencing]: crate::fencing"]
    #![doc = ""]
    #![doc = include_str!("../docs/observability.md")]
}

pub mod testing {
    #![doc = "[`Memory`]: crate::store::Memory"]
    #![doc = "[assumptions]: crate::guide::guarantees#assumptions"]
    #![doc = ""]
    #![doc = include_str!("../docs/testing.md")]
}

pub mod architecture {
    #![doc = "[nats]: crate::guide::nats#permissions"]
    #![doc = "[guarantees]: crate::guide::guarantees#not-promised"]
    #![doc = "[simulation]: crate::guide::guarantees#the-simulation"]
    #![doc = ""]
    #![doc = include_str!("../docs/architecture.md")]
}

pub mod guarantees {
    #![doc = "[figures]: crate::guide::figures"]
    #![doc = "[history]: crate::guide::history"]
    #![doc = "[put-back]: crate::guide::history#put-back-on-purpose"]
    #![doc = "[mutants]: https://git.front.kjuulh.io/kjuulh/noleader/src/branch/main/docs/mutants.md"]
    #![doc = "[durability]: crate::guide::nats#durability"]
    #![doc = "[permissions]: crate::guide::nats#permissions"]
    #![doc = "[wall]: crate::guide::observability#terms"]
    #![doc = "[twice]: crate::guide::observability#terms"]
    #![doc = "[fenced_store]: https://git.front.kjuulh.io/kjuulh/noleader/src/branch/main/examples/fenced_store/main.rs"]
    #![doc = "[interleavings]: crate::guide::architecture#interleavings"]
    #![doc = "[invariants]: https://git.front.kjuulh.io/kjuulh/noleader/src/branch/main/tests/world/src/invariants"]
    #![doc = "[shard-invariants]: https://git.front.kjuulh.io/kjuulh/noleader/src/branch/main/tests/world/src/shards/invariants"]
    #![doc = "[earlier]: https://git.front.kjuulh.io/kjuulh/noleader/src/branch/main/tests/earlier/README.md"]
    #![doc = "[stopping]: crate::guide::actions#stopping-a-node"]
    #![doc = ""]
    #![doc = include_str!("../docs/guarantees.md")]
}

pub mod figures {
    #![doc = "[guarantees]: crate::guide::guarantees"]
    #![doc = "[history]: crate::guide::history"]
    #![doc = "[mutants]: https://git.front.kjuulh.io/kjuulh/noleader/src/branch/main/docs/mutants.md"]
    #![doc = "[earlier]: https://git.front.kjuulh.io/kjuulh/noleader/src/branch/main/tests/earlier/README.md"]
    #![doc = ""]
    #![doc = include_str!("../docs/figures.md")]
}

pub mod history {
    #![doc = "[guarantees]: crate::guide::guarantees"]
    #![doc = "[invariants]: crate::guide::guarantees#invariants"]
    #![doc = ""]
    #![doc = include_str!("../docs/history.md")]
}

pub mod migrating {
    #![doc = "[actions]: crate::guide::actions"]
    #![doc = "[earlier]: https://git.front.kjuulh.io/kjuulh/noleader/src/branch/main/tests/earlier/README.md"]
    #![doc = "[health]: crate::guide::health"]
    #![doc = "[observability]: crate::guide::observability"]
    #![doc = "[permissions]: crate::guide::nats#permissions"]
    #![doc = ""]
    #![doc = include_str!("../docs/migrating.md")]
}
