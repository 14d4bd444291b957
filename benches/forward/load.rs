//! The clients: each sends a request, waits for the response, and sends the next. They do as little else as possible,
//! since they share the machine with the subjects.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::{Result, apps::ANSWER};

pub(crate) const CONNECTIONS: usize = 8;

/// Larger than any response.
const LONGEST_ANSWER: usize = 4096;

/// Sends requests for the given time, and returns the duration of each.
pub(crate) async fn send(
    addr: SocketAddr,
    body_len: usize,
    duration: Duration,
) -> Result<Vec<Duration>> {
    let end = Instant::now() + duration;
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(addr, body_len).await?;
        clients.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                times.push(client.exchange().await?);
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(times)
        });
    }
    let mut all = Vec::new();
    while let Some(times) = clients.join_next().await {
        all.append(&mut times??);
    }
    Ok(all)
}

struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Client {
    async fn connect(addr: SocketAddr, body_len: usize) -> Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "POST /orders HTTP/1.1\r\nhost: {addr}\r\ncontent-type: text/plain\r\ncontent-length: {body_len}\r\n\r\n"
        );
        let mut request = head.into_bytes();
        request.resize(request.len() + body_len, b'x');
        Ok(Self {
            stream,
            request,
            answer: Vec::with_capacity(LONGEST_ANSWER),
        })
    }

    async fn exchange(&mut self) -> Result<Duration> {
        let begin = Instant::now();
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        while !self.is_complete()? {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err("the connection was closed".into());
            }
        }
        Ok(begin.elapsed())
    }

    /// Reads one response. No other follows it, since there is one request at a time.
    fn is_complete(&self) -> Result<bool> {
        let is_long = self.answer.len() >= LONGEST_ANSWER;
        if is_long || !is_beginning(&self.answer, b"HTTP/1.1 201 ") {
            let text = String::from_utf8_lossy(&self.answer);
            return Err(format!("unexpected response: {text}").into());
        }
        let body = self.answer.strip_suffix(ANSWER.as_bytes());
        Ok(body.is_some_and(|head| head.ends_with(b"\r\n\r\n")))
    }
}

/// Compares as many bytes as have arrived.
fn is_beginning(answer: &[u8], expected: &[u8]) -> bool {
    let len = answer.len().min(expected.len());
    answer[..len] == expected[..len]
}
