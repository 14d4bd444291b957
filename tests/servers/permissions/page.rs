//! Parses the lists of permissions in docs/nats.md.

use std::fs;

use async_nats::{Client, ConnectOptions};
use noleader_fixture::Server;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/nats.md");

/// The permissions of one role, in the syntax of nats-server.
#[derive(Clone)]
pub(crate) struct Permissions(String);

impl Permissions {
    pub(crate) fn of(role: &str) -> Self {
        let page = fs::read_to_string(PAGE).unwrap();
        let (_, block) = page.split_once(&format!("```nats {role}\n")).unwrap();
        Self(block.split_once("```").unwrap().0.to_owned())
    }

    /// These permissions for another bucket.
    pub(crate) fn in_bucket(&self, bucket: &str, other: &str) -> Self {
        assert!(self.0.contains(bucket));
        Self(self.0.replace(bucket, other))
    }

    /// These permissions with another inbox prefix.
    pub(crate) fn with_inbox(&self, prefix: &str) -> Self {
        assert!(self.0.contains("_INBOX."));
        Self(self.0.replace("_INBOX", prefix))
    }

    pub(crate) fn subjects(&self) -> Vec<String> {
        let quoted = self.0.split('"').skip(1).step_by(2);
        quoted.map(str::to_owned).collect()
    }

    /// These permissions without one subject. A placeholder replaces it, since an empty list would allow everything.
    pub(crate) fn without(&self, subject: &str) -> Self {
        let line = format!("\"{subject}\"\n");
        assert_eq!(self.0.matches(&line).count(), 1);
        Self(self.0.replace(&line, "\"nothing\"\n"))
    }
}

/// A server's configuration with these users and an administrator. Each user's password is its name.
pub(crate) fn config(users: &[(String, Permissions)]) -> String {
    let users = users.iter().map(|(user, permissions)| {
        let Permissions(permissions) = permissions;
        format!("{{ user: {user:?}, password: {user:?}, {permissions} }}\n")
    });
    let users = users.collect::<String>();
    format!("authorization {{ users: [\n{{ user: admin, password: admin }}\n{users}] }}")
}

pub(crate) async fn server(users: &[(String, Permissions)]) -> Server {
    let server = Server::builder().config(config(users));
    server.credentials("admin", "admin").start().await.unwrap()
}

pub(crate) async fn connect(server: &Server, user: &str) -> Client {
    let options = ConnectOptions::with_user_and_password(user.to_owned(), user.to_owned());
    options.connect(server.url()).await.unwrap()
}
