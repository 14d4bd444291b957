//! Who is measured, and how.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{Result, cpu::Cpu, load};

const TURN: Duration = Duration::from_millis(500);
/// Until connections are open on both sides of a proxy.
const WARM_UP: Duration = Duration::from_millis(50);

pub(crate) struct Subject {
    pub(crate) label: &'static str,
    addr: SocketAddr,
    cpu: Cpu,
}

/// What came of one turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) p99: Duration,
    /// What a request took of a processor, in the subject's thread.
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

/// What came of each round: a turn of each subject.
pub(crate) async fn measure(
    subjects: &[Subject],
    body_len: usize,
    rounds: usize,
) -> Result<Vec<Vec<Turn>>> {
    let mut all = Vec::new();
    for _ in 0..rounds {
        let mut round = Vec::new();
        for subject in subjects {
            round.push(subject.turn(body_len).await?);
        }
        all.push(round);
    }
    Ok(all)
}
