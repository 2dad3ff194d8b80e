//! Threads that wait for the next round of tasks. For a moment they look again and again, as long as
//! it takes to wake a thread; then they are parked, so that a busy machine isn't made busier. No
//! allocation once they stand.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, available_parallelism};
use std::time::{Duration, Instant};

/// How long a thread looks for what it waits for before it is parked.
const LOOK: Duration = Duration::from_micros(50);

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
    /// Threads that are parked until one begins.
    parked: usize,
    /// Whether the caller is parked until it ends.
    awaited: bool,
}

#[derive(Debug)]
struct Shared<J> {
    job: J,
    work: fn(&J, usize, usize),
    round: Mutex<Round>,
    begun: Condvar,
    ended: Condvar,
    /// Rounds that have begun and ended; changed with the lock held, looked at without it.
    begun_rounds: AtomicU64,
    ended_rounds: AtomicU64,
    /// No time at all where there are more threads than cores.
    look: Duration,
}

impl<J> Shared<J> {
    /// Waits a moment for a round other than number `seen`.
    fn look(&self, rounds: &AtomicU64, seen: u64) {
        let start = Instant::now();
        while rounds.load(Ordering::Acquire) == seen && start.elapsed() < self.look {
            std::hint::spin_loop();
        }
    }

    /// Lets the threads know of a round.
    fn begin(&self, round: Round) {
        let mut held = lock(&self.round);
        let parked = held.parked;
        *held = Round { parked, ..round };
        self.begun_rounds.fetch_add(1, Ordering::Release);
        drop(held);
        // A call of the system, even where nobody listens.
        if parked > 0 {
            self.begun.notify_all();
        }
    }

    /// Takes tasks until none is left; returns with the lock held.
    fn help(&self, thread: usize) -> MutexGuard<'_, Round> {
        let mut round = lock(&self.round);
        while round.next < round.count {
            let task = round.next;
            round.next += 1;
            drop(round);
            let result = catch_unwind(AssertUnwindSafe(|| (self.work)(&self.job, thread, task)));
            round = lock(&self.round);
            round.panicked |= result.is_err();
            round.done += 1;
            if round.done == round.count {
                self.ended_rounds.fetch_add(1, Ordering::Release);
                if round.awaited {
                    self.ended.notify_one();
                }
            }
        }
        round
    }

    /// A thread's life.
    fn serve(&self, thread: usize) {
        let mut round = self.help(thread);
        while !round.over {
            let seen = self.begun_rounds.load(Ordering::Relaxed);
            drop(round);
            self.look(&self.begun_rounds, seen);
            round = lock(&self.round);
            round.parked += 1;
            while self.begun_rounds.load(Ordering::Relaxed) == seen {
                round = self.begun.wait(round).unwrap_or_else(PoisonError::into_inner);
            }
            round.parked -= 1;
            drop(round);
            round = self.help(thread);
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
    /// `threads` counts the caller's; `work` is a task of the job, by the numbers of the thread, the
    /// caller's being 0, and of the task.
    pub(super) fn new(threads: usize, job: J, work: fn(&J, usize, usize)) -> Self {
        let (begun, ended) = (Condvar::new(), Condvar::new());
        let cores = available_parallelism().map_or(1, usize::from);
        let shared = Arc::new(Shared {
            job,
            work,
            round: Mutex::default(),
            begun,
            ended,
            begun_rounds: AtomicU64::new(0),
            ended_rounds: AtomicU64::new(0),
            look: if threads <= cores { LOOK } else { Duration::ZERO },
        });
        let spawn = |thread| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.serve(thread))
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
        let shared = &self.shared;
        if self.threads.is_empty() {
            return (0..count).for_each(|task| (shared.work)(&shared.job, 0, task));
        }
        let ended = shared.ended_rounds.load(Ordering::Relaxed);
        shared.begin(Round { count, ..Round::default() });
        let mut round = shared.help(0);
        if round.done < round.count {
            drop(round);
            shared.look(&shared.ended_rounds, ended);
            round = lock(&shared.round);
        }
        round.awaited = true;
        while round.done < round.count {
            round = shared.ended.wait(round).unwrap_or_else(PoisonError::into_inner);
        }
        assert!(!round.panicked, "a thread of the trainer has panicked, see above");
    }
}

impl<J: Send + Sync + 'static> Drop for Pool<J> {
    fn drop(&mut self) {
        self.shared.begin(Round { over: true, ..Round::default() });
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
            let pool = Pool::new(threads, job, |job, _, task| {
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
        let pool = Pool::new(2, (), |(), _, task| assert_ne!(task, 2, "on purpose"));
        let run = |count| catch_unwind(AssertUnwindSafe(|| pool.run(count)));
        assert!(run(2).is_ok());
        assert!(run(4).is_err());
        assert!(run(2).is_ok(), "the next round is a new one");
    }
}
