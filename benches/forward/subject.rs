//! The subjects, and how they are measured.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{Result, cpu::Cpu, load};

/// Short, so that other load on the machine affects all turns of a round equally.
const TURN: Duration = Duration::from_millis(150);
/// The time until connections are open on both sides of a proxy.
const WARM_UP: Duration = Duration::from_millis(20);

pub(crate) struct Subject {
    pub(crate) label: &'static str,
    addr: SocketAddr,
    cpu: Cpu,
}

/// The result of one turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) p99: Duration,
    /// The CPU time per request in the subject's thread.
    pub(crate) cpu: Duration,
}

impl Subject {
    pub(crate) fn new(label: &'static str, addr: SocketAddr, cpu: Cpu) -> Self {
        Self { label, addr, cpu }
    }

    async fn turn(&self, body_len: usize) -> Result<Turn> {
        load::send(self.addr, body_len, WARM_UP).await?;
        let (begin, cpu) = (Instant::now(), self.cpu.spent()?);
        let mut times = load::send(self.addr, body_len, TURN).await?;
        let (took, cpu) = (begin.elapsed(), self.cpu.spent()? - cpu);
        times.sort_unstable();
        let count = u32::try_from(times.len())?;
        Ok(Turn {
            rate: f64::from(count) / took.as_secs_f64(),
            p99: times[times.len() * 99 / 100],
            cpu: cpu / count,
        })
    }
}

/// Runs the rounds. In each, every subject has one turn, and another subject is first.
pub(crate) async fn measure(
    subjects: &[Subject],
    body_len: usize,
    rounds: usize,
) -> Result<Vec<Vec<Turn>>> {
    let mut all = Vec::new();
    for first in 0..rounds {
        let mut round = vec![None; subjects.len()];
        for i in 0..subjects.len() {
            let i = (first + i) % subjects.len();
            round[i] = Some(subjects[i].turn(body_len).await?);
        }
        all.push(round.into_iter().flatten().collect());
    }
    Ok(all)
}
