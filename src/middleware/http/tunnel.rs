use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::future::try_join;
use hyper::{
    rt::{Read, Write},
    upgrade::{OnUpgrade, Upgraded},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};

use crate::error::{self, BoxError};

/// A connection of a client, through this node, to the leader.
pub(in crate::middleware) struct Tunnel {
    client: OnUpgrade,
    leader: OnUpgrade,
}

impl Tunnel {
    pub(super) fn new(client: OnUpgrade, leader: OnUpgrade) -> Self {
        Self { client, leader }
    }

    /// Carries bytes in both directions until both have ended, or one has failed.
    pub(in crate::middleware) async fn run(self) {
        if let Err(error) = self.join().await {
            let error = error::line(&*error);
            tracing::debug!(error, "a tunnel to the leader broke");
        }
    }

    async fn join(self) -> Result<(), BoxError> {
        let (client, leader) = try_join(self.client, self.leader).await?;
        copy_bidirectional(&mut Io(client), &mut Io(leader)).await?;
        Ok(())
    }
}

/// An upgraded connection with the traits of tokio in place of hyper's.
struct Io(Upgraded);

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Costs nothing: the buffers of `copy_bidirectional` are initialized.
        let mut read = hyper::rt::ReadBuf::new(buf.initialize_unfilled());
        ready!(Pin::new(&mut self.0).poll_read(cx, read.unfilled()))?;
        let count = read.filled().len();
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
