//! What processes use.

use std::{fs, time::Duration};

use crate::Result;

/// The frequency of the kernel's clock, in which it counts the time of a process.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// KiB.
    pub(crate) resident: u64,
}

impl Usage {
    /// The sum over some processes.
    pub(crate) fn of(pids: &[u32]) -> Result<Self> {
        let mut all = Self {
            cpu: Duration::ZERO,
            resident: 0,
        };
        for pid in pids {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            let (_, fields) = stat.rsplit_once(')').ok_or("no name in stat")?;
            let fields: Vec<&str> = fields.split_whitespace().collect();
            let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
            all.cpu += Duration::from_secs_f64(ticks / TICKS_PER_SECOND);
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let resident = resident.ok_or("no VmRSS in status")?;
            all.resident += resident.trim().trim_end_matches(" kB").parse::<u64>()?;
        }
        Ok(all)
    }
}
