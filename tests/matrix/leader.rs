//! The address of the leader, and leaders that do not respond.

use std::future::pending;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    task::AbortHandle,
};

use crate::cell::State;

/// A bound port, which refuses connections until `listen`.
pub(crate) struct Port {
    socket: TcpSocket,
    pub(crate) origin: String,
}

impl Port {
    pub(crate) fn bind() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let origin = format!("http://{}", socket.local_addr().unwrap());
        Self { socket, origin }
    }

    pub(crate) fn listen(self) -> TcpListener {
        self.socket.listen(16).unwrap()
    }

    /// Starts a leader that fails as the state says. Returns the port if the leader is to work.
    pub(crate) fn fail(self, state: State) -> Result<AbortHandle, Self> {
        let task = match state {
            State::LeaderRefuses => tokio::spawn(async move {
                let _refuses = self;
                pending::<()>().await;
            }),
            State::LeaderSilent => tokio::spawn(async move {
                let _is_silent = self.listen();
                pending::<()>().await;
            }),
            State::LeaderBreaks => tokio::spawn(hang_up(self.listen())),
            _ => return Err(self),
        };
        Ok(task.abort_handle())
    }
}

async fn hang_up(listener: TcpListener) {
    loop {
        let (mut connection, _) = listener.accept().await.unwrap();
        // Reads an HTTP/1.1 head or an HTTP/2 preface. Fails if the client is gone already.
        let _ = connection.read(&mut [0; 4096]).await;
        let _ = connection.shutdown().await;
    }
}
