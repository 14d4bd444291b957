//! Fencing tokens in requests, and their check by a storage.
//!
//! A leader may be paused after its gate has admitted a request, and wake while another node leads. A gate cannot
//! recall the leader's write: the storage must reject it (Kleppmann, "How to do distributed locking", 2016).
//!
//! 1. The leader sends the token of its term with every write, with [`Term::fence`](crate::Term::fence).
//! 2. The storage reads the token with [`token`].
//! 3. The storage rejects a token smaller than the largest it has seen, with [`Fenced`].
//!
//! ```
//! use http::{HeaderMap, StatusCode};
//! use noleader::fencing::{self, Fenced};
//! use std::sync::{Mutex, PoisonError};
//!
//! // In the storage, for each write:
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
//! # Rules for a storage
//!
//! - **Compare the token, store it and write the data in one transaction,** or under one lock. Otherwise a larger token
//!   can arrive between the check and the write. In SQL the comparison is part of the write. The token is stored in the
//!   row, or in one row for all data of the election:
//!
//!   ```sql
//!   UPDATE register SET value = $1, token = $2 WHERE name = 'orders' AND token <= $2
//!   ```
//!
//!   A write that changes no row was rejected.
//! - **Keep the largest token as durably as the data.** A storage that loses it in a restart accepts the next late
//!   write.
//! - **Accept equal tokens.** A term writes more than once.
//!
//! # Rules for a leader
//!
//! - **Send the token with the reads that its writes depend on,** and let the storage remember it from those too. Until
//!   the storage has seen the new token, it accepts the old leader's late write, which could come between the new
//!   leader's read and its write. A [warm-up](crate::Builder::warm_up) can send the token before the gate opens.
//! - **Do not check the clock instead.** A check of [`Term::is_current`](crate::Term::is_current) before a write makes
//!   the window smaller, but does not close it.
//!
//! The token is not a credential. A client that can send `18446744073709551615` to the storage locks out all other
//! writers, so the storage must still authenticate its writers.
//!
//! # Code map
//!
//! - `header`: writes the token to a header, and reads it.
//! - `fenced`: data that is written under a token.

mod fenced;
mod header;

pub use self::{
    fenced::{Fenced, StaleToken},
    header::{FENCING_TOKEN, TokenError, token},
};
