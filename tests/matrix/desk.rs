//! Shared by the handlers of both servers: counts, and pauses where a cell needs them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use noleader::Term;
use tokio::sync::watch;

/// A node, as its handlers know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    A,
    B,
    /// A follower of `a` at which the request comes in.
    Entry,
}

impl Site {
    pub(crate) const COUNT: usize = 3;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::A, Self::B, Self::Entry];
}

/// A step in the progress of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The request has reached the layer.
    Arrived,
    /// A handler has started.
    Begun,
    /// The client has received a part of the response.
    Received,
    /// Handler and client may continue after the pause.
    GoesOn,
}

/// The steps of one request, as its client and its handler report them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course(watch::Sender<Vec<Step>>);

impl Course {
    pub(crate) fn made(&self, step: Step) {
        self.0.send_modify(|steps| steps.push(step));
    }

    pub(crate) async fn until(&self, step: Step) {
        let mut steps = self.0.subscribe();
        steps.wait_for(|made| made.contains(&step)).await.unwrap();
    }

    /// Waits until requests have reached this number of layers.
    pub(crate) async fn until_arrived(&self, layers: usize) {
        let arrived = |made: &Vec<Step>| made.iter().filter(|s| **s == Step::Arrived).count();
        let mut steps = self.0.subscribe();
        steps
            .wait_for(|made| arrived(made) >= layers)
            .await
            .unwrap();
    }
}

/// Where a handler waits for [`Step::GoesOn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    BeforeHead,
    AfterHead,
}

/// The handlers of one node.
#[derive(Clone)]
pub(crate) struct Desk {
    site: Site,
    pause: Pause,
    pub(crate) course: Course,
    books: Arc<Books>,
}

#[derive(Default)]
struct Books {
    runs: AtomicUsize,
    cut_off: AtomicUsize,
}

impl Desk {
    pub(crate) fn new(site: Site, pause: Pause, course: &Course) -> Self {
        Self {
            site,
            pause,
            course: course.clone(),
            books: Arc::default(),
        }
    }

    pub(crate) fn runs(&self) -> usize {
        self.books.runs.load(Ordering::SeqCst)
    }

    /// The number of handlers that were dropped before they finished.
    pub(crate) fn cut_off(&self) -> usize {
        self.books.cut_off.load(Ordering::SeqCst)
    }

    pub(crate) fn begin(&self, term: Option<&Term>) -> Work {
        self.books.runs.fetch_add(1, Ordering::SeqCst);
        self.course.made(Step::Begun);
        Work {
            by: by(self.site, term.map(|term| term.token().into())),
            desk: self.clone(),
            is_done: false,
        }
    }
}

/// A running handler.
pub(crate) struct Work {
    /// The node and the term, for the response.
    pub(crate) by: String,
    desk: Desk,
    is_done: bool,
}

impl Work {
    pub(crate) async fn pause(&self, at: Pause) {
        if self.desk.pause == at {
            self.desk.course.until(Step::GoesOn).await;
        }
    }

    pub(crate) fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.is_done {
            self.desk.books.cut_off.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// The node and the term, as a handler includes them in its response.
pub(crate) fn by(site: Site, token: Option<u64>) -> String {
    match token {
        Some(token) => format!("{site:?} under {token}"),
        None => format!("{site:?} under no term"),
    }
}
