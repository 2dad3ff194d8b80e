//! Training on a text: once to find out how long, once more on all that comes before the test part.
//!
//! The first training learns from the training part and is looked at on the validation part, which says
//! after how many epochs it does best; the second starts afresh, learns from both parts for as many
//! epochs with the same step sizes (I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", 2016,
//! section 7.8, algorithm 7.2), and is the one that is kept.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use rnn_core::layers::{Kind, Layers, MAX_LAYERS};
use rnn_core::model_file::{Header, LIMIT, Task, Unit, VOCABULARY_LIMIT};

use super::streams::Streams;
use super::trainee::{Setting, Trainee};
use super::{Corpus, Cut, Vocabulary};
use crate::model::{Model, SELF_TESTS};
use crate::train::checkpoint::Checkpoint;
use crate::train::stop::Stop;

pub use super::trainee::Look;

/// Updates when no number of epochs is asked for.
const UPDATES: usize = 10_000;
/// Adam's step size at the start.
pub const RATE: f32 = 2e-2;
/// Weight decay, as a multiple of the step size.
pub const DECAY: f32 = 0.05;
/// Symbols of a window.
pub const CONTEXT: usize = 64;
/// Words of a vocabulary when no number is asked for.
pub const WORDS: usize = 2000;

/// What is to be trained, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Kind of the cells.
    pub kind: Kind,
    /// Cells on one another.
    pub layers: usize,
    /// Hidden units of each.
    pub hidden: usize,
    /// Most symbols of the vocabulary, the unknown one among them; `None`: all characters, or 2000
    /// words.
    pub vocabulary: Option<usize>,
    /// Symbols that an error travels back; the state goes on from window to window.
    pub context: usize,
    /// Passes over the text; `None`: as many as make 10,000 updates.
    pub epochs: Option<usize>,
    /// Adam's step size at the start.
    pub rate: f32,
    /// Weight decay, as a multiple of the step size.
    pub decay: f32,
    /// Share of the units between layers that is left out.
    pub dropout: f32,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Threads; the result is the same for any number.
    pub threads: usize,
    /// Folder in which the training's state is kept, to go on after a crash.
    pub checkpoint: Option<PathBuf>,
}

/// Progress of a training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Updates done.
    pub done: usize,
    /// Updates in all, at most.
    pub total: usize,
    /// Training loss in bits per symbol.
    pub training_bits: f64,
    /// Best bits per symbol of the validation part so far.
    pub bits: Option<f64>,
}

/// What a training came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// What its vocabulary leaves out.
    pub cut: Cut,
    /// The best look of the first training.
    pub best: Look,
    /// All looks of the first training.
    pub looks: Vec<Look>,
    /// Whether the second training was made; else the model is that of the best look.
    pub whole: bool,
}

/// Trains a network on a text. When `stop` asks for it, the best that has been reached is returned.
///
/// # Errors
/// Sizes that a model file has no room for, options out of range, a checkpoint that can't be used, a
/// stop before there is anything to keep, a training that doesn't come to a finite error.
pub fn train(
    corpus: &Corpus,
    options: &Options,
    stop: &Stop,
    report: &mut dyn FnMut(Progress),
) -> Result<Trained> {
    check(options)?;
    let limit = options.vocabulary.unwrap_or(match corpus.unit {
        Unit::Character => VOCABULARY_LIMIT,
        Unit::Word => WORDS,
    });
    let (vocabulary, cut) = corpus.vocabulary(limit);
    let header = header(&vocabulary, options);
    header.check_sizes().map_err(|_| {
        anyhow::anyhow!(
            "a model of {} symbols, {} layers and {} hidden units is larger than a model file can be (1 GiB); use fewer",
            vocabulary.len(), options.layers, options.hidden
        )
    })?;
    let text = vocabulary.encode(corpus.tokens());
    let (train_end, whole_end) = (corpus.split.train.end, corpus.split.validation.end);
    let mut setting = Setting {
        shape: header.shape(),
        context: options.context,
        rate: options.rate,
        decay: options.decay,
        dropout: options.dropout,
        seed: options.seed,
        epochs: 1,
    };
    let windows = Streams::new(&text[..train_end], options.context).windows;
    setting.epochs = options.epochs.unwrap_or(UPDATES.div_ceil(windows));
    let checkpoint = options.checkpoint.as_ref();
    let checkpoint = checkpoint
        .map(|folder| Checkpoint::open(folder, &describe(&setting, &text[..whole_end])))
        .transpose()?;

    let mut first = Trainee::new(&text, train_end, corpus.split.validation.clone(), setting);
    let mut second = Trainee::new(&text, whole_end, 0..0, setting);
    let mut total = setting.epochs * (first.windows() + second.windows());
    let mut failed = None;
    let mut keep = |index: usize, trainee: &Trainee<'_>, last: bool| {
        if let Some(checkpoint) = &checkpoint
            && let Err(error) = checkpoint.save(index, &trainee.state, last)
        {
            failed = Some(error);
            stop.ask();
        }
    };
    if let Some(checkpoint) = &checkpoint {
        for (index, trainee) in [&mut first, &mut second].into_iter().enumerate() {
            if let Some(state) = checkpoint.load(index)? {
                trainee.state = state;
            }
        }
    }

    let threads = options.threads;
    first.advance(setting.epochs as f64, threads, stop, |trainee| {
        keep(0, trainee, false);
        let bits = trainee.best().map(|look| look.bits);
        let (done, training_bits) = (trainee.updates(), trainee.training_bits());
        report(Progress { done, total, training_bits, bits });
    });
    keep(0, &first, true);
    if stop.is_set() {
        // Not kept: the training goes on as if it hadn't been stopped.
        first.look(threads);
    }
    let best = first.best();
    let mut whole = false;
    if let Some(best) = best.filter(|_| !stop.is_set()) {
        let before = first.updates();
        total = before + (best.epoch * second.windows() as f64).round() as usize;
        second.advance(best.epoch, threads, stop, |trainee| {
            keep(1, trainee, false);
            let (done, training_bits) = (before + trainee.updates(), trainee.training_bits());
            report(Progress { done, total, training_bits, bits: Some(best.bits) });
        });
        keep(1, &second, true);
        whole = !stop.is_set();
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let Some(best) = best else {
        if stop.is_set() {
            bail!("stopped before the first look at the validation part: nothing to keep");
        }
        bail!("the training came to no finite error; try a smaller --learning-rate");
    };
    let parameters =
        if whole { second.state.weights.average.clone() } else { first.best_weights().to_vec() };
    ensure!(
        parameters.iter().all(|p| p.is_finite()),
        "the training came to no finite weights; try a smaller --learning-rate"
    );
    let from = (train_end - header.self_tests) / 2;
    let samples = text[from..from + header.self_tests].iter().map(|symbol| f32::from(*symbol));
    let model = Model {
        header,
        names: vocabulary.names().to_vec(),
        channels: Vec::new(),
        parameters: parameters.into(),
        integers: Vec::new().into(),
        modules: Default::default(),
        biases: Vec::new(),
        samples: samples.collect(),
        watch: None,
    };
    Ok(Trained { model, cut, best, looks: first.state.looks, whole })
}

fn header(vocabulary: &Vocabulary, options: &Options) -> Header {
    let one = Layers::one(options.kind, options.hidden);
    let layers = (1..options.layers)
        .fold(one, |layers, _| layers.with(options.kind, options.hidden).unwrap_or(layers));
    Header {
        self_tests: SELF_TESTS,
        seed: options.seed,
        ..Header::new(Task::Text(vocabulary.unit), vocabulary.len(), layers)
    }
}

/// Everything that decides the result, as bytes.
fn describe(setting: &Setting, text: &[u16]) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let mut bytes = format!("text {version} {setting:?}").into_bytes();
    bytes.extend(text.iter().flat_map(|symbol| symbol.to_le_bytes()));
    bytes
}

fn check(options: &Options) -> Result<()> {
    ensure!((1..=LIMIT).contains(&options.hidden), "--hidden must be between 1 and {LIMIT}");
    ensure!(
        (1..=MAX_LAYERS).contains(&options.layers),
        "--layers must be between 1 and {MAX_LAYERS}"
    );
    ensure!(options.context > 0, "--context must be at least 1");
    ensure!(options.epochs != Some(0), "--epochs must be at least 1");
    ensure!(
        options.vocabulary.is_none_or(|limit| limit >= 2),
        "--vocabulary must be at least 2: the unknown symbol and another one"
    );
    ensure!(
        options.rate > 0.0 && options.rate <= 1.0,
        "--learning-rate must be above 0 and at most 1"
    );
    ensure!(
        options.decay >= 0.0 && options.decay * options.rate < 1.0,
        "--weight-decay must be at least 0 and below 1 / learning rate"
    );
    ensure!((0.0..1.0).contains(&options.dropout), "--dropout must be at least 0 and below 1");
    ensure!(
        options.dropout == 0.0 || options.layers > 1,
        "--dropout works between layers: it needs --layers 2 or more"
    );
    Ok(())
}
