//! Shards that move between nodes.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use noleader::{Shard, Shards, ShardsStatus};
use noleader_fixture::{Direction, Proxy, Server, eventually};
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    BOUND, at_rest,
    gauge::{self, Reading},
    verdict::Memory,
};

const NODES: usize = 5;
const SHARDS: u32 = 1024;
const LEASE: Duration = Duration::from_secs(2);
/// The requests of a node at a time. Each has a subscription, which is kept for later ones. So every node soon has this
/// number of them.
const REQUESTS: usize = 8;
/// The requests of a node beside those, such as a renewal. Whether they were in progress at one time depends on chance.
const OTHERS: u64 = 2;
/// The number of moves of a run.
const MOVES: u64 = 1000;

/// The nodes, each with a connection of its own.
struct Fleet {
    nodes: Vec<Node>,
    /// The number of shards that were opened so far.
    opened: Arc<AtomicU64>,
}

struct Node {
    id: String,
    weight: u32,
    proxy: Proxy,
    shards: Shards,
    work: JoinHandle<()>,
}

/// What happens to a node.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// It leaves, and joins with another weight.
    Leave,
    /// Its last handle is dropped, and it joins again.
    Drop,
    /// It is cut off until it has lost its session.
    CutOff,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_grows_over_a_thousand_moves() {
    let _alone = crate::ALONE.lock().await;
    let time = crate::duration().unwrap_or_default();
    let (server, gauge) = gauge::server().await;
    let mut fleet = Fleet::gather(&server).await;
    fleet.settled().await;
    // Each watch is one consumer.
    let all_watch = |reading: &Reading| reading.consumers == NODES as u64;
    let mut start = at_rest(&gauge, "the start", all_watch).await;
    assert!(all_watch(&start), "at the start: {start}");
    println!("start  {start}");
    start.subscriptions += NODES as u64 * OTHERS;

    let (began, before) = (Instant::now(), fleet.opened());
    let events = [Event::Leave, Event::Drop, Event::CutOff];
    for (turn, event) in events.into_iter().cycle().enumerate() {
        let is_over = fleet.opened() >= before + MOVES && began.elapsed() >= time;
        // Every kind of event occurs.
        if is_over && turn >= events.len() {
            break;
        }
        fleet.happen(&server, turn % NODES, event).await;
        let (moves, now) = (fleet.opened() - before, gauge.read().await);
        println!("{event:?}: {moves} moves, {now}");
    }
    let settled = |reading: &Reading| reading.left_over(&start).is_empty() && all_watch(reading);
    let end = at_rest(&gauge, "the end", settled).await;
    println!("end    {end}");
    let memory = Memory::between(&start, &end);
    println!("memory {memory}");
    assert_eq!(end.left_over(&start), Vec::<String>::new());
    assert!(all_watch(&end), "some nodes do not watch the bucket again");
    memory.check();
}

impl Fleet {
    async fn gather(server: &Server) -> Self {
        let opened = Arc::<AtomicU64>::default();
        let mut nodes = Vec::new();
        for number in 0..NODES {
            let proxy = Proxy::start(server.addr()).await.unwrap();
            nodes.push(Node::start(server, format!("n{number}"), 1, proxy, &opened).await);
        }
        Self { nodes, opened }
    }

    fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Returns once each node has its part again.
    async fn happen(&mut self, server: &Server, number: usize, event: Event) {
        let node = self.nodes.swap_remove(number);
        let node = match event {
            Event::CutOff => node.cut_off().await,
            Event::Leave | Event::Drop => {
                let (id, weight, proxy) = match event {
                    Event::Leave => node.leave().await,
                    _ => node.dropped().await,
                };
                Node::start(server, id, 3 - weight, proxy, &self.opened).await
            }
        };
        self.nodes.push(node);
        self.settled().await;
    }

    /// Waits until each shard is open on one node, and each node has the part of its weight.
    async fn settled(&self) {
        let weights: u32 = self.nodes.iter().map(|node| node.weight).sum();
        let parts = async || {
            let owned: Vec<_> = self.nodes.iter().map(Node::owned).collect();
            let is_fair = |(node, owned): (&Node, &u32)| {
                (SHARDS * node.weight / weights).abs_diff(*owned) <= 1
            };
            let all_fair = self.nodes.iter().zip(&owned).all(is_fair);
            (all_fair && owned.iter().sum::<u32>() == SHARDS).then_some(())
        };
        if let Err(error) = eventually("each shard on its node", BOUND, parts).await {
            let parts = self
                .nodes
                .iter()
                .map(|node| (&node.id, node.weight, node.owned()));
            panic!("{error}: {:?}", parts.collect::<Vec<_>>());
        }
    }
}

impl Node {
    async fn start(
        server: &Server,
        id: String,
        weight: u32,
        proxy: Proxy,
        opened: &Arc<AtomicU64>,
    ) -> Self {
        let client = server.connect_options().connect(proxy.url()).await.unwrap();
        let shards = Shards::builder("soak-shards", SHARDS)
            .id(id.clone())
            .weight(weight)
            .lease(LEASE)
            .max_requests(REQUESTS)
            .start(client)
            .await
            .unwrap();
        let (worker, opened) = (shards.clone(), opened.clone());
        let work = move |shard: Shard| {
            opened.fetch_add(1, Ordering::Relaxed);
            async move {
                shard.closing().cancelled().await;
                Ok::<(), Infallible>(())
            }
        };
        let work = tokio::spawn(async move { worker.run_each(work).await.unwrap() });
        Self {
            id,
            weight,
            proxy,
            shards,
            work,
        }
    }

    fn owned(&self) -> u32 {
        u32::try_from(self.shards.owned().len()).unwrap()
    }

    async fn leave(self) -> (String, u32, Proxy) {
        self.shards.shutdown().await.unwrap();
        self.work.await.unwrap();
        (self.id, self.weight, self.proxy)
    }

    /// Drops all handles, without waiting for what follows in the background.
    async fn dropped(self) -> (String, u32, Proxy) {
        self.work.abort();
        assert!(self.work.await.unwrap_err().is_cancelled());
        (self.id, self.weight, self.proxy)
    }

    /// Returns once the session was lost and another one has begun.
    async fn cut_off(self) -> Self {
        let mut status = self.shards.watch();
        self.proxy.black_hole(Direction::Both);
        let lost = status.wait_for(|status| *status == ShardsStatus::Joining);
        timeout(BOUND, lost).await.unwrap().unwrap();
        self.proxy.heal();
        let back = status.wait_for(|status| *status != ShardsStatus::Joining);
        timeout(BOUND, back).await.unwrap().unwrap();
        self
    }
}
