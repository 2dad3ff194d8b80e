//! A model that writes.

use anyhow::Result;
use rnn_core::model_file::Unit;
use rnn_core::random::SplitMix64;
use rnn_core::text::step;

use super::{Tokens, UNKNOWN, Vocabulary, join};
use crate::model::Model;

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Symbols to write.
    pub length: usize,
    /// What the outputs are divided by before the softmax: below 1 the probable becomes more so; at 0
    /// the most probable symbol is always taken.
    pub temperature: f32,
    /// Seed of the choice.
    pub seed: u64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The prompt and what follows it, as one text.
    pub text: String,
    /// Symbols of the prompt.
    pub prompt: usize,
    /// Those of them that the model doesn't know and has read as the unknown symbol.
    pub unknown: Vec<String>,
}

/// Reads the prompt from rest and goes on from there; the unknown symbol is never written. An empty
/// prompt is read as the end of what came before: a line break, or a full stop for words, or else the
/// most frequent symbol.
///
/// # Errors
/// A model that isn't one of text.
pub fn generate(model: &Model, prompt: &str, options: &Options) -> Result<Written> {
    let mut live = model.live();
    let mut o = vec![0.0; model.header.inputs];
    generate_by(model, prompt, options, |symbol, temperature, random| {
        Ok(step(&mut live, symbol, &mut o, temperature, random))
    })
}

/// The same with whoever reads a symbol and chooses the next one, for a temperature and a random number,
/// from rest on: a device that carries the model, for one.
///
/// # Errors
/// A model that isn't one of text; what `next` fails with.
pub fn generate_by(
    model: &Model,
    prompt: &str,
    options: &Options,
    mut next: impl FnMut(u16, f32, f32) -> Result<u16>,
) -> Result<Written> {
    let unit = super::unit(model)?;
    let vocabulary = Vocabulary::from_names(model.names.clone(), unit);
    let given: Vec<&str> = Tokens::new(prompt, unit).collect();
    let mut read: Vec<u16> = given.iter().map(|token| vocabulary.number(token)).collect();
    if read.is_empty() {
        read.push(before_all(&vocabulary));
    }
    let mut random = SplitMix64::new(options.seed);
    let mut written = given.clone();
    let mut symbol = read.pop().unwrap_or(UNKNOWN);
    for symbol in read {
        next(symbol, 0.0, 0.0)?;
    }
    for _ in 0..options.length {
        symbol = next(symbol, options.temperature, random.uniform() as f32)?;
        if symbol == UNKNOWN {
            break;
        }
        written.push(vocabulary.name(symbol));
    }
    let unknown = given.iter().filter(|token| vocabulary.number(token) == UNKNOWN);
    Ok(Written {
        text: join(written.iter().copied(), unit),
        prompt: given.len(),
        unknown: unknown.map(|token| (*token).to_owned()).collect(),
    })
}

fn before_all(vocabulary: &Vocabulary) -> u16 {
    let end = match vocabulary.unit {
        Unit::Character => "\n",
        Unit::Word => ".",
    };
    match vocabulary.number(end) {
        UNKNOWN => 1,
        end => end,
    }
}
