//! G6: a planned hand-over delays requests, and fails none. Each request that was promised an answer is answered with
//! success in time, and was then executed exactly once.

use std::collections::BTreeMap;

use super::Invariant;
use crate::fact::Fact;

#[derive(Default)]
pub(super) struct Seamless {
    promised: BTreeMap<u64, Promise>,
}

struct Promise {
    due: u64,
    is_executed: bool,
}

impl Promise {
    fn executed(&mut self, request: u64) -> Result<(), String> {
        match std::mem::replace(&mut self.is_executed, true) {
            true => Err(format!("request {request} is executed twice")),
            false => Ok(()),
        }
    }

    fn answered(&self, request: u64, failure: Option<&str>) -> Result<(), String> {
        let was = match self.is_executed {
            true => "was executed",
            false => "was not executed",
        };
        match failure {
            None if self.is_executed => Ok(()),
            None => Err(format!("request {request} has succeeded, and {was}")),
            Some(failure) => Err(format!(
                "request {request} is answered with {failure}, and {was}"
            )),
        }
    }
}

impl Invariant for Seamless {
    fn name(&self) -> &'static str {
        "g6_seamless"
    }

    fn see(&mut self, at: u64, _node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let mut promised = self.promised.iter();
        let is_end = matches!(fact, Fact::End);
        if let Some((request, _)) = promised.find(|(_, promise)| is_end || promise.due < at) {
            return Err(format!("request {request} is not answered in time"));
        }
        match fact {
            Fact::Promised { request, due } => {
                let promise = Promise {
                    due: *due,
                    is_executed: false,
                };
                self.promised.insert(*request, promise);
            }
            Fact::Executed { request } => {
                if let Some(promise) = self.promised.get_mut(request) {
                    promise.executed(*request)?;
                }
            }
            Fact::Replied { request, failure } => {
                if let Some(promise) = self.promised.remove(request) {
                    promise.answered(*request, *failure)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}
