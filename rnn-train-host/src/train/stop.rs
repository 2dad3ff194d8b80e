//! The end of a training before its time: asked for (Ctrl-C), or at a deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// When a training has to end early. Clones share who asked.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Stop {
    /// The same, and at a time, whichever comes first.
    pub fn at(&self, deadline: Instant) -> Self {
        Stop { asked: Arc::clone(&self.asked), deadline: Some(deadline) }
    }

    /// Asks for the end.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether it is time to end.
    pub fn is_set(&self) -> bool {
        self.was_asked() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
