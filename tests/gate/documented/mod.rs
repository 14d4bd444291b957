//! Compares the responses in docs/actions.md with those that `curl` gets.
//!
//! `UPDATE_DOCS=1` writes the responses into the page.

mod actions;
mod nodes;

use std::{env, fs, net::SocketAddr, process::Stdio};

use axum::{body::Body, http::Request, middleware::map_request};
use tokio::{net::TcpListener, process::Command, sync::mpsc};

use self::{actions::gated, nodes::Asked};
use crate::node::settle;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/actions.md");

/// One output on the page: the node, the action, the command and its output.
struct Block {
    node: String,
    action: String,
    command: String,
    output: String,
}

#[tokio::test]
async fn the_page_shows_the_actual_responses() {
    let mut version = Command::new("curl");
    version.arg("--version").stdout(Stdio::null());
    if version.status().await.is_err() {
        println!("skipped: curl is not installed");
        return;
    }
    let page = fs::read_to_string(PAGE).unwrap();
    let mut parts = page.split("```");
    let mut updated = parts.next().unwrap().to_owned();
    let mut blocks = 0;
    while let (Some(block), Some(text)) = (parts.next(), parts.next()) {
        if !block.starts_with("console ") {
            // A program, which is compiled as a test of the documentation.
            updated += &format!("```{block}```{text}");
            continue;
        }
        let block = Block::parse(block);
        let output = block.ask().await;
        if env::var_os("UPDATE_DOCS").is_none() {
            assert_eq!(block.output, output, "{}: {}", block.label(), block.command);
        }
        updated += &format!(
            "```console {}\n$ {}\n{output}```{text}",
            block.label(),
            block.command
        );
        blocks += 1;
    }
    assert_eq!(blocks, 33);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, updated).unwrap();
    }
}

impl Block {
    fn parse(block: &str) -> Self {
        let (label, rest) = block.split_once('\n').unwrap();
        let label = label.strip_prefix("console ").unwrap();
        let (node, action) = label.split_once(' ').unwrap_or((label, ""));
        let (command, output) = rest.split_once('\n').unwrap();
        Self {
            node: node.to_owned(),
            action: action.to_owned(),
            command: command.strip_prefix("$ ").unwrap().to_owned(),
            output: output.to_owned(),
        }
    }

    fn label(&self) -> String {
        format!("{} {}", self.node, self.action)
            .trim_end()
            .to_owned()
    }

    async fn ask(&self) -> String {
        let mut asked = Asked::new(&self.node, &self.action).await;
        let app = gated(&self.action, &asked.node.handle, asked.app.take().unwrap());
        let (arrive, mut arrived) = mpsc::unbounded_channel();
        let app = app.layer(map_request(move |request: Request<Body>| {
            let _ = arrive.send(());
            async { request }
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let printed = tokio::spawn(curl(self.command.clone(), address));
        arrived.recv().await.unwrap();
        settle().await;
        asked.go_on().await;
        let printed = printed.await.unwrap();
        server.abort();
        printed
    }
}

/// Runs the command against `address`, and removes the date from its output.
async fn curl(command: String, address: SocketAddr) -> String {
    let options = format!("curl -sSN --connect-to localhost:8080:{address}");
    let command = command.replacen("curl", &options, 1) + " 2>&1";
    let output = Command::new("sh").arg("-c").arg(command).output();
    let printed = String::from_utf8(output.await.unwrap().stdout).unwrap();
    let printed = printed.replace('\r', "");
    let lines = printed.lines().filter(|line| !line.starts_with("date: "));
    lines.map(|line| format!("{line}\n")).collect()
}
