//! Reads the model file that the image is built with and says which sources are for it: of which numbers it
//! is made, and what it is for. Its sizes the compiler reads itself.

use rnn_core::model_file::{ModelFile, Numbers, Task};
use std::path::PathBuf;
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

    let task = match file.header.task {
        Task::Forecast { .. } => "forecast",
        Task::Text(_) => "text",
    };
    let numbers = match file.header.numbers {
        Numbers::Float => "float",
        Numbers::Integer(_) => "integers",
    };
    println!("cargo::rustc-check-cfg=cfg(task, values(\"forecast\", \"text\"))");
    println!("cargo::rustc-check-cfg=cfg(numbers, values(\"float\", \"integers\"))");
    println!("cargo::rustc-cfg=task=\"{task}\"");
    println!("cargo::rustc-cfg=numbers=\"{numbers}\"");
    Ok(())
}
