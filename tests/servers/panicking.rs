//! A subscriber of log events that panics when the store logs.

use noleader_fixture::Server;
use tracing::{
    Event, Metadata, Subscriber,
    span::{Attributes, Id, Record},
};

use crate::support::{elected, ended, start, steady};

struct OfTheStore;

impl Subscriber for OfTheStore {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("noleader::store")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        std::panic::resume_unwind(Box::new("on purpose"))
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn an_election_survives_the_log_of_a_recreated_bucket() {
    let server = Server::start().await.unwrap();
    let a = start(&server, steady("a")).await;
    let old = elected(&a).await;
    let _here = tracing::subscriber::set_default(OfTheStore);
    let context = async_nats::jetstream::new(server.client().await.unwrap());
    context.delete_stream("KV_elections").await.unwrap();
    ended(&old).await;
    assert!(elected(&a).await.token() > old.token());
}
