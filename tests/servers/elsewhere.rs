//! A node of shards whose log lines and metrics are not those of the test's thread.

use std::thread::JoinHandle;

use noleader::{Shards, ShardsBuilder};
use noleader_fixture::{Server, eventually};
use tokio::{runtime::Builder, sync::oneshot};

use crate::support::BOUND;

/// A node with a runtime of its own.
pub(crate) struct Elsewhere {
    crash: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Elsewhere {
    /// Starts a node, and waits until it leads this many shards.
    pub(crate) async fn start(server: &Server, node: ShardsBuilder, owned: usize) -> Self {
        let (options, url) = (server.connect_options(), server.url());
        let (crash, crashed) = oneshot::channel();
        let (leading, leads) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let node = node.start(options.connect(url).await.unwrap()).await;
                let node = node.unwrap();
                owns(&node, owned).await;
                leading.send(()).unwrap();
                crashed.await.unwrap();
            });
        });
        leads.await.unwrap();
        Self { crash, thread }
    }

    /// Ends the runtime, and with it the node, which does not release anything.
    pub(crate) async fn crash(self) {
        self.crash.send(()).unwrap();
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await;
        joined.unwrap().unwrap();
    }
}

/// Waits until the node leads this many shards.
pub(crate) async fn owns(node: &Shards, count: usize) {
    let owned = async || (node.owned().len() == count).then_some(());
    eventually(format!("{count} shards of {}", node.id()), BOUND, owned)
        .await
        .unwrap();
}
