//! One part of a batch's columns, with everything that its two passes need.

use rnn_core::cell::Sequence;
use rnn_core::kernel::{Columns, Training};
use rnn_core::network::{BackwardSpace, NetworkRef, Workspace};
use rnn_core::random::SplitMix64;

use super::{Inputs, Loss, NOT_SCORED, Plan, Targets};

/// What an update asks of every shard.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) parameters: Vec<f32>,
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
    /// T x (I x b); empty where the inputs are symbols, T x b.
    pub(super) values: Vec<f32>,
    pub(super) symbols: Vec<u16>,
    /// scored x (O x b); empty where the labels are symbols, scored x b.
    pub(super) targets: Vec<f32>,
    pub(super) labels: Vec<u16>,
    /// The state before the first step, and after the last, [`Shape::state`] x b.
    pub(super) start: Vec<f32>,
    end: Vec<f32>,
    cache: Vec<f32>,
    masks: Vec<f32>,
    masked: Vec<f32>,
    y: Vec<f32>,
    d: Vec<f32>,
    space: Vec<f32>,
    /// dL/d(parameters), this shard's share.
    pub(super) gradient: Vec<f32>,
    /// Its share of the loss.
    pub(super) loss: Loss,
}

impl Shard {
    pub(super) fn new(plan: &Plan, number: usize, columns: usize) -> Self {
        let Plan { shape, steps, scored, .. } = *plan;
        let zeros = |count: usize| vec![0.0; count * columns];
        let symbols =
            |used: bool, count: usize| vec![NOT_SCORED; usize::from(used) * count * columns];
        let values = |used: bool, count: usize| zeros(usize::from(used) * count);
        let between = shape.units() - shape.layers.hidden();
        let masks = if plan.dropout > 0.0 { zeros(steps * between) } else { Vec::new() };
        let parameters = vec![0.0; shape.parameters()];
        let network = NetworkRef::new(shape, &parameters).expect("made for the shape");
        let space = vec![0.0; network.space::<Training>()];
        Shard {
            number: number as u64,
            columns,
            values: values(plan.inputs == Inputs::Values, steps * shape.inputs),
            symbols: symbols(plan.inputs == Inputs::Symbols, steps),
            targets: values(plan.targets == Targets::Values, scored * shape.outputs),
            labels: symbols(plan.targets == Targets::Symbols, scored),
            start: zeros(shape.state()),
            end: zeros(shape.state()),
            cache: zeros(steps * shape.cache()),
            masked: masks.clone(),
            masks,
            y: zeros(scored * shape.outputs),
            d: zeros(steps * shape.units()),
            space,
            gradient: parameters,
            loss: Loss::default(),
        }
    }

    /// Labels that count.
    pub(super) fn count_labels(&self, plan: &Plan) -> usize {
        let Plan { scored, shape, .. } = *plan;
        match plan.targets {
            Targets::Values => {
                let targets = &self.targets[..scored * shape.outputs * self.columns];
                targets.iter().filter(|target| !target.is_nan()).count()
            }
            Targets::Symbols => {
                let labels = &self.labels[..scored * self.columns];
                labels.iter().filter(|&&label| usize::from(label) < shape.outputs).count()
            }
        }
    }

    /// Both passes.
    pub(super) fn work(&mut self, plan: &Plan, task: &Task) {
        let Plan { shape, steps, scored, .. } = *plan;
        let b = self.columns;
        if b == 0 {
            return;
        }
        let network = NetworkRef::new(shape, &task.parameters).expect("checked by the caller");
        let x = match plan.inputs {
            Inputs::Values => Columns::Values(&self.values[..steps * shape.inputs * b]),
            Inputs::Symbols => Columns::Symbols(&self.symbols[..steps * b]),
        };
        let start = &self.start[..shape.state() * b];
        let sequence = Sequence { batch: b, x, start };
        let cache = &mut self.cache[..steps * shape.cache() * b];
        let masks = if plan.dropout > 0.0 {
            let masks = &mut self.masks[..steps * (shape.units() - shape.layers.hidden()) * b];
            draw_masks(masks, plan.dropout, task.seed.wrapping_add(self.number));
            &*masks
        } else {
            &[]
        };
        let masked = &mut self.masked[..masks.len()];
        let y = &mut self.y[..scored * shape.outputs * b];
        network.forward::<Training>(sequence, Workspace { cache, masks, masked }, y);
        if plan.carries {
            network.last_state(b, cache, &mut self.end[..shape.state() * b]);
        }
        let sum = match plan.targets {
            Targets::Values => squared_errors(y, &self.targets, task.labels),
            Targets::Symbols => cross_entropies(y, shape.outputs, &self.labels, task.labels),
        };
        self.loss = Loss { sum: f64::from(sum), labels: 0 };
        self.gradient.fill(0.0);
        let d = &mut self.d[..steps * shape.units() * b];
        let space = BackwardSpace { d, space: &mut self.space };
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

/// Sum of (y - target)^2 over the targets that aren't NaN; y becomes the gradient of its mean over
/// `labels`.
fn squared_errors(y: &mut [f32], targets: &[f32], labels: usize) -> f32 {
    let scale = 2.0 / labels.max(1) as f32;
    let mut sum = 0.0;
    for (y, &target) in y.iter_mut().zip(targets) {
        let error = if target.is_nan() { 0.0 } else { *y - target };
        sum += error * error;
        *y = scale * error;
    }
    sum
}

/// Sum of -ln softmax(o)[label] over the columns that have one; o becomes the gradient of its mean
/// over `labels`: softmax(o) - 1 at the label.
fn cross_entropies(o: &mut [f32], outputs: usize, labels: &[u16], count: usize) -> f32 {
    use rnn_core::Scalar;
    let scale = 1.0 / count.max(1) as f32;
    let mut sum = 0.0;
    for (o, &label) in o.chunks_exact_mut(outputs).zip(labels) {
        let Some(&of_label) = o.get(usize::from(label)) else {
            o.fill(0.0);
            continue;
        };
        let max = o.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut total = 0.0;
        for o in o.iter_mut() {
            *o = Scalar::exp(*o - max);
            total += *o;
        }
        sum += Scalar::ln(total) + (max - of_label);
        let share = scale / total;
        o.iter_mut().for_each(|o| *o *= share);
        o[usize::from(label)] -= scale;
    }
    sum
}
