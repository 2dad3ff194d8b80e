//! Learning from a log as a device learns from its stream: the same procedure, the same bits; see
//! [`rnn_core::adapt`].

mod learner;

use anyhow::{Result, ensure};
use rnn_core::adapt::{Adapter, Event, Learner};
use rnn_core::watch::Verdict;

use crate::aligned::Aligned;
use crate::data::Table;
use crate::device::stream::Sent;
use crate::metrics::Errors;
use crate::model::Model;
use crate::watch::{Watcher, Watching, sent};

pub use learner::{Readout, Whole};

/// Samples of a block where nothing else is asked for.
pub const BLOCK: usize = 16;
/// Most samples of a block.
pub const LONGEST_BLOCK: usize = 4096;

/// How to learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// T, samples of a block: 1 to [`LONGEST_BLOCK`].
    pub block: usize,
    /// Only the readout learns.
    pub readout_only: bool,
    /// Rows at the start that aren't scored.
    pub skip: usize,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// The frozen network's prediction of the target without the truth; NaN where it isn't scored.
    pub frozen_error: f32,
    /// The adapting one's.
    pub adapted_error: f32,
    /// What happened to the networks.
    pub event: Option<Event>,
}

/// What came of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Adaptation {
    /// Row by row.
    pub rows: Vec<Row>,
    /// Errors of the target, in its unit, over the rows that were let in whole.
    pub frozen: Errors,
    /// The same of what adapts.
    pub adapted: Errors,
    /// The same of the forecast that nothing changes.
    pub persistence: Errors,
    /// The model with the weights that predicted in the end.
    pub model: Model,
    /// Whether they are others than before.
    pub changed: bool,
}

impl Adaptation {
    /// The rows in which something happened, and what.
    pub fn events(&self) -> impl Iterator<Item = (usize, Event)> {
        self.rows.iter().enumerate().filter_map(|(t, row)| Some((t, row.event?)))
    }
}

/// An adapter behind a model's watch, in the middle of a stream: [`rnn_core::adapt::Guarded`] for shapes
/// known at run time.
pub struct Adapting<'m, L: Learner<Sample = Vec<f32>>> {
    adapter: Adapter<'m, L>,
    watcher: Watcher<'m>,
}

impl<'m, L: Learner<Sample = Vec<f32>>> Adapting<'m, L> {
    /// Before the first sample; `frozen` are the weights of `model` that `learner` adapts.
    pub fn new(model: &'m Model, learner: L, frozen: &'m L::Weights) -> Self {
        let (mode, _) = model.mode_and_target();
        let sample = vec![0.0; model.header.inputs];
        let adapter = Adapter::with(learner, frozen, &model.channels, mode, sample);
        Adapting { adapter, watcher: Watcher::new(model) }
    }

    /// Judges a sample, `elapsed` periods after the last call, predicts the next one from what is
    /// admitted of it, and learns from it where it is sound. `None`: none came when it was due.
    pub fn step(&mut self, sent: &Sent) -> (Verdict, Option<Event>) {
        let Adapting { adapter, watcher } = self;
        let verdict = watcher.judge(sent.values.as_deref(), sent.elapsed);
        if verdict.restart {
            adapter.rest();
        }
        let mut event = None;
        if verdict.step {
            let flagged = !verdict.is_sound(watcher.faults());
            // The adapter wants the type that it keeps its samples in.
            event = adapter.step(&watcher.admitted().to_vec(), flagged);
            watcher.expect(adapter.prediction());
        }
        (verdict, event)
    }

    /// The prediction of the next sample; NaN before the first.
    pub fn expected(&self) -> &[f32] {
        self.watcher.expected()
    }

    /// Whether all of the last sample was let in, `verdict` being that on it.
    fn is_sound(&self, verdict: &Verdict) -> bool {
        verdict.is_sound(self.watcher.faults())
    }

    /// What learns.
    pub fn adapter(&self) -> &Adapter<'m, L> {
        &self.adapter
    }
}

/// Runs a log past `model` and lets it learn.
///
/// # Errors
/// For a model of integers, and for one that predicts from windows.
pub fn adapt(model: &Model, table: &Table, options: &Options) -> Result<Adaptation> {
    let network = model.float()?;
    ensure!(
        model.header.window == 0,
        "the model starts every prediction from rest (--windowed); only one that carries its state on learns from a stream"
    );
    ensure!(
        (1..=LONGEST_BLOCK).contains(&options.block),
        "a block has 1 to {LONGEST_BLOCK} samples, not {}",
        options.block
    );
    let whole = &model.parameters;
    let readout = network.readout();
    let own = readout.w.len() + readout.b.len();
    if options.readout_only {
        let frozen = Aligned::from(&whole[whole.len() - own..]);
        let learner = Readout::new(network, options.block);
        Ok(run(model, table, options, Adapting::new(model, learner, &frozen)))
    } else {
        let learner = Whole::new(network, options.block);
        Ok(run(model, table, options, Adapting::new(model, learner, whole)))
    }
}

fn run<L>(
    model: &Model,
    table: &Table,
    options: &Options,
    mut adapting: Adapting<'_, L>,
) -> Adaptation
where
    L: Learner<Sample = Vec<f32>, Weights = Aligned>,
{
    let target = model.target();
    let mut frozen = Watching::new(model);
    let (mut errors, mut rows, mut last) = ([Errors::default(); 3], Vec::new(), f32::NAN);
    for t in 0..table.rows().len() {
        let sent = sent(table, t);
        let predictions = [frozen.expected()[target], adapting.expected()[target], last];
        frozen.judge(&sent);
        let (verdict, event) = adapting.step(&sent);
        let mut row = Row { frozen_error: f32::NAN, adapted_error: f32::NAN, event };
        if adapting.is_sound(&verdict) {
            let truth = table.rows().get(t, target);
            if t >= options.skip && predictions.iter().all(|prediction| prediction.is_finite()) {
                for (errors, prediction) in errors.iter_mut().zip(predictions) {
                    errors.add(truth, prediction.into());
                }
                let [frozen, adapted, _] = predictions;
                (row.frozen_error, row.adapted_error) = (frozen - truth, adapted - truth);
            }
            last = truth;
        }
        rows.push(row);
    }
    let adapter = adapting.adapter();
    let mut adapted = model.clone();
    let weights: &[f32] = adapter.weights();
    let first = adapted.parameters.len() - weights.len();
    adapted.parameters[first..].copy_from_slice(weights);
    let changed = adapter.is_adapted();
    if changed {
        // What an import kept of PyTorch's two biases are no longer these.
        adapted.header.two_biases = false;
        adapted.biases = Vec::new();
        adapted.modules = Default::default();
    }
    let [frozen, adapting, persistence] = errors;
    Adaptation { rows, frozen, adapted: adapting, persistence, model: adapted, changed }
}
