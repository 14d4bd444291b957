//! No candidate is stuck or spins: until it has stopped, it always has a timeout in the future. No term is lost
//! without a cause. Long after the faults have stopped, each candidate leads, knows the leader, or has stopped.

use noleader::{
    clock::Moment,
    lease::{Ended, Status},
};

use super::Invariant;
use crate::{fact::Fact, finale::KnownAs};

/// How often in a row a machine may ask to be woken at once.
const MOST_TURNS_AT_ONCE: u32 = 8;

pub(super) struct Liveness {
    /// How often in a row each node has asked to be woken at once.
    at_once: Vec<u32>,
}

impl Liveness {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            at_once: vec![0; nodes],
        }
    }

    fn turned(
        &mut self,
        node: usize,
        status: &Status,
        (timeout, now): (Option<Moment>, Moment),
    ) -> Result<(), String> {
        let is_stopped = *status == Status::Stopped;
        if timeout.is_none() != is_stopped {
            return Err(format!(
                "{status:?}, and it wants to be woken at {timeout:?}"
            ));
        }
        let at_once = &mut self.at_once[node];
        *at_once = match timeout {
            Some(timeout) if timeout <= now => *at_once + 1,
            _ => 0,
        };
        if *at_once > MOST_TURNS_AT_ONCE {
            return Err("it asks to be woken at once, again and again".to_owned());
        }
        Ok(())
    }
}

fn stands(status: &Status, leader: Option<&KnownAs>) -> Result<(), String> {
    let knows = match status {
        Status::Follower { leader: known } => known
            .as_ref()
            .is_some_and(|known| Some(&KnownAs::from(known)) == leader),
        Status::Leader { .. } | Status::Stopped => true,
        _ => false,
    };
    match (knows, leader) {
        (true, _) => Ok(()),
        (false, Some(leader)) => Err(format!("{status:?}, while {leader:?} leads")),
        (false, None) => Err(format!("{status:?}, and no node leads")),
    }
}

impl Invariant for Liveness {
    fn name(&self) -> &'static str {
        "liveness"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Started { .. } => self.at_once[node] = 0,
            Fact::Turned {
                status,
                timeout,
                handled_at,
                ..
            } => self.turned(node, status, (*timeout, *handled_at))?,
            Fact::Ended {
                why: why @ (Ended::Overwritten | Ended::Deleted | Ended::DataLost),
                justified: false,
                ..
            } => {
                return Err(format!("a term ended as {why:?}, but the key is unchanged"));
            }
            Fact::Standing { status, leader } => stands(status, *leader)?,
            _ => {}
        }
        Ok(())
    }
}
