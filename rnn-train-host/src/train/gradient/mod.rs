//! The gradient of a batch: forward and backward pass over its columns, which are split into shards.
//!
//! How the columns are split depends on the batch alone, and the shards' gradients are summed in
//! their order, so any number of threads comes to the same bits. All memory is made at the start.
//!
//! ```
//! use rnn_core::activation::Activation;
//! use rnn_core::layers::{Kind, Layers};
//! use rnn_core::network::Shape;
//! use rnn_train_host::train::gradient::{Engine, Inputs, Plan, Targets};
//!
//! let layers = Layers::one(Kind::Elman(Activation::Tanh), 8);
//! let shape = Shape { inputs: 1, layers, outputs: 1 };
//! let plan = Plan {
//!     inputs: Inputs::Values,
//!     targets: Targets::Values,
//!     ..Plan::new(shape, 2, 3)
//! };
//! let mut engine = Engine::new(plan, 1);
//! for column in 0..2 {
//!     engine.set_values(column, &[0.1, 0.2, 0.3]);
//!     engine.set_targets(column, &[0.2, 0.3, f32::NAN]);
//! }
//! let parameters = vec![0.1; shape.parameters()];
//! let loss = engine.run(&parameters, 0);
//! assert_eq!(loss.labels, 4);
//! assert_eq!(engine.gradient().len(), parameters.len());
//! ```

mod blocks;
mod pool;
mod shard;

use std::mem;
use std::sync::{Mutex, PoisonError, RwLock};

use rnn_core::network::Shape;

use crate::aligned::Aligned;

use blocks::spread;
use pool::{Pool, lock};
use shard::{Scratch, Shard, Task};

/// Columns of a shard. Fixed: the gradient's bits depend on it.
const WIDTH: usize = 32;

/// The label of a column that isn't scored.
pub const NOT_SCORED: u16 = u16::MAX;

/// What a network reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    /// I values per step: [`Engine::set_values`].
    Values,
    /// One of I symbols per step: [`Engine::set_symbols`].
    Symbols,
}

/// What its outputs are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Targets {
    /// O values per step, mean squared error: [`Engine::set_targets`].
    Values,
    /// One of O symbols per step, softmax and cross-entropy: [`Engine::set_labels`].
    Symbols,
}

/// What is to be computed, time and again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// The network's sizes.
    pub shape: Shape,
    /// B, columns of a batch; [`Engine::set_columns`] makes it fewer for a while.
    pub batch: usize,
    /// T
    pub steps: usize,
    /// The last steps, whose outputs are compared; the others only warm the state up.
    pub scored: usize,
    /// Steps that an error travels back; T or more for all.
    pub truncation: usize,
    /// What the network reads.
    pub inputs: Inputs,
    /// What its outputs are compared with.
    pub targets: Targets,
    /// Share of the units between layers that is left out at random.
    pub dropout: f32,
    /// Whether the state after a batch is the one before the next; else each starts from the state
    /// at rest or from that given by [`Engine::set_state`].
    pub carries: bool,
}

impl Plan {
    /// Every step scored against values, no truncation, no dropout, from the state at rest.
    pub fn new(shape: Shape, batch: usize, steps: usize) -> Self {
        let (scored, truncation) = (steps, steps);
        let (inputs, targets) = (Inputs::Values, Targets::Values);
        let (dropout, carries) = (0.0, false);
        Plan { shape, batch, steps, scored, truncation, inputs, targets, dropout, carries }
    }
}

/// A loss before it is divided, so that means over several batches are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Loss {
    /// Squared errors, or cross-entropies in nats.
    pub sum: f64,
    /// How many of them.
    pub labels: usize,
}

impl Loss {
    /// The mean; 0 without labels.
    pub fn mean(self) -> f64 {
        self.sum / self.labels.max(1) as f64
    }
}

impl std::ops::AddAssign for Loss {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.labels += other.labels;
    }
}

/// What the threads share.
#[derive(Debug)]
struct Job {
    plan: Plan,
    /// One for each thread: what a pass leaves is gone when its next shard comes, and its memory is
    /// still in the cache.
    scratch: Vec<Mutex<Scratch>>,
    task: RwLock<Task>,
}

/// A batch, its gradient, and the threads that compute it. A column is set as a whole: all of its
/// steps, the first one first.
#[derive(Debug)]
pub struct Engine {
    pool: Pool<Job>,
    /// Handed over to the threads for a run.
    shards: Vec<Mutex<Shard>>,
    columns: usize,
    gradient: Vec<f32>,
}

impl Engine {
    /// With `threads` threads, the caller's included; more than there are shards wouldn't help.
    ///
    /// # Panics
    /// When batch or steps are 0, more steps are scored than there are, or the dropout isn't in [0, 1).
    pub fn new(plan: Plan, threads: usize) -> Self {
        assert!(plan.batch > 0 && plan.steps > 0 && plan.scored <= plan.steps, "{plan:?}");
        assert!((0.0..1.0).contains(&plan.dropout), "{plan:?}");
        let shards: Vec<_> = (0..plan.batch.div_ceil(WIDTH))
            .map(|number| Shard::new(&plan, number, WIDTH.min(plan.batch - number * WIDTH)))
            .map(Mutex::new)
            .collect();
        let gradient = vec![0.0; plan.shape.parameters()];
        let parameters = Aligned::new(gradient.len());
        let task = Task { parameters, labels: 0, seed: 0, shards: Vec::new() };
        let threads = threads.clamp(1, shards.len());
        let scratch = (0..threads).map(|_| Mutex::new(Scratch::new(&plan))).collect();
        let job = Job { plan, scratch, task: RwLock::new(task) };
        let pool = Pool::new(threads, job, |job, thread, number| {
            let task = job.task.read().unwrap_or_else(PoisonError::into_inner);
            lock(&task.shards[number]).work(&job.plan, &task, &mut lock(&job.scratch[thread]));
        });
        Engine { pool, shards, columns: plan.batch, gradient }
    }

    /// What it was made for.
    pub fn plan(&self) -> &Plan {
        &self.pool.job().plan
    }

    /// Columns in use, B at the start.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Uses the first `columns` columns from now on (a last, smaller batch); where that changes the
    /// number, all columns are to be set anew and their states are at rest.
    ///
    /// # Panics
    /// When there are more than B of them, or none.
    pub fn set_columns(&mut self, columns: usize) {
        assert!((1..=self.plan().batch).contains(&columns), "{columns} columns");
        if columns != self.columns {
            self.columns = columns;
            for (number, shard) in self.shards.iter_mut().map(held).enumerate() {
                shard.columns = columns.saturating_sub(number * WIDTH).min(WIDTH);
                shard.start.fill(0.0);
            }
        }
    }

    /// The inputs of a column, T x I.
    ///
    /// # Panics
    /// Here and below: when the column doesn't exist, the numbers aren't as many, or the plan says
    /// otherwise.
    pub fn set_values(&mut self, column: usize, values: &[f32]) {
        self.with(column, |shard, at| shard.values.set(at, values));
    }

    /// The inputs of a column, T symbols. One that isn't below I is a column of zeros.
    pub fn set_symbols(&mut self, column: usize, symbols: &[u16]) {
        let steps = self.plan().steps;
        self.with(column, |shard, at| {
            spread(&mut shard.symbols, 1, steps, at, shard.columns, symbols);
        });
    }

    /// The labels of a column, `scored` x O; NaN: not scored.
    pub fn set_targets(&mut self, column: usize, targets: &[f32]) {
        self.with(column, |shard, at| shard.targets.set(at, targets));
    }

    /// The labels of a column, `scored` symbols; [`NOT_SCORED`] and any other that isn't below O: not
    /// scored.
    pub fn set_labels(&mut self, column: usize, labels: &[u16]) {
        let scored = self.plan().scored;
        self.with(column, |shard, at| {
            spread(&mut shard.labels, 1, scored, at, shard.columns, labels);
        });
    }

    /// Every column starts from the state at rest.
    pub fn rest(&mut self) {
        self.shards.iter_mut().map(held).for_each(|shard| shard.start.fill(0.0));
    }

    /// Writes the states that the next batch starts from, [`Shape::state`] numbers for each column: what
    /// a checkpoint keeps of carried states.
    pub fn state_to(&self, state: &mut Vec<f32>) {
        let numbers = self.plan().shape.state();
        state.resize(numbers * self.columns, 0.0);
        self.states(numbers, |shard, place, column| state[column] = shard.start[place]);
    }

    /// Starts the next batch from what [`state_to`](Self::state_to) wrote.
    ///
    /// # Panics
    /// When the numbers aren't as many.
    pub fn set_state(&mut self, state: &[f32]) {
        let numbers = self.plan().shape.state();
        assert_eq!(state.len(), numbers * self.columns);
        self.states(numbers, |shard, place, column| shard.start[place] = state[column]);
    }

    /// The batch's loss at these parameters; [`gradient`](Self::gradient) then is that of its mean.
    /// `seed` decides which units are left out where there is dropout; draw another one each time.
    ///
    /// # Panics
    /// When the parameters aren't as many as the shape says.
    pub fn run(&mut self, parameters: &[f32], seed: u64) -> Loss {
        let job = self.pool.job();
        let shards = self.shards.iter_mut().map(held);
        let labels = shards.map(|shard| shard.count_labels(&job.plan)).sum();
        let task = || job.task.write().unwrap_or_else(PoisonError::into_inner);
        {
            let mut task = task();
            task.parameters.copy_from_slice(parameters);
            (task.labels, task.seed) = (labels, seed);
            task.shards = mem::take(&mut self.shards);
        }
        let used = self.columns.div_ceil(WIDTH);
        self.pool.run(used);
        self.shards = mem::take(&mut task().shards);
        let mut loss = Loss { sum: 0.0, labels };
        for (number, shard) in self.shards[..used].iter_mut().map(held).enumerate() {
            loss += shard.loss;
            if number == 0 {
                self.gradient.copy_from_slice(&shard.gradient);
            } else {
                self.gradient.iter_mut().zip(shard.gradient.iter()).for_each(|(sum, g)| *sum += g);
            }
        }
        loss
    }

    /// dL/d(parameters) of the last [`run`](Self::run).
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// The same, to be clipped.
    pub fn gradient_mut(&mut self) -> &mut Vec<f32> {
        &mut self.gradient
    }

    /// The shard of a column, and its place there.
    fn with(&mut self, column: usize, set: impl FnOnce(&mut Shard, usize)) {
        assert!(column < self.columns, "column {column} of {}", self.columns);
        set(held(&mut self.shards[column / WIDTH]), column % WIDTH);
    }

    /// Every number of state: shard, place in it, place in [`state`](Self::state). A shard holds a
    /// block per layer and section, H x b.
    fn states(&self, numbers: usize, mut each: impl FnMut(&mut Shard, usize, usize)) {
        let job = self.pool.job();
        for (number, shard) in self.shards.iter().enumerate() {
            let mut shard = lock(shard);
            let b = shard.columns;
            for column in 0..b {
                let mut before = 0;
                for layer in job.plan.shape.layers() {
                    for section in 0..layer.state() / layer.hidden {
                        for unit in 0..layer.hidden {
                            let of_column = before + section * layer.hidden + unit;
                            let block = (before + section * layer.hidden) * b;
                            let place = block + column * layer.hidden + unit;
                            let at = (number * WIDTH + column) * numbers + of_column;
                            each(&mut shard, place, at);
                        }
                    }
                    before += layer.state();
                }
            }
        }
    }
}

/// A shard between two runs, when no thread has it.
fn held(shard: &mut Mutex<Shard>) -> &mut Shard {
    shard.get_mut().unwrap_or_else(PoisonError::into_inner)
}
