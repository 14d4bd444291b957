//! The participants: three servers, five candidates behind proxies with faults, and a storage.

use std::{path::PathBuf, time::Duration};

use async_nats::{Client, ConnectOptions};
use axum::http::{HeaderMap, Method};
use noleader_fixture::{Cluster, Port, Process, Proxy, eventually};
use tokio::sync::Mutex;

use crate::{
    candidate::{LEASE, Role},
    clock::now,
    history::{Copied, Session},
    http::Sender,
    kind::Kind,
    storage::Storage,
};

pub(crate) const CANDIDATES: usize = 5;
pub(crate) const SERVERS: usize = 3;
/// The first candidates, whose processes can be copied.
pub(crate) const COPYABLE: usize = 2;
/// The longest wait for a candidate to start, on a very slow machine.
const BOUND: Duration = Duration::from_secs(90);

#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) kind: Kind,
    pub(crate) candidates: Vec<Candidate>,
    /// A connection that bypasses all proxies, as an operator's would.
    pub(crate) operator: Client,
    pub(crate) cluster: Mutex<Cluster>,
    /// Locked by the fault that affects this server.
    pub(crate) servers: [Mutex<()>; SERVERS],
    pub(crate) storage: Storage,
}

#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) index: usize,
    pub(crate) sender: Sender,
    pub(crate) process: Mutex<Actor>,
    pub(crate) proxies: Vec<Proxy>,
    /// Locked by the fault that affects its network.
    pub(crate) network: Mutex<()>,
    /// Keeps the port reserved while the candidate is down.
    _port: Port,
}

/// The current process of a candidate, and the sessions so far.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) process: Process,
    pub(crate) sessions: Vec<Session>,
    role: Role,
    folder: PathBuf,
}

pub(crate) fn node_id(index: usize) -> String {
    format!("c{index}")
}

impl Cast {
    pub(crate) async fn start(folder: PathBuf, kind: Kind) -> Self {
        let cluster = Cluster::start().await.unwrap();
        let storage = Storage::start(kind.shards()).await;
        let mut candidates = Vec::new();
        for index in 0..CANDIDATES {
            let mut proxies = Vec::new();
            for server in cluster.servers() {
                proxies.push(Proxy::start(server.addr()).await.unwrap());
            }
            let role = Role {
                number: index,
                id: node_id(index),
                listen: ([127, 0, 0, 1], 0).into(),
                nats: proxies.iter().map(Proxy::url).collect(),
                storage: storage.url.clone(),
                log: PathBuf::new(),
                kind,
                is_copyable: index < COPYABLE,
            };
            candidates.push(Candidate::start(index, role, proxies, folder.clone()));
        }
        for candidate in &candidates {
            let mut actor = candidate.process.lock().await;
            let serves = actor.process.wait_for_line(|line| line == "serves", BOUND);
            serves.await.unwrap();
        }
        // The client leaves a paused server within two pings.
        let operator = ConnectOptions::new()
            .connection_timeout(LEASE / 2)
            .ping_interval(LEASE / 4)
            .request_timeout(Some(LEASE))
            .reconnect_delay_callback(|_| Duration::from_millis(50))
            .connect(cluster.urls())
            .await
            .unwrap();
        Self {
            kind,
            candidates,
            operator,
            cluster: Mutex::new(cluster),
            servers: Default::default(),
            storage,
        }
    }

    /// Waits until every candidate responds, even if only to reject.
    pub(crate) async fn answers(&self) {
        for candidate in &self.candidates {
            let what = format!("a response of candidate {}", candidate.index);
            let answered = async || {
                candidate.process.lock().await.check();
                // No other write has this number.
                let path = format!("/write?hold_ms=0&key=k0&id={}", now());
                let sender = &candidate.sender;
                sender
                    .send(Method::POST, &path, HeaderMap::new(), LEASE)
                    .await
            };
            eventually(what, BOUND, answered).await.unwrap();
        }
    }

    /// Kills all candidates, and returns their sessions.
    pub(crate) async fn end(&self) -> Vec<Session> {
        let mut sessions = Vec::new();
        for candidate in &self.candidates {
            let mut actor = candidate.process.lock().await;
            actor.check();
            actor.kill();
            sessions.append(&mut actor.sessions);
        }
        sessions
    }
}

impl Candidate {
    fn start(index: usize, mut role: Role, proxies: Vec<Proxy>, folder: PathBuf) -> Self {
        let port = Port::reserve().unwrap();
        role.listen = port.addr();
        Self {
            index,
            sender: Sender::new(format!("http://{}", port.addr())),
            process: Mutex::new(Actor::start(index, role, folder)),
            proxies,
            network: Mutex::default(),
            _port: port,
        }
    }
}

impl Actor {
    fn start(candidate: usize, mut role: Role, folder: PathBuf) -> Self {
        let (process, session) = launch(&mut role, &folder, candidate, 0);
        Self {
            process,
            sessions: vec![session],
            role,
            folder,
        }
    }

    /// Kills the process and its copies, unless they have exited.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
        let ended = now();
        for session in &mut self.sessions {
            session.ended.get_or_insert(ended);
        }
    }

    /// The log of its process of this number.
    pub(crate) fn log(&self, number: usize) -> PathBuf {
        self.sessions[number].log.clone()
    }

    /// The current copy of the process.
    pub(crate) fn copied(&self) -> Option<Copied> {
        self.sessions.last()?.copied
    }

    /// The file name of the log of the next process.
    pub(crate) fn next_log(&self) -> String {
        log_name(&self.role.id, self.sessions.len())
    }

    /// Adds a copy of the process, which was made since `from`. It ends with [`Actor::kill`].
    pub(crate) fn add_copy(&mut self, from: u64) {
        let original = self.session().holder();
        let (candidate, number) = (original.0, self.sessions.len());
        self.sessions.push(Session {
            candidate,
            number,
            log: self.folder.join(self.next_log()),
            ended: None,
            copied: Some(Copied {
                original,
                copy: (candidate, number),
                from,
                until: now(),
            }),
        });
    }

    /// Kills the process that was copied last, and not its copy.
    pub(crate) fn kill_original(&mut self) {
        self.process.kill_alone().unwrap();
        if let Some(Copied { original, .. }) = self.copied() {
            self.sessions[original.1].ended.get_or_insert_with(now);
        }
    }

    /// Starts the next process without waiting for it, since no server may be reachable.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let (candidate, number) = (self.session().candidate, self.sessions.len());
        let (process, session) = launch(&mut self.role, &self.folder, candidate, number);
        self.process = process;
        self.sessions.push(session);
    }

    fn session(&mut self) -> &mut Session {
        self.sessions.last_mut().unwrap()
    }

    /// Panics if the process has exited: no candidate may exit unless it is killed or asked to shut down.
    pub(crate) fn check(&self) {
        assert!(
            self.process.is_running(),
            "{} exited unexpectedly: {}",
            self.role.id,
            self.process.stderr()
        );
    }
}

fn launch(
    role: &mut Role,
    folder: &std::path::Path,
    candidate: usize,
    number: usize,
) -> (Process, Session) {
    role.log = folder.join(log_name(&role.id, number));
    let process = Process::spawn_with_stdout(role.command()).unwrap();
    let session = Session {
        candidate,
        number,
        log: role.log.clone(),
        ended: None,
        copied: None,
    };
    (process, session)
}

fn log_name(id: &str, number: usize) -> String {
    format!("{id}-{number}.log")
}
