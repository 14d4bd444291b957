//! The faults of the leader.

use std::{str::FromStr, time::Duration};

use anyhow::Context;
use noleader_fixture::Direction;
use tokio::time::sleep;

use crate::node::Node;

/// How long a leader stays cut off after it resumes.
const STILL_CUT_OFF: Duration = Duration::from_secs(15);

/// A fault that starts, lasts until another candidate leads, and ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Kill,
    CutOff,
    NoAnswers,
    Pause,
    PauseThenCutOff,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] = [
        Self::Kill,
        Self::CutOff,
        Self::NoAnswers,
        Self::Pause,
        Self::PauseThenCutOff,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed",
            Self::CutOff => "cut off",
            Self::NoAnswers => "cut off one way",
            Self::Pause => "paused",
            Self::PauseThenCutOff => "paused, wakes cut off",
        }
    }

    pub(crate) fn begin(self, leader: &mut Node) -> anyhow::Result<()> {
        match self {
            Self::Kill => leader.process.kill(),
            Self::CutOff => leader.proxy.black_hole(Direction::Both),
            Self::NoAnswers => leader.proxy.black_hole(Direction::ToClient),
            Self::Pause | Self::PauseThenCutOff => leader.process.pause()?,
        }
        Ok(())
    }

    /// Resumes the process while it is cut off, like a virtual machine whose network returns later.
    pub(crate) async fn end(self, leader: &Node) -> anyhow::Result<()> {
        match self {
            Self::Kill => {}
            Self::CutOff | Self::NoAnswers => leader.proxy.heal(),
            Self::Pause => leader.process.resume()?,
            Self::PauseThenCutOff => {
                leader.proxy.black_hole(Direction::Both);
                leader.process.resume()?;
                sleep(STILL_CUT_OFF).await;
                leader.proxy.heal();
            }
        }
        Ok(())
    }
}

impl FromStr for Fault {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|fault| fault.name() == name);
        known.with_context(|| format!("no such fault: {name:?}"))
    }
}
