//! A network from PyTorch, as safetensors.

use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::Kind;
use rnn_core::model_file::{Task, Unit};
use rnn_core::scaling::Mode;
use rnn_train_host::export;
use rnn_train_host::import;
use rnn_train_host::model::Model;
use rnn_train_host::pytorch::Description;

use crate::model_file::{model, two_biases};

/// Takes bytes as a file.
pub fn run(bytes: &[u8]) {
    let Ok(imported) = import::safetensors(bytes, Description::default()) else { return };
    let model = imported.model;
    let file = model.to_bytes().expect("what was imported can be saved");
    assert_eq!(Model::from_bytes(&file).as_ref(), Ok(&model));
    // What goes out comes in again as the same.
    if let Ok(out) = export::safetensors(&model, export::Options::default()) {
        let again = import::safetensors(&out, Description::default()).expect("an export");
        assert_eq!(again.model, model);
    }
}

/// Exports of small networks, with and without what only this program writes.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let forecast = Task::Forecast { mode: Mode::Residual, target: 1 };
    let tanh = Kind::Elman(Activation::Tanh);
    let models = [
        ("elman", model(forecast, &[(tanh, 3)], 2)),
        ("gru", model(forecast, &[(Kind::Gru(Reset::After), 2)], 2)),
        ("lstm_stack", model(forecast, &[(Kind::Lstm, 2), (Kind::Lstm, 2)], 2)),
        ("two_biases", two_biases()),
        ("text", model(Task::Text(Unit::Character), &[(Kind::Lstm, 2)], 3)),
    ];
    let export = |model: &Model| {
        export::safetensors(model, export::Options::default()).expect("PyTorch has it")
    };
    let mut seeds: Vec<_> = models.iter().map(|(name, model)| (*name, export(model))).collect();
    let options = export::Options { plain: true, ..export::Options::default() };
    let plain = export::safetensors(&models[0].1, options).expect("PyTorch has it");
    seeds.push(("elman_plain", plain));
    seeds
}
