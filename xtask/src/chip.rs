//! The emulated chips under test: models of different shapes, on the target, against the host.

use crate::board::Board;
use crate::command::root;
use crate::firmware::{self, Profile};
use crate::tally::Tally;
use anyhow::{Context, Result, ensure};
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, Task, Unit};
use rnn_core::quant::block::Width;
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};
use rnn_train_host::device::{self, Device};
use rnn_train_host::model::Model;
use rnn_train_host::quantize::quantize_with;
use rnn_train_host::text::generate::{Options, generate, generate_by};
use std::fs;
use std::path::PathBuf;

/// Samples streamed per model.
const SAMPLES: usize = 300;

/// A model to be tested on the chip.
pub(crate) struct Tested {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    /// Whether it is tested on every board, or on the main one alone.
    pub(crate) everywhere: bool,
    /// Whether the image that is compiled for size is tested as well.
    pub(crate) small_too: bool,
}

/// An Elman cell with known predictions, a wider one, and one that works on windows; each of the gated
/// cells, in a stack too; integers, laid out for the board; text.
pub(crate) fn models(board: &Board) -> Result<Vec<Tested>> {
    let folder = root().join("out/test");
    fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    let mut models = vec![Tested {
        name: "2 channels, 3 hidden units",
        path: root().join("rnn-core/tests/golden/tiny.rnn"),
        everywhere: false,
        small_too: true,
    }];
    let mut add = |name, everywhere, small_too, model: Model| {
        let path = folder.join(format!("{}-{}.rnn", board.name, models.len()));
        model.save(&path)?;
        models.push(Tested { name, path, everywhere, small_too });
        anyhow::Ok(())
    };
    let header = Header {
        self_tests: 16,
        seed: 1,
        ..Header::new(
            Task::Forecast { mode: Mode::Residual, target: 0 },
            1,
            Layers::one(Kind::Elman(Activation::Tanh), 32),
        )
    };
    let windowed = Header {
        task: Task::Forecast { mode: Mode::Raw, target: 0 },
        inputs: 3,
        layers: Layers::one(Kind::Elman(Activation::Tanh), 9),
        window: 5,
        ..header
    };
    let gru = Header { layers: Layers::one(Kind::Gru(Reset::After), 16), inputs: 2, ..header };
    let layers = Layers::one(Kind::Lstm, 12).with(Kind::Gru(Reset::Before), 7);
    let stack = Header { layers: layers.context("two layers fit")?, ..header };
    let text = Header {
        task: Task::Text(Unit::Character),
        layers: Layers::one(Kind::Gru(Reset::After), 15),
        inputs: 20,
        ..header
    };
    let integers = |header, width| {
        let scales = vec![4096.0; header_inputs(&header)];
        quantize_with(&random_model(header), scales, width, board.layout)
    };
    add("1 channel, 32 hidden units", true, false, random_model(header))?;
    add("3 channels, 9 hidden units, windows of 5", false, false, random_model(windowed))?;
    add("GRU, 2 channels, 16 hidden units", false, true, random_model(gru))?;
    add("LSTM of 12 under a GRU of 7, reset before", true, true, random_model(stack))?;
    // Not on the M55: there the compiler aligns the stack of a step anew, which the walk doesn't follow.
    let walked = board.cpu != "cortex-m55";
    add("the same in w8a16", walked, true, integers(stack, Width::Eight)?)?;
    add("GRU in w16a16", false, false, integers(gru, Width::Sixteen)?)?;
    add("text, 20 symbols, GRU of 15", false, false, random_model(text))?;
    add("the same in w8a16", false, false, integers(text, Width::Eight)?)?;
    Ok(models)
}

/// Inputs that have a scale of their own as integers.
fn header_inputs(header: &Header) -> usize {
    match header.task {
        Task::Forecast { .. } => header.inputs,
        Task::Text(_) => 0,
    }
}

/// A model with random weights.
pub(crate) fn random_model(header: Header) -> Model {
    let mut random = SplitMix64::new(header.seed);
    let mut uniform = |count: usize, limit: f32| {
        let mut values = vec![0.0; count];
        random.fill_uniform(limit, &mut values);
        values
    };
    let scales = Channel {
        level_mean: 10.0,
        level_deviation: 4.0,
        difference_mean: 0.1,
        difference_deviation: 0.7,
    };
    let forecast = matches!(header.task, Task::Forecast { .. });
    let channels = if forecast { header.inputs } else { 0 };
    let name = |i: usize| match header.task {
        Task::Forecast { .. } => format!("channel {i}"),
        Task::Text(_) => char::from(b'a' + i as u8).to_string(),
    };
    let samples = match header.task {
        Task::Forecast { .. } => uniform(header.self_tests * header.inputs, 20.0),
        Task::Text(_) => (0..header.self_tests).map(|i| (i % header.inputs) as f32).collect(),
    };
    Model {
        header,
        modules: Default::default(),
        biases: Vec::new(),
        names: (0..header.inputs).map(name).collect(),
        channels: vec![scales; channels],
        parameters: uniform(header.shape().parameters(), 0.4).into(),
        integers: Vec::new(),
        samples,
        watch: None,
    }
}

/// Builds the firmware with a model; runs the self-tests; examines the image; streams samples
/// through it and compares every bit with the host.
pub(crate) fn test(
    board: &Board,
    tested: &Tested,
    profile: Profile,
    tally: &mut Tally,
) -> Result<()> {
    let built = firmware::build(board, &tested.path, profile)?;
    let measured = firmware::self_tests(board, &built.self_tests)?;
    tally.passed += measured.passed;
    firmware::examine(board, &built, measured)?;
    tally.passed += 1;
    stream(board, tested, &built)?;
    tally.passed += 1;
    Ok(())
}

/// Mostly what a sensor sends, now and then what it shouldn't.
fn samples(channels: usize) -> Vec<f32> {
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::from_bits(1), -0.0];
    let mut random = SplitMix64::new(2);
    let mut samples = vec![0.0; SAMPLES * channels];
    random.fill_uniform(25.0, &mut samples);
    for sample in samples.iter_mut().skip(50) {
        if random.below(10) == 0 {
            *sample = odd[random.below(odd.len())];
        }
    }
    samples
}

/// Streams samples through the chip, or lets it write a text; fails when anything is wrong.
fn stream(board: &Board, tested: &Tested, built: &firmware::Built) -> Result<()> {
    let differing = differing_bits(board, tested, built)?;
    ensure!(differing == 0, "{differing} bits (of a text: symbols) differ from the host's");
    Ok(())
}

/// Bits of the chip's predictions that differ from the host's; of a text its symbols.
pub(crate) fn differing_bits(
    board: &Board,
    tested: &Tested,
    built: &firmware::Built,
) -> Result<u64> {
    let model = Model::load(&tested.path)?;
    let device = Device::Qemu(board.name.into());
    if let Task::Text(_) = model.header.task {
        return differing_symbols(&device, &model, built);
    }
    let samples = samples(model.header.inputs);
    let rows = samples.chunks_exact(model.header.inputs);
    let mut predictor = model.predictor();
    let report = device::run(&device, &built.app, model.info()?, rows, |sample| {
        predictor.step(sample).to_vec()
    })?;
    let comparison = &report.comparison;
    ensure!(comparison.steps == SAMPLES, "{} steps were made", comparison.steps);
    if let Some(first) = &comparison.first_difference {
        eprintln!("first difference: {first:?}");
    }
    let mut predictions = comparison.predictions.iter().flatten();
    ensure!(!predictions.any(|value| value.is_nan()), "a prediction is NaN");
    ensure!(
        (report.link_errors, report.queue_overflows) == (0, 0),
        "{} link errors, {} bytes lost",
        report.link_errors,
        report.queue_overflows
    );
    let last = report.log.last().context("the firmware logged nothing")?;
    ensure!(last.contains(&format!("{SAMPLES} steps")), "the log ends with {last:?}");
    Ok(comparison.differing_bits)
}

/// Lets the chip write, at a temperature at which a small difference soon leads elsewhere.
fn differing_symbols(device: &Device, model: &Model, built: &firmware::Built) -> Result<u64> {
    let options = Options { length: SAMPLES, temperature: 0.7, seed: 4 };
    let expected = generate(model, "bad", &options)?.text;
    let (written, _) = device::converse(device, &built.app, model.info()?, |session| {
        generate_by(model, "bad", &options, |symbol, temperature, random| {
            let next = session.step(&[f32::from(symbol), temperature, random])?;
            Ok(next.first().map_or(0, |&next| next as u16))
        })
    })?;
    ensure!(expected.chars().count() > SAMPLES, "the host wrote {expected:?}");
    let pairs = written.text.chars().zip(expected.chars());
    let differing = pairs.filter(|(device, host)| device != host).count();
    Ok((differing + expected.len().abs_diff(written.text.len())) as u64)
}
