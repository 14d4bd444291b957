//! An order whose node is paused after the node has admitted it, and before it is written.

use std::time::Duration;

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

/// How long a response may take.
const BOUND: Duration = Duration::from_secs(60);

/// The id of the order.
pub(crate) const ID: &str = "late";

/// The request, whose body has not been sent.
pub(crate) struct LateOrder(TcpStream);

/// The response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl LateOrder {
    /// Sends the head of the request. Returns once the node asks for the body: its handler runs, so the order was
    /// admitted.
    pub(crate) async fn begin(address: &str, customer: &str) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        let head = format!(
            "POST /customers/{customer}/orders HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\
             expect: 100-continue\r\nconnection: close\r\n\r\n",
            ID.len()
        );
        stream.write_all(head.as_bytes()).await?;
        let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut read = [0; 25];
        time::timeout(BOUND, stream.read_exact(&mut read)).await??;
        let read = String::from_utf8_lossy(&read);
        anyhow::ensure!(
            read.as_bytes() == go_on,
            "the order was not admitted: {read}"
        );
        Ok(Self(stream))
    }

    /// Sends the body. The node reads it once it runs.
    pub(crate) async fn send_body(&mut self) -> anyhow::Result<()> {
        Ok(self.0.write_all(ID.as_bytes()).await?)
    }

    pub(crate) async fn answer(mut self) -> anyhow::Result<Answer> {
        let mut response = String::new();
        time::timeout(BOUND, self.0.read_to_string(&mut response)).await??;
        let (head, text) = response.split_once("\r\n\r\n").context("no response")?;
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        let text = text.to_owned();
        Ok(Answer { status, text })
    }
}
