//! A client's request is executed at most once, at whichever node it arrived. A refused request is not executed.

use std::collections::HashSet;

use super::Invariant;
use crate::fact::Fact;

#[derive(Default)]
pub(super) struct Requests {
    executed: HashSet<u64>,
    refused: HashSet<u64>,
}

impl Invariant for Requests {
    fn name(&self) -> &'static str {
        "requests"
    }

    fn see(&mut self, _at: u64, _node: usize, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Executed { request } => {
                if self.refused.contains(request) {
                    return Err(format!(
                        "request {request} is executed after it was refused"
                    ));
                }
                if !self.executed.insert(*request) {
                    return Err(format!("request {request} is executed twice"));
                }
            }
            Fact::Refused { request } => {
                if self.executed.contains(request) {
                    return Err(format!("request {request} was executed, and is refused"));
                }
                self.refused.insert(*request);
            }
            _ => {}
        }
        Ok(())
    }
}
