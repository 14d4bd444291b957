//! The CPU time of a thread.

use std::{fs, path::PathBuf, time::Duration};

use crate::Result;

/// A thread of this process, or another process with one thread.
#[derive(Clone, Debug)]
pub(crate) struct Cpu(PathBuf);

impl Cpu {
    pub(crate) fn of_this_thread() -> Result<Self> {
        // The path below `/proc`: the process, and the thread in it.
        let thread = fs::read_link("/proc/thread-self")?;
        Ok(Self(PathBuf::from("/proc").join(thread).join("schedstat")))
    }

    pub(crate) fn of_process(pid: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{pid}/schedstat")))
    }

    /// The CPU time since the start of the thread.
    pub(crate) fn spent(&self) -> Result<Duration> {
        let text = fs::read_to_string(&self.0)?;
        let nanos = text.split_whitespace().next().ok_or("an empty schedstat")?;
        Ok(Duration::from_nanos(nanos.parse()?))
    }
}
