//! PyTorch's networks, read from their safetensors files and written back.
//!
//! golden/make_exchange.py makes the files.

use std::collections::HashMap;
use std::path::PathBuf;

use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, Task, Unit};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};
use rnn_train_host::export::{self, Options};
use rnn_train_host::import::{self, Imported};
use rnn_train_host::model::Model;
use rnn_train_host::pytorch::{Description, ModeName, Nonlinearity, Scale, TaskName};
use safetensors::SafeTensors;

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

fn golden(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/exchange"));
    std::fs::read(folder.join(name).with_extension("safetensors")).unwrap()
}

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
