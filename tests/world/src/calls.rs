//! Calls of the public API whose futures wait. Any of them may be dropped while it waits.

use noleader::{LeaderHandle, Status};

use crate::{
    host::{Host, Shared},
    world::World,
};

/// A call that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    StepDown,
    Shutdown,
    Elected,
    Watch,
    Subscribe,
    Closing,
    DropHandle,
}

impl World {
    pub(crate) fn choose_call(&mut self) -> Call {
        self.choices.pick([
            Call::Elected,
            Call::Elected,
            Call::Watch,
            Call::Subscribe,
            Call::Closing,
            Call::DropHandle,
        ])
    }
}

/// Makes a call on the process that now runs on the node.
pub(crate) fn make(shared: &Shared, node: usize, call: Call) {
    let session = shared.lock().nodes[node].process.session;
    let host = Host::new(shared.clone(), node, session);
    let Some(Some(handle)) = host.with(|world| world.nodes[node].process.handle()) else {
        return;
    };
    let own = host.clone();
    match call {
        Call::StepDown => host.thread("step_down", async move {
            let _ = handle.step_down().await;
        }),
        Call::Shutdown => {
            host.with(|world| world.nodes[node].is_leaving = true);
            host.thread("shutdown", shutdown(own, handle));
        }
        Call::Elected => host.thread("elected", elected(own, handle)),
        Call::Watch => host.thread("watch", watch(own, handle)),
        Call::Subscribe => host.thread("subscribe", async move {
            let mut flag = handle.subscribe();
            drop(handle);
            let _ = flag.wait_for(|leads| *leads).await;
        }),
        Call::Closing => host.thread("closing", async move {
            if let Some(term) = handle.term() {
                drop(handle);
                let (closing, cancellation) = (term.closing(), term.cancellation());
                if own.with(|world| world.choices.one_in(4)) == Some(true) {
                    // They are children of the term's own tokens, so this has no effect on the term.
                    closing.cancel();
                    cancellation.cancel();
                }
                closing.cancelled().await;
                own.check_signal(&term);
                cancellation.cancelled().await;
            }
        }),
        Call::DropHandle => {
            let handle = host.with(|world| {
                world.nodes[node].is_leaving |= world.nodes[node].process.face.handle.is_some();
                world.nodes[node].process.face.handle.take()
            });
            drop(handle);
        }
    }
}

async fn shutdown(host: Host, handle: LeaderHandle) {
    let _ = handle.shutdown().await;
    // Many programs stop their server next. Requests that have arrived are still answered.
    host.with(|world| {
        world.nodes[host.node].process.serves_no_more = world.choices.bool();
    });
    let published = handle.watch().borrow().clone();
    let leads = handle.is_leader();
    if leads || published != Status::Stopped || handle.status() != Status::Stopped {
        host.with(|world| {
            let what = format!("shutdown returns while the status is {published:?}");
            world.violate("waiters", what);
        });
    }
}

async fn elected(host: Host, handle: LeaderHandle) {
    let elected = handle.elected().await;
    let is_right = match &elected {
        Ok(term) => term.is_current() && handle.is_leader(),
        Err(_) => handle.status() == Status::Stopped,
    };
    if !is_right {
        host.with(|world| {
            let what = format!("elected returns {elected:?} with {:?}", handle.status());
            world.violate("waiters", what);
        });
    }
}

/// A loop over the changes, which ends with the election.
async fn watch(host: Host, handle: LeaderHandle) {
    let mut status = handle.watch();
    drop(handle);
    while status.changed().await.is_ok() {
        status.borrow_and_update();
    }
    let last = status.borrow().clone();
    if last != Status::Stopped {
        host.with(|world| {
            let what = format!("the channel closes with {last:?}");
            world.violate("waiters", what);
        });
    }
}
