//! The storage: one SQLite file for each shard, in a folder that stands for storage that all nodes share.
//!
//! - A node of a real deployment needs a shared volume whose file locks work between machines, or a database server in
//!   place of the files. The fence is the same statement there.
//! - The token is compared, and the order is written, in one transaction. A comparison before the transaction proves
//!   nothing: the process may be paused right after it.
//! - A node that is paused in the middle of a transaction keeps the lock of its file. The next leader of the shard
//!   cannot open its gate until the lock is gone. So the shard waits, and loses nothing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use noleader::{FencingToken, ShardId};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use thiserror::Error;

/// How long a transaction waits for that of another process.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// There is no unique key, so that an order that is taken twice is kept twice, and is found in the end. In a real app
/// the id is unique, and a client repeats an order whose outcome it does not know.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS orders (id TEXT NOT NULL, customer TEXT NOT NULL, token INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS fence (one INTEGER PRIMARY KEY CHECK (one = 1), token INTEGER NOT NULL);
    INSERT OR IGNORE INTO fence VALUES (1, 0);
";

/// Clones share the folder.
#[derive(Clone, Debug)]
pub(crate) struct Storage(Arc<Path>);

/// An order in the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: String,
    /// The fencing token under which it was written.
    pub(crate) token: u64,
}

/// Why nothing was written.
#[derive(Debug, Error)]
pub(crate) enum WriteError {
    #[error("fencing token {token} is stale: the largest token seen is {largest}")]
    Stale {
        token: FencingToken,
        largest: FencingToken,
    },
    #[error("the storage failed")]
    Sqlite(#[from] rusqlite::Error),
}

impl Storage {
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into().into())
    }

    /// Rejects all smaller tokens from now on. The leader of a shard calls this before its gate opens.
    pub(crate) fn fence(&self, shard: ShardId, token: FencingToken) -> Result<(), WriteError> {
        self.write(shard, token, |_| Ok(()))
    }

    /// Adds an order.
    pub(crate) fn add(
        &self,
        shard: ShardId,
        token: FencingToken,
        customer: &str,
        id: &str,
    ) -> Result<(), WriteError> {
        self.write(shard, token, |transaction| {
            let sql = "INSERT INTO orders (id, customer, token) VALUES (?1, ?2, ?3)";
            transaction.execute(sql, params![id, customer, u64::from(token)])?;
            Ok(())
        })
    }

    /// The orders of a shard, in the order in which they were written.
    pub(crate) fn orders(&self, shard: ShardId) -> rusqlite::Result<Vec<Row>> {
        if !self.path(shard).exists() {
            return Ok(Vec::new());
        }
        let file = self.open(shard)?;
        let mut query = file.prepare("SELECT id, token FROM orders ORDER BY rowid")?;
        let rows = query.query_map([], |row| {
            let (id, token) = (row.get(0)?, row.get(1)?);
            Ok(Row { id, token })
        })?;
        rows.collect()
    }

    /// Compares the token, stores it, and makes the change, in one transaction.
    fn write(
        &self,
        shard: ShardId,
        token: FencingToken,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), WriteError> {
        let mut file = self.open(shard)?;
        // Immediate: it takes the lock of the file before it reads.
        let transaction = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(SCHEMA)?;
        let sql = "UPDATE fence SET token = ?1 WHERE token <= ?1";
        if transaction.execute(sql, [u64::from(token)])? == 0 {
            let largest = transaction.query_row("SELECT token FROM fence", [], |row| row.get(0));
            return Err(WriteError::Stale {
                token,
                largest: largest.map(u64::into)?,
            });
        }
        change(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    /// Opened for each transaction, so that a node has no file open of a shard that it has lost.
    fn open(&self, shard: ShardId) -> rusqlite::Result<Connection> {
        let file = Connection::open(self.path(shard))?;
        file.busy_timeout(LOCK_WAIT)?;
        Ok(file)
    }

    fn path(&self, shard: ShardId) -> PathBuf {
        self.0.join(format!("shard-{shard}.sqlite"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_token_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (storage, shard) = (Storage::new(folder.path()), ShardId::new(3));
        storage.add(shard, 5.into(), "ada", "ada-0").unwrap();
        storage.fence(shard, 8.into()).unwrap();
        let late = storage.add(shard, 5.into(), "ada", "ada-1").unwrap_err();
        assert_eq!(
            late.to_string(),
            "fencing token 5 is stale: the largest token seen is 8"
        );
        assert!(storage.fence(shard, 7.into()).is_err());
        storage.add(shard, 8.into(), "ada", "ada-2").unwrap();
        let kept = [("ada-0", 5), ("ada-2", 8)].map(|(id, token)| Row {
            id: id.to_owned(),
            token,
        });
        assert_eq!(storage.orders(shard).unwrap(), kept);
        assert_eq!(storage.orders(ShardId::new(4)).unwrap(), []);
    }
}
