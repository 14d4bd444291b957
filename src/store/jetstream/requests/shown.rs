use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Which keys a candidate has been shown on the client's present connection.
///
/// A server that was restarted may have lost the record at the revision that a candidate expects, and given that
/// revision to another record. A compare-and-set does not detect this. So after a reconnect, nothing is written to a key
/// before the key was read on the new connection, or a watch on it has shown the key.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<Option<Connection>>);

/// The latest connection on which anything was shown.
#[derive(Debug)]
struct Connection {
    number: u64,
    /// All that the candidate knows comes from this connection.
    is_all: bool,
    /// Without `is_all`: the keys that were shown.
    keys: HashSet<Box<str>>,
}

impl Shown {
    /// Notes that the key was shown, by a request that was sent on this connection or a later one.
    pub(crate) fn note(&self, connection: u64, key: &str) {
        let mut latest = self.lock();
        if let Some(latest) = Connection::at(&mut latest, connection)
            && !latest.is_all
            && !latest.keys.contains(key)
        {
            latest.keys.insert(key.into());
        }
    }

    /// Notes that all keys of the bucket were shown.
    pub(crate) fn note_all(&self, connection: u64) {
        let mut latest = self.lock();
        if let Some(latest) = Connection::at(&mut latest, connection) {
            latest.is_all = true;
            latest.keys = HashSet::new();
        }
    }

    /// Whether nothing that is known of the key is older than this connection.
    pub(crate) fn is_current(&self, connection: u64, key: &str) -> bool {
        match &*self.lock() {
            None => true,
            Some(latest) => {
                latest.number == connection && (latest.is_all || latest.keys.contains(key))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        // No change of the set is left unfinished by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// None if a later connection is in use.
    fn at(latest: &mut Option<Self>, number: u64) -> Option<&mut Self> {
        if latest.as_ref().is_none_or(|latest| latest.number < number) {
            // What was shown on the first connection is all that is known.
            let is_all = latest.is_none();
            *latest = Some(Self {
                number,
                is_all,
                keys: HashSet::new(),
            });
        }
        latest.as_mut().filter(|latest| latest.number == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current(shown: &Shown, connection: u64) -> [bool; 2] {
        ["a", "b"].map(|key| shown.is_current(connection, key))
    }

    #[test]
    fn each_key_is_shown_again_after_a_reconnect() {
        let shown = Shown::default();
        assert_eq!(current(&shown, 1), [true; 2], "nothing is known");
        shown.note(1, "a");
        assert_eq!(current(&shown, 1), [true; 2]);
        assert_eq!(current(&shown, 2), [false; 2]);
        shown.note(2, "a");
        assert_eq!(current(&shown, 2), [true, false]);
        shown.note(1, "b");
        shown.note_all(1);
        assert_eq!(current(&shown, 2), [true, false], "late responses");
        shown.note(2, "b");
        assert_eq!(current(&shown, 2), [true; 2]);
        assert_eq!(current(&shown, 3), [false; 2]);
    }

    #[test]
    fn the_whole_bucket_shows_every_key() {
        let shown = Shown::default();
        shown.note(1, "a");
        shown.note_all(2);
        assert_eq!(current(&shown, 2), [true; 2]);
        assert_eq!(current(&shown, 3), [false; 2]);
    }
}
