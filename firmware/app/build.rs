//! Reads the model file that the image is built with and says which sources are for it: of which numbers it
//! is made, what it is for, and whether it learns. Its sizes the compiler reads itself.

use rnn_core::model_file::{Header, ModelFile, Numbers, Task};
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
    println!("cargo::rerun-if-env-changed=RNN_ADAPT");
    println!("cargo::rustc-check-cfg=cfg(learns, values(none(), \"whole\", \"readout\"))");
    if let Ok(asked) = env::var("RNN_ADAPT") {
        let (part, block) = learning(&asked, &file.header).map_err(|error| {
            format!("RNN_ADAPT={asked} with RNN_MODEL={}: {error}", path.display())
        })?;
        println!("cargo::rustc-cfg=learns");
        println!("cargo::rustc-cfg=learns=\"{part}\"");
        println!("cargo::rustc-env=ADAPT_BLOCK={block}");
    }
    println!("cargo::rustc-check-cfg=cfg(task, values(\"forecast\", \"text\"))");
    println!("cargo::rustc-check-cfg=cfg(numbers, values(\"float\", \"integers\"))");
    println!("cargo::rustc-cfg=task=\"{task}\"");
    println!("cargo::rustc-cfg=numbers=\"{numbers}\"");
    Ok(())
}

/// Most samples of a block: `rnn adapt` has the same.
const LONGEST_BLOCK: u16 = 4096;

/// What learns, and from how many samples at a time.
fn learning<'a>(asked: &'a str, header: &Header) -> Result<(&'static str, &'a str), &'static str> {
    let (part, block) = match asked.strip_prefix("readout:") {
        Some(block) => ("readout", block),
        None => ("whole", asked),
    };
    match block.parse::<u16>() {
        Ok(1..=LONGEST_BLOCK) => {}
        _ => {
            return Err(
                "it is the number of samples that are learnt from at a time, 1 to 4096, such as 16; \
                 for the readout alone readout:16",
            );
        }
    }
    match header {
        Header { task: Task::Text(_), .. } => Err("a model of text doesn't learn on a device"),
        Header { numbers: Numbers::Integer(_), .. } => {
            Err("a model of integers has no weights to be moved: build with the one of f32")
        }
        Header { window: 1.., .. } => Err(
            "the model starts every prediction from rest (--windowed); only one that carries its \
             state on learns from a stream",
        ),
        _ => Ok((part, block)),
    }
}
