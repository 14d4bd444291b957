//! Connections that break.

use std::{sync::Arc, time::Duration};

use noleader_fixture::Direction;
use tokio::time::sleep;

use crate::{crowd::Crowd, tally::Tally};

/// Shorter than a lease, so that terms live through it.
const SHORT: Duration = Duration::from_secs(2);
/// Longer than a lease, so that terms end of it.
const LONG: Duration = Duration::from_secs(20);
/// The candidates come back before the next one.
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
