//! A stack of two layers exported as Rust source, compiled into this test: the same bits as the model.
//!
//! golden/exported_stack.rs is written anew by `UPDATE_GOLDEN=1 cargo test`.

use rnn_train_host::export;
use rnn_train_host::import;
use rnn_train_host::model::Model;
use rnn_train_host::pytorch::Description;

mod exchange_files;
use exchange_files::golden;

#[path = "golden/exported_stack.rs"]
mod exported_stack;

/// 2 channels, a GRU of 8 units on another.
fn model() -> Model {
    import::safetensors(&golden("gru_two"), Description::default()).unwrap().model
}

#[test]
fn the_source_of_a_stack_is_what_export_writes() {
    let source = export::rust(&model()).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/exported_stack.rs");
        return std::fs::write(path, &source).unwrap();
    }
    assert!(source == include_str!("golden/exported_stack.rs"));
}

#[test]
fn the_compiled_source_of_a_stack_is_the_model() {
    let model = model();
    assert!(exported_stack::self_test());
    assert_eq!((exported_stack::CHANNELS, exported_stack::TARGET), (["x0", "x1"], 0));
    let mut compiled = exported_stack::Predictor::new(&exported_stack::MODEL);
    let mut loaded = model.predictor();
    for t in 0..200u32 {
        let sample = [((t * 37) % 101) as f32 / 50.0, ((t * 11) % 31) as f32 / 15.0];
        let bits = compiled.step(&sample).map(f32::to_bits).to_vec();
        let expected: Vec<u32> = loaded.step(&sample).iter().map(|v| v.to_bits()).collect();
        assert_eq!(bits, expected, "step {t}");
    }
}
