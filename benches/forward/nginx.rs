//! nginx as a reverse proxy in front of the leader.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use noleader_fixture::{Port, Process, eventually};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{Result, cpu::Cpu};

const BOUND: Duration = Duration::from_secs(60);

/// The process ends when this is dropped.
pub(crate) struct Nginx {
    process: Process,
    port: Port,
    _dir: TempDir,
}

impl Nginx {
    /// `None` if nginx is not installed.
    pub(crate) async fn start(leader: SocketAddr) -> Result<Option<Self>> {
        let Some(program) = installed() else {
            return Ok(None);
        };
        let (dir, port) = (tempfile::tempdir()?, Port::reserve()?);
        let config = dir.path().join("nginx.conf");
        fs::write(&config, configuration(dir.path(), port.addr(), leader))?;
        let mut command = Command::new(program);
        command.arg("-p").arg(dir.path()).arg("-c").arg(&config);
        command.args(["-e", "stderr"]);
        let process = Process::spawn(command)?;
        let nginx = Self {
            process,
            port,
            _dir: dir,
        };
        let listens = eventually("nginx", BOUND, async || {
            TcpStream::connect(nginx.addr()).await.ok()
        });
        match listens.await {
            Ok(_) => Ok(Some(nginx)),
            Err(error) => Err(format!("{error}: {}", nginx.process.stderr()).into()),
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// The process id of its only worker, which does all the work.
    pub(crate) async fn worker_cpu(&self) -> Result<Cpu> {
        let master = self.process.pid();
        let children = format!("/proc/{master}/task/{master}/children");
        let worker = eventually("nginx's worker", BOUND, async || {
            let children = fs::read_to_string(&children).ok()?;
            children.split_whitespace().next()?.parse().ok()
        });
        Ok(Cpu::of_process(worker.await?))
    }
}

/// The program on the `PATH`, or in `/usr/sbin`, which Debian leaves out of a user's `PATH`.
fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<_> = env::split_paths(&path).collect();
    dirs.push(PathBuf::from("/usr/sbin"));
    dirs.into_iter()
        .map(|dir| dir.join("nginx"))
        .find(|program| program.is_file())
}

/// Like noleader it keeps connections alive on both sides, and streams bodies.
fn configuration(dir: &Path, addr: SocketAddr, leader: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    keepalive_requests 1000000000;
    upstream leader {{
        server {leader};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {addr};
        client_max_body_size 0;
        location / {{
            proxy_pass http://leader;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_request_buffering off;
        }}
    }}
}}
"
    )
}
