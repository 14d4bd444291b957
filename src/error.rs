//! Error types and helpers that several modules share.

use std::{
    error::Error,
    fmt, io, iter,
    panic::{AssertUnwindSafe, catch_unwind},
};

use thiserror::Error;

/// An error of a user's closure or of another library.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Calls the application's subscriber of log events or recorder of metrics. None if that panics.
pub(crate) fn survive<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

/// A setting that is out of bounds or contradicts another setting.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{setting}` is {found}: {bound}")]
pub struct ConfigError {
    setting: &'static str,
    found: String,
    bound: String,
}

impl ConfigError {
    pub(crate) fn new(
        setting: &'static str,
        found: impl fmt::Display,
        bound: impl Into<String>,
    ) -> Self {
        Self {
            setting,
            found: found.to_string(),
            bound: bound.into(),
        }
    }

    /// A text of more than `longest` bytes.
    #[cfg(feature = "jetstream")]
    pub(crate) fn too_long(setting: &'static str, text: &str, longest: usize) -> Self {
        let found = format_args!("{} bytes long", text.len());
        Self::new(
            setting,
            found,
            format!("it must be {longest} bytes or less"),
        )
    }

    /// The name of the setting, as the builder's method or argument.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

/// An error and its causes, from the outermost to the root.
pub(crate) fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| cause(error))
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    // `io::Error::source` skips the error that it wraps.
    match error.downcast_ref().and_then(io::Error::get_ref) {
        Some(inside) => Some(inside),
        None => error.source(),
    }
}

/// The first `E` in the chain of an error.
pub(crate) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// An error and its causes in one line.
pub(crate) fn line(error: &(dyn Error + 'static)) -> String {
    let mut causes: Vec<_> = chain(error).map(ToString::to_string).collect();
    // An IO error displays the error that it wraps.
    causes.dedup();
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Error)]
    #[error("the request failed")]
    struct Failed(#[source] BoxError);

    #[test]
    fn line_contains_every_cause_once() {
        let error = Failed(Box::new(io::Error::other(Failed("no route".into()))));
        assert_eq!(line(&error), "the request failed: no route");
        assert_eq!(chain(&error).count(), 4);
    }

    #[test]
    fn find_looks_inside_an_io_error() {
        let error = Failed(Box::new(io::Error::other(ConfigError::new("id", 7, "no"))));
        assert_eq!(find::<ConfigError>(&error).unwrap().setting(), "id");
        assert!(find::<fmt::Error>(&error).is_none());
    }
}
