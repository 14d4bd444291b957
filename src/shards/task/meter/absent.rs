use crate::{
    clock::Moment,
    names::ElectionName,
    shards::protocol::{Action, Input, Machine, Node},
};

/// The same calls as with the feature.
#[derive(Debug)]
pub(in crate::shards::task) struct Meter;

#[allow(clippy::unused_self, reason = "the same calls as with the feature")]
impl Meter {
    pub(in crate::shards::task) fn new(_: &ElectionName, _: &Node) -> Self {
        Self
    }

    pub(in crate::shards::task) fn waits(&mut self) {}

    pub(in crate::shards::task) fn failed(&self) {}

    pub(in crate::shards::task) fn watch_ended(&self) {}

    pub(in crate::shards::task) fn received(&mut self, _: Moment, _: &Input) {}

    pub(in crate::shards::task) fn performs(&mut self, _: &Action) {}

    pub(in crate::shards::task) fn published(&mut self, _: usize, _: usize) {}

    pub(in crate::shards::task) fn turned(&mut self, _: Moment, _: &Machine) {}

    pub(in crate::shards::task) fn stopped(&mut self) {}
}
