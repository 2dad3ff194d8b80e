//! PyTorch's networks, read from their safetensors files and written back.
//!
//! golden/make_exchange.py makes the files.

use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, Task, Unit};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};
use rnn_train_host::export::{self, Options};
use rnn_train_host::import;
use rnn_train_host::model::Model;
use rnn_train_host::pytorch::{Description, Nonlinearity};
use safetensors::SafeTensors;

use crate::exchange_files::{golden, tensors, written};

/// Name of the file, kind and layers, parameters.
const NETWORKS: [(&str, Kind, usize, usize); 6] = [
    ("rnn", Kind::Elman(Activation::Tanh), 1, 16),
    ("rnn_relu", Kind::Elman(Activation::Relu), 2, 8),
    ("gru", Kind::Gru(Reset::After), 1, 12),
    ("gru_two", Kind::Gru(Reset::After), 2, 8),
    ("lstm", Kind::Lstm, 1, 10),
    ("lstm_two", Kind::Lstm, 2, 8),
];

/// PyTorch and this program each round in an order of their own and squash with approximations of
/// their own (here of 3.2e-6); the bar that the project sets.
const TOLERANCE: f32 = 1e-5;

fn values(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let bytes = file.tensor(name).unwrap().data();
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// What an import needs to know of that network beside its file.
fn options(name: &str) -> Description {
    let nonlinearity = name.ends_with("relu").then_some(Nonlinearity::Relu);
    Description { nonlinearity, ..Description::default() }
}

fn imported(name: &str) -> Model {
    import::safetensors(&golden(name), options(name)).unwrap().model
}

#[test]
fn the_outputs_are_pytorch_s() {
    let bytes = golden("outputs");
    let outputs = SafeTensors::deserialize(&bytes).unwrap();
    let x = values(&outputs, "x");
    for (name, kind, layers, hidden) in NETWORKS {
        let model = imported(name);
        let found: Vec<_> = model.header.shape().layers().map(|l| (l.kind, l.hidden)).collect();
        assert_eq!(found, vec![(kind, hidden); layers], "{name}");
        let mut predictor = model.predictor();
        let expected = values(&outputs, name);
        assert_eq!((x.len(), expected.len()), (2000, 2000));
        let mut largest = 0.0f32;
        for (sample, expected) in x.chunks_exact(2).zip(expected.chunks_exact(2)) {
            for (o, expected) in predictor.step(sample).iter().zip(expected) {
                largest = largest.max((o - expected).abs());
            }
        }
        println!("{name}: {largest:e}");
        assert!(largest <= TOLERANCE, "{name}: {largest:e}");
    }
}

#[test]
fn exporting_gives_the_same_file_back() {
    for (name, ..) in NETWORKS {
        let plain = Options { plain: true, ..Options::default() };
        let back = export::safetensors(&imported(name), plain).unwrap();
        assert!(back == golden(name), "{name}");
        // With the metadata, tensor for tensor.
        let back = export::safetensors(&imported(name), Options::default()).unwrap();
        assert_eq!(tensors(&back), tensors(&golden(name)), "{name}");
    }
}

#[test]
fn an_imported_model_comes_back_from_its_export() {
    for (name, ..) in NETWORKS {
        let model = imported(name);
        let file = export::safetensors(&model, Options::default()).unwrap();
        let back = import::safetensors(&file, Description::default()).unwrap();
        assert_eq!((back.model, back.notes), (model, vec![]), "{name}");
    }
}

/// A model of random weights, as one that was trained here.
fn trained(task: Task, inputs: usize, window: usize, layers: Layers) -> Model {
    let text = matches!(task, Task::Text(_));
    let mut random = SplitMix64::new(5);
    let mut number = move || (2.0 * random.uniform() - 1.0) as f32;
    let mut header =
        Header { window, self_tests: 4, seed: u64::MAX - 5, ..Header::new(task, inputs, layers) };
    let scales = |_| Channel {
        level_mean: 100.0 * number(),
        level_deviation: number().abs() + 0.01,
        difference_mean: number() / 3.0,
        difference_deviation: number().abs() + 1e-20,
    };
    let channels: Vec<Channel> = (0..if text { 0 } else { inputs }).map(scales).collect();
    let samples = match text {
        true => vec![0.0, 2.0, 1.0],
        false => (0..4 * inputs).map(|_| number() * 1e3).collect(),
    };
    header.self_tests = samples.len() / header.sample_length();
    let mut parameters: Vec<f32> =
        (0..header.shape().parameters()).map(|_| 0.4 * number()).collect();
    // A bias of -0 comes back too.
    *parameters.last_mut().unwrap() = -0.0;
    let names = (0..inputs).map(|i| format!("ä{i}")).collect();
    Model {
        header,
        names,
        channels,
        parameters: parameters.into(),
        modules: Default::default(),
        biases: vec![],
        integers: vec![].into(),
        samples,
        watch: None,
    }
}

const GRU: Kind = Kind::Gru(Reset::After);
const TANH: Kind = Kind::Elman(Activation::Tanh);

#[test]
fn a_model_trained_here_comes_back_from_its_export() {
    let forecast = |mode, target| Task::Forecast { mode, target };
    let relu = Layers::one(Kind::Elman(Activation::Relu), 5);
    let mixed = Layers::one(GRU, 5).with(Kind::Lstm, 3).unwrap().with(TANH, 4).unwrap();
    let mut deep = Layers::one(Kind::Lstm, 3);
    while let Some(deeper) = deep.with(Kind::Lstm, 3) {
        deep = deeper;
    }
    for (task, inputs, window, layers) in [
        (forecast(Mode::Difference, 1), 2, 0, Layers::one(TANH, 4)),
        (forecast(Mode::Raw, 0), 1, 20, relu),
        (forecast(Mode::Residual, 2), 3, 0, Layers::one(GRU, 7).with(GRU, 7).unwrap()),
        (forecast(Mode::Raw, 0), 2, 0, mixed),
        (forecast(Mode::Raw, 0), 1, 0, deep),
        (Task::Text(Unit::Character), 5, 0, Layers::one(GRU, 4)),
        (Task::Text(Unit::Word), 3, 0, Layers::one(Kind::Lstm, 4)),
    ] {
        let model = trained(task, inputs, window, layers);
        let file = export::safetensors(&model, Options::default()).unwrap();
        let back = import::safetensors(&file, Description::default()).unwrap();
        let bytes = model.to_bytes().unwrap();
        assert_eq!((back.model.to_bytes().unwrap(), back.notes), (bytes, vec![]), "{layers:?}");
    }
}

#[test]
fn a_stack_of_different_layers_has_a_module_for_each() {
    let layers = Layers::one(GRU, 5).with(Kind::Lstm, 3).unwrap();
    let model = trained(Task::Forecast { mode: Mode::Raw, target: 0 }, 2, 0, layers);
    let file = export::safetensors(&model, Options::default()).unwrap();
    let names: Vec<String> = tensors(&file).into_iter().map(|tensor| tensor.name).collect();
    let expected: Vec<String> = ["rnn.0", "rnn.1"]
        .iter()
        .flat_map(|module| {
            ["bias_hh_l0", "bias_ih_l0", "weight_hh_l0", "weight_ih_l0"]
                .map(|tensor| format!("{module}.{tensor}"))
        })
        .collect();
    assert_eq!(names, [vec!["fc.bias".to_owned(), "fc.weight".to_owned()], expected].concat());
    let one = Options { recurrent: Some("rnn".to_owned()), ..Options::default() };
    let error = export::safetensors(&model, one).unwrap_err().to_string();
    assert!(error.contains("1 name(s) for 2 recurrent layers"), "{error}");
}

#[test]
fn the_second_bias_is_kept_when_somebody_trained_it() {
    let task = Task::Forecast { mode: Mode::Raw, target: 0 };
    let model = trained(task, 1, 0, Layers::one(TANH, 4));
    let file = export::safetensors(&model, Options::default()).unwrap();
    let mut changed = tensors(&file);
    let b_hh = changed.iter_mut().find(|tensor| tensor.name == "rnn.bias_hh_l0").unwrap();
    b_hh.bytes[..4].copy_from_slice(&0.5f32.to_le_bytes());
    let description = export_metadata(&file);
    let back = import::safetensors(&written(&changed, Some(&description)), Description::default());
    let back = back.unwrap().model;
    assert_eq!(back.biases[4..], [0.5, 0.0, 0.0, 0.0]);
    let b = |model: &Model| model.parameters[4 + 16];
    assert_eq!(b(&back), b(&model) + 0.5);
    let again = export::safetensors(&back, Options::default()).unwrap();
    assert_eq!(tensors(&again), changed);
}

fn export_metadata(file: &[u8]) -> String {
    let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
    metadata.metadata().as_ref().unwrap()["rnn"].clone()
}

#[test]
fn what_pytorch_does_not_have_is_refused() {
    let task = Task::Forecast { mode: Mode::Raw, target: 0 };
    let sigmoid = Kind::Elman(Activation::Sigmoid);
    let relu = Kind::Elman(Activation::Relu);
    for (layers, said) in [
        (Layers::one(Kind::Gru(Reset::Before), 3), "the original paper's"),
        (Layers::one(sigmoid, 3), "sigmoid"),
        (Layers::one(TANH, 3).with(relu, 3).unwrap(), "can't be told apart"),
    ] {
        let model = trained(task, 1, 0, layers);
        let error = export::safetensors(&model, Options::default()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_model_that_learned_on_is_exported_as_it_is() {
    let mut model = imported("gru");
    model.parameters.iter_mut().for_each(|weight| *weight += 0.125);
    let file = export::safetensors(&model, Options::default()).unwrap();
    let back = import::safetensors(&file, Description::default()).unwrap().model;
    assert_eq!(back.parameters, model.parameters);
}
