//! Clients that send a large body without waiting for the server.

use std::process::Stdio;

use axum::body::Bytes;
use reqwest::redirect::Policy;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::cluster::soon;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Uploader {
    Reqwest,
    ReqwestHttp2,
    Curl,
    CurlHttp2,
    Python,
}

pub(crate) const ALL: [Uploader; 5] = [
    Uploader::Reqwest,
    Uploader::ReqwestHttp2,
    Uploader::Curl,
    Uploader::CurlHttp2,
    Uploader::Python,
];

/// What a client has read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Uploader {
    /// Posts a body. None if the client is not installed.
    pub(crate) async fn post(self, host: &str, path: &str, body: &Bytes) -> Option<Read> {
        let url = format!("http://{host}{path}");
        Some(match self {
            Self::Reqwest => reqwest(reqwest::Client::builder().http1_only(), &url, body).await,
            Self::ReqwestHttp2 => {
                let client = reqwest::Client::builder().http2_prior_knowledge();
                reqwest(client, &url, body).await
            }
            Self::Curl => curl(&["--http1.1", "-H", "expect:"], &url, body).await?,
            Self::CurlHttp2 => curl(&["--http2-prior-knowledge"], &url, body).await?,
            Self::Python => python(host, path, body).await,
        })
    }
}

async fn reqwest(client: reqwest::ClientBuilder, url: &str, body: &Bytes) -> Read {
    let client = client.redirect(Policy::none()).build().unwrap();
    let response = soon(client.post(url).body(body.clone()).send()).await;
    let response = response.expect("reqwest read no response");
    Read {
        status: response.status().as_u16(),
        text: soon(response.text()).await.unwrap().trim_end().to_owned(),
    }
}

async fn curl(options: &[&str], url: &str, body: &Bytes) -> Option<Read> {
    Some(curl_sent(options, url, body).await?.0)
}

/// What curl has read, and the number of bytes that it has sent. With `--data-binary`, it reads the whole body first.
pub(crate) async fn curl_sent(options: &[&str], url: &str, body: &Bytes) -> Option<(Read, usize)> {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", "--data-binary", "@-"]);
    curl.args(["-w", "\n%{http_code} %{size_upload}"]);
    curl.args(options).arg(url);
    let output = output(&mut curl, body).await?;
    let (text, numbers) = output.rsplit_once('\n').unwrap();
    let (status, sent) = numbers.split_once(' ').unwrap();
    let read = Read {
        status: status.parse().unwrap(),
        text: text.trim_end().to_owned(),
    };
    Some((read, sent.parse().unwrap()))
}

async fn python(host: &str, path: &str, body: &Bytes) -> Read {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/apps/upload.py");
    let mut python = Command::new("python3");
    python.args([script, host, path]);
    let output = output(&mut python, body).await.expect("install Python 3");
    let (status, text) = output.split_once(' ').unwrap();
    Read {
        status: status.parse().unwrap(),
        text: text.trim_end().to_owned(),
    }
}

/// The output of a program that reads `input`. None if it is not installed.
async fn output(program: &mut Command, input: &Bytes) -> Option<String> {
    program.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = program.kill_on_drop(true).spawn().ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let input = input.clone();
    let writing = tokio::spawn(async move { stdin.write_all(&input).await });
    let output = soon(child.wait_with_output()).await.unwrap();
    writing.await.unwrap().unwrap();
    assert!(output.status.success(), "{program:?}: {output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}
