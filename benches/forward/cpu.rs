//! How long a thread was on a processor.

use std::{fs, path::PathBuf, time::Duration};

use crate::Result;

/// Who was it: a thread of this process, or another process that has one.
#[derive(Clone, Debug)]
pub(crate) struct Cpu(PathBuf);

impl Cpu {
    pub(crate) fn of_this_thread() -> Result<Self> {
        // Relative to `/proc`: the process, and the thread in it.
        let thread = fs::read_link("/proc/thread-self")?;
        Ok(Self(PathBuf::from("/proc").join(thread).join("schedstat")))
    }

    pub(crate) fn of_process(pid: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{pid}/schedstat")))
    }

    /// Since it began.
    pub(crate) fn spent(&self) -> Result<Duration> {
        let text = fs::read_to_string(&self.0)?;
        let nanos = text.split_whitespace().next().ok_or("an empty schedstat")?;
        Ok(Duration::from_nanos(nanos.parse()?))
    }
}
