//! One part of a batch's columns, with everything that its two passes need.

use std::sync::Mutex;

use rnn_core::cell::Sequence;
use rnn_core::kernel::{Columns, Training};
use rnn_core::network::{BackwardSpace, NetworkRef, Workspace};
use rnn_core::random::SplitMix64;

use super::blocks::Numbers;
use super::{Inputs, Loss, NOT_SCORED, Plan, Targets, WIDTH};
use crate::aligned::Aligned;

/// An update of all shards.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) shards: Vec<Mutex<Shard>>,
    pub(super) parameters: Aligned,
    /// Labels in the whole batch.
    pub(super) labels: usize,
    pub(super) seed: u64,
}

/// Columns of a batch. The buffers are made for the most that there can be; of each, the first part
/// is in use.
#[derive(Debug)]
pub(super) struct Shard {
    /// Its number, which its dropout masks depend on.
    number: u64,
    /// b
    pub(super) columns: usize,
    /// I numbers per step; none where the inputs are symbols, T x b.
    pub(super) values: Numbers,
    pub(super) symbols: Vec<u16>,
    /// O numbers per scored step; none where the labels are symbols, scored x b.
    pub(super) targets: Numbers,
    pub(super) labels: Vec<u16>,
    /// The state before the first step, and after the last, [`Shape::state`] x b.
    pub(super) start: Aligned,
    end: Aligned,
    /// dL/d(parameters), this shard's share.
    pub(super) gradient: Aligned,
    /// Its share of the loss.
    pub(super) loss: Loss,
}

/// What the two passes over a shard need beside, made for the widest one.
#[derive(Debug)]
pub(super) struct Scratch {
    cache: Aligned,
    masks: Aligned,
    masked: Aligned,
    y: Aligned,
    d: Aligned,
    space: Aligned,
}

impl Scratch {
    pub(super) fn new(plan: &Plan) -> Self {
        let Plan { shape, steps, scored, .. } = *plan;
        let zeros = |count: usize| Aligned::new(count * WIDTH.min(plan.batch));
        let between = shape.units() - shape.layers.hidden();
        let masks = if plan.dropout > 0.0 { zeros(steps * between) } else { zeros(0) };
        let parameters = Aligned::new(shape.parameters());
        let network = NetworkRef::new(shape, &parameters).expect("made for the shape");
        Scratch {
            cache: zeros(steps * shape.cache()),
            masked: Aligned::new(masks.len()),
            masks,
            y: zeros(scored * shape.outputs),
            d: zeros(steps * shape.units()),
            space: Aligned::new(network.space::<Training>()),
        }
    }
}

impl Shard {
    pub(super) fn new(plan: &Plan, number: usize, columns: usize) -> Self {
        let Plan { shape, steps, scored, .. } = *plan;
        let zeros = |count: usize| Aligned::new(count * columns);
        let symbols =
            |used: bool, count: usize| vec![NOT_SCORED; usize::from(used) * count * columns];
        let values = |used: bool, rows: usize, steps: usize| {
            Numbers::new(usize::from(used) * rows, steps, columns)
        };
        Shard {
            number: number as u64,
            columns,
            values: values(plan.inputs == Inputs::Values, shape.inputs, steps),
            symbols: symbols(plan.inputs == Inputs::Symbols, steps),
            targets: values(plan.targets == Targets::Values, shape.outputs, scored),
            labels: symbols(plan.targets == Targets::Symbols, scored),
            start: zeros(shape.state()),
            end: zeros(shape.state()),
            gradient: Aligned::new(shape.parameters()),
            loss: Loss::default(),
        }
    }

    /// Labels that count.
    pub(super) fn count_labels(&self, plan: &Plan) -> usize {
        let Plan { scored, shape, .. } = *plan;
        match plan.targets {
            Targets::Values => {
                let targets = self.targets.of(self.columns);
                targets.iter().filter(|target| !target.is_nan()).count()
            }
            Targets::Symbols => {
                let labels = &self.labels[..scored * self.columns];
                labels.iter().filter(|&&label| usize::from(label) < shape.outputs).count()
            }
        }
    }

    /// Both passes.
    pub(super) fn work(&mut self, plan: &Plan, task: &Task, scratch: &mut Scratch) {
        let Plan { shape, steps, scored, .. } = *plan;
        let b = self.columns;
        if b == 0 {
            return;
        }
        let network = NetworkRef::new(shape, &task.parameters).expect("checked by the caller");
        let x = match plan.inputs {
            Inputs::Values => Columns::Values(self.values.blocks(b)),
            Inputs::Symbols => Columns::Symbols(&self.symbols[..steps * b]),
        };
        let start = &self.start[..shape.state() * b];
        let sequence = Sequence { batch: b, x, start };
        let cache = &mut scratch.cache[..steps * shape.cache() * b];
        let masks = if plan.dropout > 0.0 {
            let masks = &mut scratch.masks[..steps * (shape.units() - shape.layers.hidden()) * b];
            draw_masks(masks, plan.dropout, task.seed.wrapping_add(self.number));
            &*masks
        } else {
            &[]
        };
        let masked = &mut scratch.masked[..masks.len()];
        let y = &mut scratch.y[..scored * shape.outputs * b];
        network.forward::<Training>(sequence, Workspace { cache, masks, masked }, y);
        if plan.carries {
            network.last_state(b, cache, &mut self.end[..shape.state() * b]);
        }
        let labels = task.labels.max(1) as f32;
        let sum = match plan.targets {
            Targets::Values => Training::squared_errors(y, self.targets.blocks(b), 2.0 / labels),
            Targets::Symbols => {
                Training::cross_entropies(y, shape.outputs, &self.labels, 1.0 / labels)
            }
        };
        self.loss = Loss { sum: f64::from(sum), labels: 0 };
        self.gradient.fill(0.0);
        let d = &mut scratch.d[..steps * shape.units() * b];
        let space = BackwardSpace { d, space: &mut scratch.space };
        let work = Workspace { cache, masks, masked };
        network.backward::<Training>(sequence, work, plan.truncation, y, space, &mut self.gradient);
        if plan.carries {
            std::mem::swap(&mut self.start, &mut self.end);
        }
    }
}

/// 0 with probability `share`, else 1 / (1 - share): the mean stays (N. Srivastava et al., JMLR 2014).
fn draw_masks(masks: &mut [f32], share: f32, seed: u64) {
    let kept = 1.0 / (1.0 - share);
    // 16 of a number's 64 bits decide about a unit.
    let below = (share * 65536.0) as u64;
    let mut random = SplitMix64::new(seed);
    for four in masks.chunks_mut(4) {
        let mut bits = random.next_u64();
        for mask in four {
            *mask = if bits & 0xFFFF < below { 0.0 } else { kept };
            bits >>= 16;
        }
    }
}
