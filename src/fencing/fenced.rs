use thiserror::Error;

use crate::names::FencingToken;

/// Data that accepts writes only under a fencing token that is not smaller than any token before.
///
/// Use it to implement a storage. It is not a lock: put it into one, so that the comparison of the token and the write
/// are atomic. [`write`](Self::write) borrows the data for no longer than the lock is held, so another token cannot
/// intervene.
///
/// ```
/// use noleader::{FencingToken, fencing::{Fenced, StaleToken}};
/// use std::sync::{Mutex, PoisonError};
///
/// struct Store {
///     orders: Mutex<Fenced<Vec<String>>>,
/// }
///
/// impl Store {
///     fn add(&self, token: FencingToken, order: String) -> Result<(), StaleToken> {
///         let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
///         orders.write(token)?.push(order);
///         Ok(())
///     }
/// }
///
/// let store = Store { orders: Mutex::default() };
/// store.add(7.into(), "apples".into())?; // the leader of term 7
/// store.add(9.into(), "plums".into())?; // its successor
/// let late = store.add(7.into(), "pears".into()); // a late write of term 7
/// assert_eq!(late.unwrap_err().largest(), 9.into());
/// # Ok::<(), StaleToken>(())
/// ```
///
/// To survive a restart, save [`largest`](Self::largest) in the same transaction as the data, and restore both with
/// [`resume`](Self::resume).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fenced<T> {
    data: T,
    largest: FencingToken,
}

impl<T> Fenced<T> {
    /// Wraps data that no term has written yet. It accepts any token.
    pub const fn new(data: T) -> Self {
        Self::resume(data, FencingToken::ZERO)
    }

    /// Wraps restored data, with the largest token seen before.
    pub const fn resume(data: T, largest: FencingToken) -> Self {
        Self { data, largest }
    }

    /// Borrows the data for a write under `token`, and remembers the token if it is the largest.
    ///
    /// Also use it for a read that a write of the same term depends on, so that earlier terms cannot write in between.
    ///
    /// # Errors
    ///
    /// [`StaleToken`] if a larger token was seen before. Nothing has changed then.
    pub fn write(&mut self, token: FencingToken) -> Result<&mut T, StaleToken> {
        if token < self.largest {
            return Err(StaleToken {
                token,
                largest: self.largest,
            });
        }
        self.largest = token;
        Ok(&mut self.data)
    }

    /// Borrows the data for a read without a token.
    #[must_use]
    pub const fn read(&self) -> &T {
        &self.data
    }

    /// The largest token seen, or zero before the first write. No term has the token zero.
    #[must_use]
    pub const fn largest(&self) -> FencingToken {
        self.largest
    }
}

/// The error of a write from a term that has ended, after a write or read of a later term.
///
/// Over HTTP, respond with 409.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("fencing token {token} is stale: the largest token seen is {largest}")]
pub struct StaleToken {
    token: FencingToken,
    largest: FencingToken,
}

impl StaleToken {
    /// The token of the write.
    #[must_use]
    pub const fn token(&self) -> FencingToken {
        self.token
    }

    /// The largest token seen before the write.
    #[must_use]
    pub const fn largest(&self) -> FencingToken {
        self.largest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(log: &mut Fenced<Vec<u64>>, token: u64) -> Result<(), StaleToken> {
        log.write(token.into())?.push(token);
        Ok(())
    }

    #[test]
    fn smaller_tokens_are_rejected() {
        let mut log = Fenced::new(Vec::new());
        for token in [3, 3, 7, 7, u64::MAX] {
            add(&mut log, token).unwrap();
            assert_eq!(log.largest(), token.into());
        }
        for token in [0, 3, u64::MAX - 1] {
            let refused = add(&mut log, token).unwrap_err();
            assert_eq!(
                (refused.token(), refused.largest()),
                (token.into(), u64::MAX.into())
            );
        }
        assert_eq!(log.largest(), u64::MAX.into());
        assert_eq!(log.read(), &[3, 3, 7, 7, u64::MAX]);
    }

    #[test]
    fn a_rejected_token_does_not_lower_the_fence() {
        let mut log = Fenced::new(Vec::new());
        add(&mut log, 7).unwrap();
        add(&mut log, 5).unwrap_err();
        add(&mut log, 6).unwrap_err();
        assert_eq!(log, Fenced::resume(vec![7], 7.into()));
    }

    #[test]
    fn only_reads_under_a_token_raise_the_fence() {
        let mut log = Fenced::new(Vec::new());
        add(&mut log, 7).unwrap();
        assert!(log.read().contains(&7));
        add(&mut log, 7).unwrap();
        assert!(log.write(9.into()).unwrap().contains(&7));
        add(&mut log, 7).unwrap_err();
    }

    #[test]
    fn a_restored_token_still_rejects_smaller_ones() {
        let mut log = Fenced::resume(Vec::new(), 9.into());
        assert_eq!(add(&mut log, 8).unwrap_err().largest(), 9.into());
        add(&mut log, 9).unwrap();
        add(&mut log, 10).unwrap();
    }

    #[test]
    fn concurrent_writers_leave_the_tokens_in_order() {
        let log = std::sync::Mutex::new(Fenced::new(Vec::new()));
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for writer in 1..=4 {
                let (log, start) = (&log, &start);
                scope.spawn(move || {
                    start.wait();
                    for round in 0..500 {
                        let _ = add(&mut log.lock().unwrap(), round * 4 + writer);
                    }
                });
            }
        });
        let log = log.into_inner().unwrap();
        assert!(log.read().is_sorted());
        assert_eq!(log.read().last(), Some(&2000));
    }
}
