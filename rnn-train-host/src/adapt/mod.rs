//! Learning from a log as a device learns from its stream: the same procedure, the same bits; see
//! [`rnn_core::adapt`].

mod adapting;
mod learner;
mod twin;

use anyhow::{Result, ensure};
use rnn_core::adapt::Event;

use crate::data::Table;
use crate::metrics::Errors;
use crate::model::Model;
use crate::watch::{Watching, sent};

pub use adapting::Adapting;
pub use learner::{Part, Readout, Sizes, Whole};
pub use twin::Twin;

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

/// Runs a log past `model` and lets it learn.
///
/// # Errors
/// For a model of integers, and for one that predicts from windows.
pub fn adapt(model: &Model, table: &Table, options: &Options) -> Result<Adaptation> {
    can_learn(model, options.block)?;
    Ok(if options.readout_only {
        run::<Readout>(model, table, options)
    } else {
        run::<Whole>(model, table, options)
    })
}

/// Whether a model can learn over blocks of so many samples.
fn can_learn(model: &Model, block: usize) -> Result<()> {
    model.float()?;
    ensure!(
        model.header.window == 0,
        "the model starts every prediction from rest (--windowed); only one that carries its state on learns from a stream"
    );
    ensure!(
        (1..=LONGEST_BLOCK).contains(&block),
        "a block has 1 to {LONGEST_BLOCK} samples, not {block}"
    );
    Ok(())
}

fn run<P: Part>(model: &Model, table: &Table, options: &Options) -> Adaptation {
    let mut adapting = Adapting::<P>::new(model, options.block);
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

/// An event's name, as programs read it.
pub fn name(event: Event) -> &'static str {
    match event {
        Event::TakenOver => "taken_over",
        Event::RolledBack => "rolled_back",
        Event::Restarted => "restarted",
    }
}

/// What people are told of it.
pub fn sentence(event: Event) -> &'static str {
    match event {
        Event::TakenOver => "what was learnt is taken over",
        Event::RolledBack => "rolled back to the frozen network",
        Event::Restarted => "learning starts again from the network that predicts",
    }
}
