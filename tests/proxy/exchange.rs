//! A follower between a client and a leader that both see each byte.

use std::sync::{Arc, atomic::AtomicUsize};

use crate::{
    node::{Node, soon},
    servers::{Proto, Server, forwarding},
    wire::{Message, Recorder, Wire},
};

/// Below it the leader serves what is asked for at the follower.
const BASE: &str = "/base";

/// Follows whatever is sent, on the same connection. Where the server closes it, this gets no answer.
const AFTER: &str = "GET /after HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";

/// What is sent, how it and what follows is answered, and what comes to the leader.
pub(crate) type Case<'a> = (&'a str, &'a [u16], Option<&'a str>);

pub(crate) struct Exchange {
    leader: Recorder,
    follower: Server,
    executed: Arc<AtomicUsize>,
    _node: Node,
}

impl Exchange {
    pub(crate) async fn start() -> Self {
        let leader = Recorder::start();
        let node = Node::follower_of(Some(&format!("{}{BASE}", leader.url))).await;
        let executed = Arc::default();
        let follower = forwarding(&node, Proto::H1, &executed);
        Self {
            leader,
            follower,
            executed,
            _node: node,
        }
    }

    pub(crate) async fn all(cases: &[Case<'_>]) {
        let exchange = Self::start().await;
        for case in cases {
            exchange.check(case).await;
        }
    }

    /// Sends a request and another after it, and checks that the leader gets what it is to get and that the
    /// second one is not taken for a part of the first, nor the other way round.
    async fn check(&self, &(sent, answers, seen): &Case<'_>) {
        let mut wire = Wire::connect(&self.follower.url).await;
        wire.send(format!("{sent}{AFTER}")).await;
        let mut statuses = Vec::new();
        while let Some(answer) = soon(wire.response()).await {
            statuses.push(answer.status());
        }
        let shown = &sent[..sent.len().min(500)];
        assert_eq!(statuses, answers, "{shown:?}");

        let is_last = answers.iter().filter(|status| **status >= 200).count() == 1;
        let after = format!("GET {BASE}/after HTTP/1.1");
        let expected = seen.into_iter().chain((!is_last).then_some(&*after));
        let got: Vec<_> = self.leader.take().iter().map(|m| self.show(m)).collect();
        assert_eq!(got, expected.collect::<Vec<_>>(), "{shown:?}");
        assert_eq!(self.executed.load(std::sync::atomic::Ordering::SeqCst), 0);
    }

    /// The first line, `[..]` headers, body and `{..}` trailers, without what each request has.
    fn show(&self, request: &Message) -> String {
        let authority = self.leader.url.strip_prefix("http://");
        assert_eq!(request.header("host"), authority);
        assert_eq!(request.header("noleader-forwarded"), Some("1"));
        let mut shown = request.first_line.clone();
        for (name, value) in &request.headers {
            if name != "host" && name != "noleader-forwarded" {
                shown += &format!(" [{name}: {value}]");
            }
        }
        if !request.body.is_empty() {
            shown += &format!(" {}", request.body);
        }
        for (name, value) in &request.trailers {
            shown += &format!(" {{{name}: {value}}}");
        }
        shown
    }
}
