//! A follower between a client and a leader that both see each byte.

use std::sync::{Arc, atomic::AtomicUsize};

use crate::{
    node::{Node, soon},
    servers::{Proto, Server, forwarding},
    wire::{Message, Recorder, Wire},
};

/// The base path of the leader.
const BASE: &str = "/base";

/// A second request on the same connection. It gets no response if the server closes the connection.
const AFTER: &str = "GET /after HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";

/// The request, the statuses of all responses, and the request that the leader receives.
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

    /// Sends a request and another after it, and checks that follower and leader agree on where each one ends.
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

    /// The first line, `[..]` headers, body and `{..}` trailers, without the headers that every request has.
    fn show(&self, request: &Message) -> String {
        let authority = self.leader.url.strip_prefix("http://");
        assert_eq!(request.header("host"), authority);
        let mark = request.header("noleader-forwarded").unwrap_or_default();
        assert!(mark.starts_with("memory/leader 1 "), "{mark}");
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
