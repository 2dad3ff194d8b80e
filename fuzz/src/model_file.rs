//! A model file.

use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Error, Header, ModelFile, Task, Unit};
use rnn_core::quant::block::{Layout, Width};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};
use rnn_core::watch::Watched;
use rnn_core::watch::guard::{Limits, Rules};
use rnn_core::watch::score::Usual;
use rnn_train_host::model::Model;
use rnn_train_host::quantize::quantize_with;
use rnn_train_host::watch::Watch;

use crate::CRC;

/// The longest file that is made to fit its header, and the most steps that are run.
const LONGEST: usize = 1 << 13;
const STEPS: usize = 1 << 10;

/// Takes bytes as a file: as they are, with a length and a checksum that fit, and with as many numbers
/// as the header says.
pub fn run(bytes: &[u8]) {
    if read(bytes).is_ok() {
        return;
    }
    let mut file = bytes.to_vec();
    seal(&mut file);
    if let Err(Error::Length { expected, .. }) = read(&file)
        && expected <= LONGEST
    {
        file.truncate(file.len().saturating_sub(4));
        while file.len() < expected {
            file.extend(1.0_f32.to_le_bytes());
        }
        file.truncate(expected);
        seal(&mut file);
        read(&file).unwrap_or_else(|error| assert!(!matches!(error, Error::Length { .. })));
    }
}

/// Length and checksum as they should be.
fn seal(file: &mut [u8]) {
    let length = file.len() as u32;
    if let Some(field) = file.get_mut(32..36) {
        field.copy_from_slice(&length.to_le_bytes());
    }
    if let Some((data, checksum)) = file.split_last_chunk_mut::<4>() {
        *checksum = CRC.checksum(data).to_le_bytes();
    }
}

/// Reads all of a file that passes, writes it again, and runs the network.
fn read(bytes: &[u8]) -> Result<(), Error> {
    let file = ModelFile::parse(bytes)?;
    let Header { inputs, layers, window, .. } = file.header;
    assert_eq!(file.header.file_length(), bytes.len());
    assert_eq!(file.integers().len() > 0, file.header.plan().is_some());
    let model = Model::from_bytes(bytes)?;
    assert_eq!(model.names.len(), inputs);
    assert!(model.parameters.iter().chain(&model.biases).all(|value| value.is_finite()));
    if model.header.self_tests.max(1) * window.max(1) * layers.hidden() > STEPS {
        return Ok(());
    }
    // Nothing to say against writing it, unless its own predictions are beyond all numbers.
    let predictions = model.predictions();
    if predictions.iter().all(|value| value.is_finite()) {
        let again = model.to_bytes().expect("it was a file");
        assert_eq!(again.len(), bytes.len());
        assert_eq!(Model::from_bytes(&again).as_ref(), Ok(&model));
    }
    Ok(())
}

/// A network of random weights: kinds and hidden units of its layers, and its inputs.
pub(crate) fn model(task: Task, cells: &[(Kind, usize)], inputs: usize) -> Model {
    let mut layers = Layers::one(cells[0].0, cells[0].1);
    for &(kind, hidden) in &cells[1..] {
        layers = layers.with(kind, hidden).expect("a few layers");
    }
    let header = Header { self_tests: 2, seed: 7, ..Header::new(task, inputs, layers) };
    let mut random = SplitMix64::new(8);
    let mut parameters = vec![0.0; header.shape().parameters()];
    random.fill_uniform(0.3, &mut parameters);
    let is_text = matches!(task, Task::Text(_));
    Model {
        header,
        names: (0..inputs).map(|i| char::from(b'a' + i as u8).to_string()).collect(),
        channels: vec![Channel::IDENTITY; if is_text { 0 } else { inputs }],
        parameters: parameters.into(),
        integers: Vec::new().into(),
        modules: Default::default(),
        biases: Vec::new(),
        samples: (0..2 * header.sample_length()).map(|i| (i % 2) as f32).collect(),
        watch: None,
    }
}

/// With what PyTorch's format has beside.
pub(crate) fn two_biases() -> Model {
    let task = Task::Forecast { mode: Mode::Raw, target: 0 };
    let mut model = model(task, &[(Kind::Gru(Reset::After), 2)], 1);
    model.header.two_biases = true;
    model.modules = ["cell", "readout"].map(str::to_owned);
    model.biases = vec![0.0; model.header.kept_biases()];
    model
}

/// A file of each kind.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let raw = Task::Forecast { mode: Mode::Raw, target: 0 };
    let difference = Task::Forecast { mode: Mode::Difference, target: 1 };
    let [elman, relu] = [Activation::Sigmoid, Activation::Relu].map(Kind::Elman);
    let before = Kind::Gru(Reset::Before);
    let integers = |task, cells: &[(Kind, usize)], inputs, width, layout| {
        let float = model(task, cells, inputs);
        let scales = vec![1024.0; float.channels.len()];
        quantize_with(&float, scales, width, layout).expect("small weights")
    };
    let mut window = model(raw, &[(relu, 2)], 1);
    window.header.window = 3;
    window.header.hand_over = true;
    let mut watched = model(difference, &[(elman, 2)], 2);
    let limits = Limits { low: -10.0, high: 50.0, stuck: 4 };
    let usual = Usual {
        mean: 0.0,
        deviation: 1.0,
        residual: 0.25,
        residual_tail: 3.0,
        level: 0.125,
        level_tail: 1.5,
    };
    watched.set_watch(Watch {
        rules: Rules { earliest: 0.5, latest: 1.5, hold: 5, warm_up: 12 },
        period: 300.0,
        threshold: 4.0,
        channels: vec![Watched { limits, usual }; 2],
    });
    let [characters, words] = [Unit::Character, Unit::Word].map(Task::Text);
    let models = [
        ("elman_window", window),
        ("elman_watched", watched),
        ("gru_two_biases", two_biases()),
        ("lstm_on_gru", model(difference, &[(before, 2), (Kind::Lstm, 3)], 2)),
        ("characters", model(characters, &[(before, 2)], 4)),
        ("w8a16_rows", integers(raw, &[(elman, 3)], 1, Width::Eight, Layout::Rows)),
        ("w8a16_pairs", integers(raw, &[(Kind::Lstm, 2)], 1, Width::Eight, Layout::Pairs)),
        ("w8a16_panels", integers(raw, &[(Kind::Lstm, 3)], 1, Width::Eight, Layout::Panels)),
        ("w16a16_panels", integers(words, &[(before, 2)], 3, Width::Sixteen, Layout::Panels)),
    ];
    let file = |model: &Model| model.to_bytes().expect("a small model");
    models.iter().map(|(name, model)| (*name, file(model))).collect()
}
