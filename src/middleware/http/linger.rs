use std::{future::poll_fn, pin::pin, time::Duration};

use bytes::Buf;
use http_body::{Body, Frame};

use crate::{
    clock::Clock,
    runtime::{Runtime, Spawner},
};

/// As nginx's lingering close.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
const AT_MOST: Duration = Duration::from_secs(10);

/// How much of the body of a refused request is read and dropped, and for how long.
///
/// A server closes the connection if the rest of a body is not read. A client that is still sending it then sees a
/// broken connection instead of the response.
#[derive(Clone, Debug)]
pub(in crate::middleware) struct Linger {
    max_bytes: u64,
    at_most: Duration,
    clock: Clock,
    spawner: Spawner,
}

impl Linger {
    pub(in crate::middleware) fn new(runtime: &Runtime) -> Self {
        Self {
            max_bytes: MAX_BYTES,
            at_most: AT_MOST,
            clock: runtime.clock.clone(),
            spawner: runtime.spawner.clone(),
        }
    }

    pub(in crate::middleware) fn set_limits(&mut self, max_bytes: u64, at_most: Duration) {
        self.max_bytes = max_bytes;
        self.at_most = at_most;
    }

    /// Reads a body in the background. Without a runtime, it is dropped.
    pub(super) fn discard<B>(&self, body: B)
    where
        B: Body + Send + 'static,
    {
        let Self {
            max_bytes,
            at_most,
            clock,
            ..
        } = self.clone();
        self.spawner.try_spawn(async move {
            tokio::select! {
                biased;
                () = read(body, max_bytes) => {}
                () = clock.sleep(at_most) => {}
            }
        });
    }
}

async fn read<B: Body>(body: B, max_bytes: u64) {
    let (mut body, mut left) = (pin!(body), max_bytes);
    // No frame is held while the next one is awaited: it need not be `Send`.
    while let Some(read) = poll_fn(|cx| body.as_mut().poll_frame(cx).map(length)).await {
        match left.checked_sub(read) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// The number of bytes of a frame. None at the end.
fn length<D: Buf, E>(frame: Option<Result<Frame<D>, E>>) -> Option<u64> {
    let frame = frame?.ok()?;
    let data = frame.data_ref().map_or(0, Buf::remaining);
    u64::try_from(data).ok()
}
