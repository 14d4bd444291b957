//! As many keys as there may be shards.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use noleader::store::{Delivery, ShardStore};
use noleader_fixture::Server;
use tokio::time::timeout;

use super::{next, store, store_on};

const KEYS: u32 = 65_536;

/// Far more than it takes on any machine.
const LONG: Duration = Duration::from_secs(300);

#[tokio::test]
async fn every_key_of_a_large_bucket_is_delivered() {
    let server = Server::start().await.unwrap();
    // A queue that the records would overflow.
    let options = server.connect_options().subscription_capacity(2048);
    let store = store(options.connect(server.url()).await.unwrap()).await;
    let other = store_on(&server).await;
    let writes = stream::iter(0..KEYS)
        .map(|shard| {
            let (other, key) = (&other, format!("o.{shard}"));
            async move { other.write(&key, 0, vec![b'x'; 100], None).await }
        })
        .buffer_unordered(256)
        .try_collect::<BTreeSet<u64>>();
    let written = timeout(LONG, writes).await.unwrap().unwrap();
    assert_eq!(written.len(), KEYS as usize);

    let mut watch = store.watch(0).await.unwrap();
    assert_eq!(Some(&watch.last_revision()), written.last());
    let mut keys = BTreeSet::new();
    let all = async {
        for (number, revision) in (1..).zip(&written) {
            let Delivery::Record { index, key, seen } = next(&mut watch).await.unwrap() else {
                panic!("caught up before record {number}");
            };
            assert_eq!((index, seen.revision()), (number, *revision));
            keys.insert(key);
            // Messages arrive faster than they are taken out of the queue.
            tokio::task::yield_now().await;
        }
        next(&mut watch).await.unwrap()
    };
    let index = u64::from(KEYS);
    assert_eq!(
        timeout(LONG, all).await.unwrap(),
        Delivery::CaughtUp { index }
    );
    let wanted: BTreeSet<_> = (0..KEYS).map(|shard| format!("o.{shard}")).collect();
    assert_eq!(keys, wanted);
}
