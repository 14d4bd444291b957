//! The fencing token on its way to a storage, and what the storage does with it.
//!
//! A leader may be paused after its gate has let a request in, and wake when another one leads. No gate can
//! call its write back: the storage has to refuse it (Kleppmann, "How to do distributed locking", 2016). So
//! the leader sends the token of its term with every write, [`Term::fence`](crate::Term::fence), and the
//! storage reads it, [`token`], and refuses a token that is smaller than one it has seen, [`Fenced`].
//!
//! ```
//! use http::{HeaderMap, StatusCode};
//! use noleader::fencing::{self, Fenced};
//! use std::sync::{Mutex, PoisonError};
//!
//! // On the side of the storage, for each write:
//! fn put(orders: &Mutex<Fenced<Vec<String>>>, headers: &HeaderMap, order: String) -> StatusCode {
//!     let Ok(token) = fencing::token(headers) else {
//!         return StatusCode::BAD_REQUEST;
//!     };
//!     let mut orders = orders.lock().unwrap_or_else(PoisonError::into_inner);
//!     match orders.write(token) {
//!         Ok(orders) => orders.push(order),
//!         Err(_) => return StatusCode::CONFLICT,
//!     }
//!     StatusCode::CREATED
//! }
//!
//! let orders = Mutex::default();
//! let mut headers = HeaderMap::new();
//! headers.insert(fencing::FENCING_TOKEN, 8.into());
//! assert_eq!(put(&orders, &headers, "apples".into()), StatusCode::CREATED);
//! headers.insert(fencing::FENCING_TOKEN, 7.into());
//! assert_eq!(put(&orders, &headers, "pears".into()), StatusCode::CONFLICT);
//! ```
//!
//! # What a storage has to do
//!
//! - **Compare, remember and write in one transaction,** or under one lock. Between a check and a write that
//!   are apart, a larger token can come in. In SQL the comparison is part of the write, and the token is
//!   stored in the row (or in one row for all that the election guards):
//!
//!   ```sql
//!   UPDATE register SET value = $1, token = $2 WHERE name = 'orders' AND token <= $2
//!   ```
//!
//!   A write that changed no row was refused.
//! - **Keep the largest token as durably as the data.** A storage that forgets it in a restart takes the
//!   next late write.
//! - **Take equal tokens.** A term writes more than once.
//!
//! # What a leader has to do
//!
//! - **Send the token with the reads that its writes build on,** and let the storage remember it from those
//!   too. The fence goes up when the storage sees the new token; until then the old leader's late write is
//!   taken, and could come between the new leader's read and its write. A
//!   [warm-up](crate::Builder::warm_up) can raise it before the gate opens.
//! - **Not look at the clock instead.** A check of [`Term::is_current`](crate::Term::is_current) before a
//!   write makes the window smaller and does not close it.
//!
//! The token is a number and no credential: who may send `18446744073709551615` to the storage shuts everybody
//! else out. A storage still has to know its writers.
//!
//! # Code map
//!
//! - `header`: the token in a header, written and read.
//! - `fenced`: data that is written under a token.

mod fenced;
mod header;

pub use self::{
    fenced::{Fenced, StaleToken},
    header::{FENCING_TOKEN, TokenError, token},
};
