//! Threads that wait, parked, for the next round of tasks: no spinning, so that a busy machine isn't
//! made busier, and no allocation once they stand.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Locks whether or not a thread has panicked while it held the lock: [`Pool::run`] passes panics on.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A round: tasks 0 ... count - 1, each taken by one thread.
#[derive(Debug, Default)]
struct Round {
    next: usize,
    count: usize,
    done: usize,
    panicked: bool,
    /// No round will follow.
    over: bool,
}

#[derive(Debug)]
struct Shared<J> {
    job: J,
    work: fn(&J, usize),
    round: Mutex<Round>,
    begun: Condvar,
    ended: Condvar,
}

impl<J> Shared<J> {
    /// Takes tasks until none is left; returns with the lock held.
    fn help(&self) -> MutexGuard<'_, Round> {
        let mut round = lock(&self.round);
        while round.next < round.count {
            let task = round.next;
            round.next += 1;
            drop(round);
            let result = catch_unwind(AssertUnwindSafe(|| (self.work)(&self.job, task)));
            round = lock(&self.round);
            round.panicked |= result.is_err();
            round.done += 1;
            if round.done == round.count {
                self.ended.notify_one();
            }
        }
        round
    }

    /// A thread's life.
    fn serve(&self) {
        let mut round = self.help();
        while !round.over {
            drop(self.begun.wait(round).unwrap_or_else(PoisonError::into_inner));
            round = self.help();
        }
    }
}

/// The caller's thread and others, all working on the tasks of one job.
#[derive(Debug)]
pub(super) struct Pool<J: Send + Sync + 'static> {
    shared: Arc<Shared<J>>,
    threads: Vec<JoinHandle<()>>,
}

impl<J: Send + Sync + 'static> Pool<J> {
    /// `threads` counts the caller's; `work` is a task of the job, by its number.
    pub(super) fn new(threads: usize, job: J, work: fn(&J, usize)) -> Self {
        let (begun, ended) = (Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { job, work, round: Mutex::default(), begun, ended });
        let spawn = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.serve())
        };
        let threads = (1..threads).map(spawn).collect();
        Pool { shared, threads }
    }

    /// What the tasks work on.
    pub(super) fn job(&self) -> &J {
        &self.shared.job
    }

    /// Works on tasks 0 ... count - 1 and returns when all are done.
    pub(super) fn run(&self, count: usize) {
        *lock(&self.shared.round) = Round { count, ..Round::default() };
        self.shared.begun.notify_all();
        let mut round = self.shared.help();
        while round.done < round.count {
            round = self.shared.ended.wait(round).unwrap_or_else(PoisonError::into_inner);
        }
        assert!(!round.panicked, "a thread of the trainer has panicked, see above");
    }
}

impl<J: Send + Sync + 'static> Drop for Pool<J> {
    fn drop(&mut self) {
        lock(&self.shared.round).over = true;
        self.shared.begun.notify_all();
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_task_of_every_round_is_done_once() {
        for threads in [1, 2, 5] {
            let job: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];
            let pool = Pool::new(threads, job, |job, task| {
                job[task].fetch_add(1, Ordering::Relaxed);
            });
            for round in 1..=200 {
                pool.run(round % 5);
            }
            let counts = pool.job().each_ref().map(|count| count.load(Ordering::Relaxed));
            assert_eq!(counts, [160, 120, 80, 40]);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let pool = Pool::new(2, (), |(), task| assert_ne!(task, 2, "on purpose"));
        let run = |count| catch_unwind(AssertUnwindSafe(|| pool.run(count)));
        assert!(run(2).is_ok());
        assert!(run(4).is_err());
        assert!(run(2).is_ok(), "the next round is a new one");
    }
}
