//! connect-web, a gRPC-Web client for browsers, in Node.js.
//!
//! Its packages are downloaded once, into the target directory.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
    task::spawn_blocking,
};

use crate::{cluster::soon, ledger::ID, orders::SLOW};

const FILES: [(&str, &str); 3] = [
    ("client.mjs", include_str!("connect_web/client.mjs")),
    ("package.json", include_str!("connect_web/package.json")),
    (
        "package-lock.json",
        include_str!("connect_web/package-lock.json"),
    ),
];

/// Set by `.ci/test`, which installs Node.js. Without it, tests that cannot run are skipped.
const REQUIRED: &str = "NOLEADER_REQUIRE_NODE";

/// A running client, which makes one call after the other.
pub(crate) struct ConnectWeb {
    _process: Child,
    calls: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
}

/// A part of a response.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Event {
    Message(String),
    Error(Failure),
    End,
}

/// The error that a call ended with.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Failure {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl ConnectWeb {
    /// None if Node.js or the packages are missing.
    pub(crate) async fn start() -> Option<Self> {
        let dir = match spawn_blocking(install).await.unwrap() {
            Ok(dir) => dir,
            Err(missing) => {
                assert!(env::var_os(REQUIRED).is_none(), "{missing}");
                // `eprintln` is captured, and shown for failed tests only.
                let mut stderr = io::stderr();
                writeln!(stderr, "skipped: {missing}").unwrap();
                return None;
            }
        };
        let mut process = tokio::process::Command::new("node")
            .arg(dir.join("client.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Some(Self {
            calls: process.stdin.take().unwrap(),
            events: BufReader::new(process.stdout.take().unwrap()).lines(),
            _process: process,
        })
    }

    /// As [`start`](Self::start), for concurrent calls.
    pub(crate) async fn start_many(count: usize) -> Option<Vec<Self>> {
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(Self::start().await?);
        }
        Some(clients)
    }

    /// Starts a unary call, whose response repeats the text.
    pub(crate) async fn create(&mut self, url: &str, id: &str) {
        self.call(json!({ "method": "create", "url": url, "headers": { ID: id } }))
            .await;
    }

    /// As [`create`](Self::create), with the response that a browser shows to a page of another origin.
    pub(crate) async fn create_from_page(&mut self, url: &str, id: &str) {
        let headers = json!({ ID: id });
        self.call(json!({ "method": "create", "url": url, "headers": headers, "fromPage": true }))
            .await;
    }

    /// Starts a call whose response is a stream.
    pub(crate) async fn watch(&mut self, url: &str, id: &str) {
        self.call(json!({ "method": "watch", "url": url, "headers": { ID: id } }))
            .await;
    }

    /// Starts a call that does not finish before the test lets it.
    pub(crate) async fn slow(&mut self, method: &str, url: &str, id: &str) {
        let headers = json!({ ID: id, SLOW: "yes" });
        self.call(json!({ "method": method, "url": url, "headers": headers }))
            .await;
    }

    /// Starts a `POST` with these headers. The body of the response is one message.
    pub(crate) async fn fetch(&mut self, url: &str, headers: Value) {
        self.call(json!({ "method": "fetch", "url": url, "headers": headers }))
            .await;
    }

    async fn call(&mut self, mut call: Value) {
        call["text"] = "order".into();
        let line = format!("{call}\n");
        self.calls.write_all(line.as_bytes()).await.unwrap();
    }

    /// The next part of the response.
    pub(crate) async fn event(&mut self) -> Event {
        let line = soon(self.events.next_line()).await.unwrap();
        serde_json::from_str(&line.expect("the client has ended")).unwrap()
    }

    /// Checks that the response has this message and nothing else.
    pub(crate) async fn receives(&mut self, message: &str) {
        assert_eq!(self.event().await, Event::Message(message.to_owned()));
        assert_eq!(self.event().await, Event::End);
    }

    /// The error that a call ends with.
    pub(crate) async fn fails(&mut self) -> Failure {
        match self.event().await {
            Event::Error(failure) => failure,
            event => panic!("not an error: {event:?}"),
        }
    }
}

/// The folder with the client and its packages. An error says what to install.
fn install() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("connect-web");
    fs::create_dir_all(&dir).unwrap();
    let lock = File::create(dir.join("lock")).unwrap();
    lock.lock().unwrap();
    run(Command::new("node").arg("--version"))?;
    let stamp = dir.join("installed");
    let wanted = FILES.map(|(_, text)| text).concat();
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(dir);
    }
    for (name, text) in FILES {
        fs::write(dir.join(name), text).unwrap();
    }
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    run(Command::new("npm").args(arguments).current_dir(&dir))?;
    // Last, so that the packages are complete.
    fs::write(&stamp, wanted).unwrap();
    Ok(dir)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| {
        format!("{command:?}: {error}; install Node.js, on Debian with apt-get install nodejs npm")
    })?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} failed:\n{errors}"))
}
