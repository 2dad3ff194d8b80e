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
use rnn_core::watch::Watched;
use rnn_core::watch::guard::{Fault, Limits, MISSING, Rules};
use rnn_core::watch::score::Usual;
use rnn_train_host::device::stream::Sent;
use rnn_train_host::device::{self, Device};
use rnn_train_host::model::Model;
use rnn_train_host::quantize::quantize_with;
use rnn_train_host::text::generate::{Options, generate, generate_by};
use rnn_train_host::watch::Watch;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Samples streamed per model.
pub(crate) const SAMPLES: usize = 300;

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
    add("the same in w8a16", true, true, integers(stack, Width::Eight)?)?;
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
    let watched = matches!(header.task, Task::Forecast { .. });
    let header = Header { watched, ..header };
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
        integers: Vec::new().into(),
        samples,
        watch: header.watched.then(|| random_watch(channels)),
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

/// Mostly what a sensor sends, now and then what it shouldn't, or when it shouldn't; for a while nothing
/// sound, and for a while the same.
pub(crate) fn samples(channels: usize) -> Vec<Sent> {
    // The first are let in nowhere.
    const UNSOUND: usize = 5;
    let odd = [f32::NAN, MISSING, f32::INFINITY, f32::MAX, 30.0, f32::from_bits(1), -0.0];
    let times = [1.0, 1.0, 1.0, 0.25, 1.75, -0.5, f32::NAN];
    let mut random = SplitMix64::new(2);
    let sample = |t: usize| {
        let mut values = vec![0.0; channels];
        random.fill_uniform(25.0, &mut values);
        let dead = (150..180).contains(&t);
        for value in values.iter_mut().take(if dead { 1 } else { channels }) {
            if dead {
                *value = odd[random.below(UNSOUND)];
            } else if t >= 50 && random.below(10) == 0 {
                *value = odd[random.below(odd.len())];
            }
        }
        if (200..210).contains(&t) {
            values[0] = 7.25;
        }
        let nothing = t >= 50 && random.below(20) == 0;
        let elapsed = if t >= 50 { times[random.below(times.len())] } else { 1.0 };
        Sent { values: (!nothing).then_some(values), elapsed }
    };
    (0..SAMPLES).map(sample).collect()
}

/// What is watched for in a stream of random numbers.
fn random_watch(channels: usize) -> Watch {
    let limits = Limits { low: -25.0, high: 25.0, stuck: 3 };
    let usual = Usual {
        mean: 10.0,
        deviation: 4.0,
        residual: 2.5,
        residual_tail: 3.0,
        level: 0.5,
        level_tail: 1.0,
    };
    Watch {
        rules: Rules { earliest: 0.5, latest: 1.5, hold: 8, warm_up: 12 },
        period: 0.0,
        threshold: 1.5,
        channels: vec![Watched { limits, usual }; channels],
    }
}

/// Streams samples through the chip, or lets it write a text; fails when anything is wrong.
fn stream(board: &Board, tested: &Tested, built: &firmware::Built) -> Result<()> {
    expect_no_differing_bits(board.name, tested, &built.app, true)
}

/// Fails when a bit differs from the host's.
pub(crate) fn expect_no_differing_bits(
    machine: &str,
    tested: &Tested,
    image: &Path,
    logs: bool,
) -> Result<()> {
    let differing = differing_bits(machine, tested, image, logs)?;
    ensure!(differing == 0, "{differing} bits (of a text: symbols) differ from the host's");
    Ok(())
}

/// Bits of the chip's predictions that differ from the host's; of a text its symbols. `logs`: whether
/// QEMU shows the firmware's log, as it does where that goes through semihosting.
pub(crate) fn differing_bits(
    machine: &str,
    tested: &Tested,
    image: &Path,
    logs: bool,
) -> Result<u64> {
    let model = Model::load(&tested.path)?;
    let device = Device::Qemu(machine.into());
    if let Task::Text(_) = model.header.task {
        return differing_symbols(&device, &model, image);
    }
    let samples = samples(model.header.inputs);
    let (mut steps, mut kinds, mut sights) = (0, BTreeSet::<u8>::new(), BTreeSet::new());
    let report = device::run(&device, Some(image), &model, samples, |seen| {
        let told = seen.told;
        steps += usize::from(told.verdict.step);
        kinds.extend(told.faults.iter().copied().filter(|fault| *fault != 0));
        sights.insert(told.verdict.sight as u8);
        Ok(())
    })?;
    if model.watch.is_some() {
        ensure!(kinds.len() == Fault::ALL.len(), "only the faults {kinds:?} came up");
        ensure!(sights.len() == 3, "only the sights {sights:?} came up");
    }
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
    if logs {
        let last = report.log.last().context("the firmware logged nothing")?;
        ensure!(last.contains(&format!("{steps} steps")), "the log ends with {last:?}");
    }
    Ok(comparison.differing_bits)
}

/// Lets the chip write, at a temperature at which a small difference soon leads elsewhere.
fn differing_symbols(device: &Device, model: &Model, image: &Path) -> Result<u64> {
    let options = Options { length: SAMPLES, temperature: 0.7, seed: 4 };
    let expected = generate(model, "bad", &options)?.text;
    let (written, _) = device::converse(device, Some(image), model.info()?, |session| {
        generate_by(model, "bad", &options, |symbol, temperature, random| {
            let sent = Sent::timeless(&[f32::from(symbol), temperature, random]);
            Ok(session.step(&sent)?.prediction.first().map_or(0, |&next| next as u16))
        })
    })?;
    ensure!(expected.chars().count() > SAMPLES, "the host wrote {expected:?}");
    let pairs = written.text.chars().zip(expected.chars());
    let differing = pairs.filter(|(device, host)| device != host).count();
    Ok((differing + expected.len().abs_diff(written.text.len())) as u64)
}
