//! HTTP/1.1 byte by byte: a client that may send malformed requests, and a leader that records what it receives. It
//! shares no code with the servers between them.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::servers::listen;

/// A received message. It is well-formed: reading a malformed one panics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) first_line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Message {
    /// All values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(n, _)| n == name);
        lines.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that occurs at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name}: {all:?}");
        all.first().copied()
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        let version = self.first_line.get(..9).unwrap();
        assert!(version == "HTTP/1.1 " || version == "HTTP/1.0 ");
        self.first_line[9..12].parse().unwrap()
    }
}

/// One end of a connection.
pub(crate) struct Wire(BufReader<TcpStream>);

impl Wire {
    pub(crate) async fn connect(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap();
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Closes the sending side.
    pub(crate) async fn finish(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// The next request, or none if the connection ends before it is complete.
    pub(crate) async fn request(&mut self) -> Option<Message> {
        let mut request = self.head().await?;
        self.read_body(&mut request).await?;
        Some(request)
    }

    /// The next response to a request other than `HEAD`, or none if the connection ends before it is complete.
    pub(crate) async fn response(&mut self) -> Option<Message> {
        let mut response = self.head().await?;
        let has_body = !matches!(response.status(), 100..200 | 204 | 304);
        let is_framed = response.header("content-length").is_some()
            || response.header("transfer-encoding").is_some();
        if has_body && is_framed {
            self.read_body(&mut response).await?;
        } else if has_body {
            response.body = self.rest().await;
        }
        Some(response)
    }

    /// The bytes until the end of the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A reset ends the connection as well.
        let _ = self.0.read_to_end(&mut rest).await;
        String::from_utf8(rest).unwrap()
    }

    /// The first line and the headers of the next message.
    async fn head(&mut self) -> Option<Message> {
        let first_line = self.line().await?;
        let headers = self.headers().await?;
        Some(Message {
            first_line,
            headers,
            ..Message::default()
        })
    }

    async fn read_body(&mut self, message: &mut Message) -> Option<()> {
        let length = message.header("content-length");
        match (message.header("transfer-encoding"), length) {
            (None, None) => {}
            (None, Some(length)) => {
                assert!(length.bytes().all(|byte| byte.is_ascii_digit()), "{length}");
                message.body = self.exactly(length.parse().unwrap()).await?;
            }
            (Some("chunked"), None) => {
                loop {
                    let size = self.line().await?;
                    let size = usize::from_str_radix(&size, 16).unwrap();
                    if size == 0 {
                        break;
                    }
                    message.body += &self.exactly(size).await?;
                    assert_eq!(self.exactly(2).await?, "\r\n");
                }
                message.trailers = self.headers().await?;
            }
            both => panic!("invalid framing: {both:?}"),
        }
        Some(())
    }

    async fn headers(&mut self) -> Option<Vec<(String, String)>> {
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Some(headers);
            }
            let (name, value) = line.split_once(':').unwrap();
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(!name.is_empty() && name.bytes().all(is_token), "{name:?}");
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<String> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).await.ok()?;
        Some(String::from_utf8(bytes).unwrap())
    }

    /// The next line. It ends with CR LF and contains no other CR or LF.
    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).await.ok()?;
        if !line.ends_with(b"\n") {
            return None;
        }
        let line = line.strip_suffix(b"\r\n").expect("no CR LF");
        assert!(!line.contains(&b'\r'), "{line:?}");
        Some(String::from_utf8_lossy(line).into_owned())
    }
}

/// A leader that responds to each request with 200, and records it.
pub(crate) struct Recorder {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Message>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    pub(crate) fn start() -> Self {
        let (listener, url) = listen();
        let seen = Arc::default();
        let task = tokio::spawn(record(listener, Arc::clone(&seen)));
        Self { url, seen, task }
    }

    /// The requests since the last call.
    pub(crate) fn take(&self) -> Vec<Message> {
        assert!(!self.task.is_finished(), "something else than requests");
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn record(listener: TcpListener, seen: Arc<Mutex<Vec<Message>>>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = tokio::select! {
            stream = listener.accept() => stream.unwrap(),
            // A malformed request ends the recorder.
            Some(ended) = connections.join_next() => {
                let () = ended.unwrap();
                continue;
            }
        };
        let seen = seen.clone();
        connections.spawn(async move {
            let mut wire = Wire::new(stream);
            while let Some(request) = wire.request().await {
                let has_more = !wire.0.buffer().is_empty();
                assert!(!has_more, "more bytes after the request");
                seen.lock().unwrap().push(request);
                wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                    .await;
            }
        });
    }
}
