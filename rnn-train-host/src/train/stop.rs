//! The end of a training before its time: asked for (Ctrl-C), at a deadline, or after a failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// When a training has to end early. Clones share who asked.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    failed: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Stop {
    /// For one training: ends when this one is asked for, and when it fails itself.
    pub fn of_one(&self) -> Self {
        Stop { asked: Arc::clone(&self.asked), ..Stop::default() }
    }

    /// The same, and at a time, whichever comes first.
    pub fn at(&self, deadline: Instant) -> Self {
        Stop { deadline: Some(deadline), ..self.clone() }
    }

    /// Asks for the end.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Ends what can't go on.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether it is time to end.
    pub fn is_set(&self) -> bool {
        self.was_asked()
            || self.failed.load(Ordering::Relaxed)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
