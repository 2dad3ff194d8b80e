//! The emulated chips under test: models of different shapes, on the target, against the host.

use crate::board::Board;
use crate::command::root;
use crate::firmware::{self, Profile};
use crate::tally::Tally;
use anyhow::{Context, Result, ensure};
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, Numbers, Task};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};
use rnn_train_host::device::{self, Device};
use rnn_train_host::model::Model;
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
/// cells, in a stack too.
pub(crate) fn models() -> Result<[Tested; 5]> {
    let folder = root().join("out/test");
    fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    let random = |name, everywhere, small_too, header: Header| {
        let path = folder.join(format!("{}-{}.rnn", header.inputs, header.layers.hidden()));
        random_model(header)?.save(&path)?;
        anyhow::Ok(Tested { name, path, everywhere, small_too })
    };
    let header = Header {
        task: Task::Forecast { mode: Mode::Residual, target: 0 },
        inputs: 1,
        layers: Layers::one(Kind::Elman(Activation::Tanh), 32),
        window: 0,
        self_tests: 16,
        two_biases: false,
        numbers: Numbers::Float,
        seed: 1,
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
    Ok([
        Tested {
            name: "2 channels, 3 hidden units",
            path: root().join("rnn-core/tests/golden/tiny.rnn"),
            everywhere: false,
            small_too: true,
        },
        random("1 channel, 32 hidden units", true, false, header)?,
        random("3 channels, 9 hidden units, windows of 5", false, false, windowed)?,
        random("GRU, 2 channels, 16 hidden units", false, true, gru)?,
        random("LSTM of 12 under a GRU of 7, reset before", true, true, stack)?,
    ])
}

fn random_model(header: Header) -> Result<Model> {
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
    Ok(Model {
        header,
        modules: Default::default(),
        biases: Vec::new(),
        names: (1..=header.inputs).map(|i| format!("channel {i}")).collect(),
        channels: vec![scales; header.inputs],
        parameters: uniform(header.shape().parameters(), 0.4).into(),
        integers: Vec::new(),
        samples: uniform(header.self_tests * header.inputs, 20.0),
    })
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

fn stream(board: &Board, tested: &Tested, built: &firmware::Built) -> Result<()> {
    let model = Model::load(&tested.path)?;
    let samples = samples(model.header.inputs);
    let rows = samples.chunks_exact(model.header.inputs);
    let mut predictor = model.predictor();
    let device = Device::Qemu(board.name.into());
    let report = device::run(&device, &built.app, model.info()?, rows, |sample| {
        predictor.step(sample).to_vec()
    })?;
    let comparison = &report.comparison;
    ensure!(
        (comparison.steps, comparison.differing_bits) == (SAMPLES, 0),
        "{} steps, {} bits differ from the host's, first {:?}",
        comparison.steps,
        comparison.differing_bits,
        comparison.first_difference
    );
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
    Ok(())
}
