//! Connections that fail.

use std::{sync::Arc, time::Duration};

use noleader_fixture::Direction;
use tokio::time::sleep;

use crate::{crowd::Crowd, tally::Tally};

/// Shorter than a lease, so that terms survive it.
const SHORT: Duration = Duration::from_secs(2);
/// Longer than a lease, so that it ends terms.
const LONG: Duration = Duration::from_secs(20);
/// The pause before the next cut, in which the candidates recover.
const QUIET: Duration = Duration::from_secs(4);

/// Makes one connection fail in one of several ways for a while.
pub(crate) async fn cut(crowd: Arc<Crowd>, tally: Arc<Tally>) {
    let proxy = &crowd.links[fastrand::usize(..crowd.links.len())].proxy;
    match fastrand::u8(..4) {
        0 => proxy.black_hole(Direction::Both),
        1 => proxy.hold(Direction::ToClient),
        _ => proxy.cut(),
    }
    let long = fastrand::u8(..8) == 0;
    sleep(if long { LONG } else { SHORT }).await;
    proxy.heal();
    tally.cuts.add();
    sleep(QUIET).await;
}
