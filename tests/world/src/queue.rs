//! The pending events in order of real time; events at one instant keep the order in which they were scheduled.

use std::{cmp::Reverse, collections::BinaryHeap};

pub(crate) struct Queue<E> {
    order: BinaryHeap<Reverse<(u64, usize)>>,
    events: Vec<Option<E>>,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Self {
            order: BinaryHeap::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, at: u64, event: E) {
        self.order.push(Reverse((at, self.events.len())));
        self.events.push(Some(event));
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, E)> {
        let Reverse((at, index)) = self.order.pop()?;
        let event = self.events[index].take()?;
        Some((at, event))
    }

    /// The number of events that were ever scheduled.
    pub(crate) fn planned(&self) -> usize {
        self.events.len()
    }

    /// Moves each event that is later than its new time, and drops the events without one.
    pub(crate) fn hurry(&mut self, mut time: impl FnMut(u64, &E) -> Option<u64>) {
        let mut order: Vec<_> = self.order.drain().map(|Reverse(entry)| entry).collect();
        order.sort_unstable();
        for (at, index) in order {
            let new = self.events[index]
                .as_ref()
                .and_then(|event| time(at, event));
            match new {
                Some(new) => self.order.push(Reverse((new.min(at), index))),
                None => self.events[index] = None,
            }
        }
    }
}
