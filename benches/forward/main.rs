//! The cost of forwarding a request to the leader: noleader's `forward`, nginx as a reverse proxy, a handler that
//! calls the same client by hand, and no proxy. And the cost of the layer in the leader's app.
//!
//! `cargo bench --bench forward` prints the tables in docs/figures.md, in about two minutes. It measures nginx
//! if it is installed. All connections use HTTP/1.1 with keep-alive on loopback, and each proxy has one thread or one
//! worker. The subjects take turns in many rounds, so that other load on the machine affects all of them equally.
//! Each ratio is one within a round.
//!
//! - `apps`: the leader's app, and the two proxies in Rust. `nginx`: the third proxy.
//! - `server`: a thread that serves. `cpu`: its CPU time.
//! - `load`: the clients. `subject`: the subjects and the rounds. `table`: the output.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a program to run by hand, which measures with a plain clock"
)]

mod apps;
mod cpu;
mod load;
mod nginx;
mod server;
mod subject;
mod table;

use crate::{nginx::Nginx, server::Server, subject::Subject};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The sizes of the requests' bodies, in bytes.
const SIZES: [(&str, usize); 2] = [("16 bytes", 16), ("64 KiB", 64 * 1024)];

/// In each round every subject has a turn of 0.15 s for each size.
const ROUNDS: usize = 48;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let election = apps::elect().await?;
    let leader = Server::start(election.leader_listener, apps::leader(election.leader))?;
    let open = Server::on_any_port(apps::open())?;
    let follower = Server::on_any_port(apps::follower(election.follower))?;
    let by_hand = Server::on_any_port(apps::by_hand(leader.addr()))?;
    let nginx = Nginx::start(leader.addr()).await?;

    let mut subjects = vec![
        Subject::new("directly to the leader", leader.addr(), leader.cpu()),
        Subject::new("the same without the layer", open.addr(), open.cpu()),
        Subject::new("`forward` on a follower", follower.addr(), follower.cpu()),
    ];
    if let Some(nginx) = &nginx {
        let worker = nginx.worker_cpu().await?;
        subjects.push(Subject::new("nginx as a proxy", nginx.addr(), worker));
    }
    let label = "the same client in a bare handler";
    subjects.push(Subject::new(label, by_hand.addr(), by_hand.cpu()));

    println!("{} connections, {ROUNDS} rounds", load::CONNECTIONS);
    for (name, size) in SIZES {
        let rounds = subject::measure(&subjects, size, ROUNDS).await?;
        println!();
        table::print(name, &subjects, &rounds);
        if nginx.is_none() {
            println!(
                "| nginx as a proxy | nginx is not installed: apt-get install nginx | | | | | |"
            );
        }
    }
    Ok(())
}
