//! What bytes from outside must not do: panic, or pass for what they aren't.
//!
//! A module per reader, with a function `run` that feeds it bytes and checks what it makes of them, and
//! the seeds of its corpus. `cargo xtask fuzz` runs them under libFuzzer for as long as one likes;
//! tests/corpus.rs runs them over the committed corpus and some thousand mutations of it in seconds.

pub mod csv;
pub mod link;
pub mod model_file;
pub mod mutate;
pub mod safetensors;
pub mod slots;
pub mod text;

/// A reader under test.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Of the target, and of its corpus's folder.
    pub name: &'static str,
    /// Feeds the reader; panics where it does what it mustn't.
    pub run: fn(&[u8]),
    /// Small valid inputs, by name.
    pub seeds: fn() -> Vec<(&'static str, Vec<u8>)>,
}

/// All of them.
pub static TARGETS: [Target; 6] = [
    Target { name: "model_file", run: model_file::run, seeds: model_file::seeds },
    Target { name: "link", run: link::run, seeds: link::seeds },
    Target { name: "csv", run: csv::run, seeds: csv::seeds },
    Target { name: "text", run: text::run, seeds: text::seeds },
    Target { name: "safetensors", run: safetensors::run, seeds: safetensors::seeds },
    Target { name: "slots", run: slots::run, seeds: slots::seeds },
];

const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
