//! Reads the model file that the image is built with and writes down what is in it: of floating-point
//! numbers the type of its cells, so that from there on the compiler knows every size; or integers.

use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layer};
use rnn_core::model_file::{ModelFile, Numbers, Task};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), String> {
    // See `broken.rs`.
    println!("cargo::rerun-if-env-changed=RNN_BREAK");
    println!(
        "cargo::rustc-check-cfg=cfg(broken, values(none(), \"panic\", \"allocation\", \"time\", \"bits\"))"
    );
    if let Ok(promise) = env::var("RNN_BREAK") {
        println!("cargo::rustc-cfg=broken");
        println!("cargo::rustc-cfg=broken=\"{promise}\"");
    }
    println!("cargo::rerun-if-env-changed=RNN_MODEL");
    let path = env::var_os("RNN_MODEL")
        .map(PathBuf::from)
        .ok_or("set RNN_MODEL to the absolute path of a model file; `rnn train` writes one")?;
    println!("cargo::rerun-if-changed={}", path.display());
    let bytes =
        fs::read(&path).map_err(|error| format!("RNN_MODEL={}: {error}", path.display()))?;
    let file = ModelFile::parse(&bytes)
        .map_err(|error| format!("RNN_MODEL={}: {error}", path.display()))?;

    let kind = match file.header.task {
        Task::Forecast { .. } => "forecaster",
        Task::Text(_) => "text",
    };
    let source = match file.header.numbers {
        Numbers::Float => {
            let shape = file.header.shape();
            let cells = shape.layers().enumerate().map(|(i, layer)| cell(i, layer));
            let stacked = |lower, upper| format!("Stack {{ lower: {lower}, upper: {upper} }}");
            let cell = cells.reduce(stacked).unwrap_or_default();
            format!("float_{kind}!({shape}, {cell});\n")
        }
        Numbers::Integer(_) => format!("integer_{kind}!();\n"),
    };
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&out).join("model.rs"), source).map_err(|error| error.to_string())
}

/// How layer `i` comes out of the file.
fn cell(i: usize, layer: Layer) -> String {
    let read = match layer.kind {
        Kind::Elman(_) => "elman",
        Kind::Gru(Reset::After) => "gru_reset_after",
        Kind::Gru(Reset::Before) => "gru_reset_before",
        Kind::Lstm => "lstm",
    };
    format!("of_the_file(FILE.{read}({i}))")
}
