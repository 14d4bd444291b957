//! What the tenants' jobs have done. It stands for a database that all nodes share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use noleader::{
    FencingToken,
    fencing::{Fenced, StaleToken},
};
use noleader_fixture::eventually;

/// Longer than anything here takes.
const BOUND: Duration = Duration::from_secs(60);

/// A job that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) node: String,
    pub(crate) is_finished: bool,
}

/// The jobs of each tenant, in the order in which they began. A real database keeps the token in the tenant's row, and
/// compares it in the same statement: see `noleader::fencing`.
type Jobs = BTreeMap<String, Fenced<Vec<Job>>>;

#[derive(Debug)]
pub(crate) struct Database {
    tenants: Vec<String>,
    jobs: Mutex<Jobs>,
}

impl Database {
    pub(crate) fn new(tenants: &[&str]) -> Self {
        let tenants: Vec<_> = tenants.iter().copied().map(str::to_owned).collect();
        let jobs = tenants.iter().map(|t| (t.clone(), Fenced::default()));
        Self {
            jobs: Mutex::new(jobs.collect()),
            tenants,
        }
    }

    pub(crate) fn tenants(&self) -> &[String] {
        &self.tenants
    }

    /// Begins a tenant's next job: the one after the last that was finished. Returns its number.
    pub(crate) fn begin(
        &self,
        tenant: &str,
        token: FencingToken,
        node: &str,
    ) -> Result<u64, StaleToken> {
        self.write(tenant, token, |jobs| {
            let last = jobs.iter().rfind(|job| job.is_finished);
            let number = last.map_or(1, |job| job.number + 1);
            jobs.push(Job {
                number,
                node: node.to_owned(),
                is_finished: false,
            });
            number
        })
    }

    /// Finishes a job that was begun under the same token.
    pub(crate) fn finish(
        &self,
        tenant: &str,
        token: FencingToken,
        number: u64,
    ) -> Result<(), StaleToken> {
        self.write(tenant, token, |jobs| {
            let begun = jobs.iter_mut().rfind(|job| job.number == number);
            if let Some(job) = begun {
                job.is_finished = true;
            }
        })
    }

    fn write<T>(
        &self,
        tenant: &str,
        token: FencingToken,
        change: impl FnOnce(&mut Vec<Job>) -> T,
    ) -> Result<T, StaleToken> {
        // The token is compared and the job is written under one lock.
        let mut jobs = self.lock();
        let jobs = jobs.entry(tenant.to_owned()).or_default();
        jobs.write(token).map(change)
    }

    /// Waits until each tenant has a job on one of these nodes that begins after this call.
    pub(crate) async fn each_runs_on(&self, nodes: &BTreeSet<&str>) -> anyhow::Result<()> {
        let seen: Vec<_> = self.lock().values().map(|jobs| jobs.read().len()).collect();
        let is_one = |job: &Job| nodes.contains(&*job.node);
        let each = async || {
            let jobs = self.lock();
            let mut new = jobs.values().zip(&seen);
            new.all(|(jobs, seen)| jobs.read().iter().skip(*seen).any(is_one))
                .then_some(())
        };
        Ok(eventually("a job of each tenant", BOUND, each).await?)
    }

    /// The jobs of each tenant.
    pub(crate) fn jobs(&self) -> Vec<(String, Vec<Job>)> {
        let jobs = self.lock();
        jobs.iter()
            .map(|(tenant, jobs)| (tenant.clone(), jobs.read().clone()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_leader_finishes_and_begins_nothing() {
        let database = Database::new(&["acme"]);
        assert_eq!(database.begin("acme", 5.into(), "a"), Ok(1));
        // The next leader runs the unfinished job again.
        assert_eq!(database.begin("acme", 8.into(), "b"), Ok(1));
        assert!(database.finish("acme", 5.into(), 1).is_err());
        assert!(database.begin("acme", 5.into(), "a").is_err());
        assert_eq!(database.begin("acme", 8.into(), "b"), Ok(1));
        database.finish("acme", 8.into(), 1).unwrap();
        assert_eq!(database.begin("acme", 8.into(), "b"), Ok(2));
    }
}
