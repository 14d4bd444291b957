use std::time::Duration;

use super::{
    election::{Changed, Election, Guard},
    node::Node,
    pick::{Elections, Pick, Picked},
};
use crate::{
    names::{Address, ElectionName},
    runtime::Runtime,
    task::{Admission, LeaderHandle, NotLeader, Term},
};

impl Node for LeaderHandle {
    fn name(&self) -> &ElectionName {
        self.election()
    }

    fn own_address(&self) -> Option<&Address> {
        self.parsed_address()
    }

    fn runtime(&self) -> &Runtime {
        self.runtime()
    }

    fn always_left(&self) -> Duration {
        self.always_left()
    }
}

impl Election for LeaderHandle {
    #[inline]
    fn admit_for(&self, min_remaining: Duration) -> Result<Admission, NotLeader> {
        self.admit_for(min_remaining)
    }

    fn not_leader(&self) -> NotLeader {
        self.not_leader()
    }

    fn changed(&self) -> Changed {
        let handle = self.clone();
        Box::pin(async move {
            let mut status = handle.watch();
            let renewed = handle.renewed();
            tokio::select! {
                biased;
                // An error means that the election has stopped.
                changed = status.changed() => changed.is_ok(),
                () = renewed => true,
            }
        })
    }

    fn hold(&self) -> Guard {
        Box::new(self.hold())
    }

    fn owns(&self, term: &Term) -> bool {
        self.owns(term)
    }

    fn boxed(&self) -> Box<dyn Election> {
        Box::new(self.clone())
    }
}

/// The one election of this handle decides about every request.
impl<Req> Elections<Req> for LeaderHandle {
    type Election<'a> = &'a Self;
    type Which = ();

    #[inline]
    fn pick(&self, _: &Req) -> Pick<&Self, ()> {
        Pick::Election(Picked::new(self, ()))
    }
}
