//! A thread that serves an app on its own runtime.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::mpsc,
    thread,
};

use axum::{Router, serve::ListenerExt};

use crate::{Result, cpu::Cpu};

/// Starts a server that runs until the program ends.
pub(crate) struct Server {
    addr: SocketAddr,
    cpu: Cpu,
}

impl Server {
    pub(crate) fn start(listener: TcpListener, app: Router) -> Result<Self> {
        let addr = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let (send, started) = mpsc::channel();
        thread::spawn(move || {
            let _ = send.send(Cpu::of_this_thread());
            serve(listener, app).expect("the server runs");
        });
        let cpu = started.recv()??;
        Ok(Self { addr, cpu })
    }

    pub(crate) fn on_any_port(app: Router) -> Result<Self> {
        Self::start(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, app)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn cpu(&self) -> Cpu {
        self.cpu.clone()
    }
}

fn serve(listener: TcpListener, app: Router) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let listener = listener.tap_io(|stream| {
            // An error is harmless: the server is only slower.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, app).await
    })
}
