//! A model that writes.

use rnn_core::model_file::Unit;
use rnn_core::random::SplitMix64;

use super::reader::Reader;
use super::{Tokens, UNKNOWN, Vocabulary, join};
use crate::model::Model;

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Symbols to write.
    pub length: usize,
    /// What the outputs are divided by before the softmax: below 1 the probable becomes more so; at 0
    /// the most probable symbol is always taken.
    pub temperature: f64,
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
pub fn generate(model: &Model, prompt: &str, options: &Options) -> anyhow::Result<Written> {
    let unit = super::unit(model)?;
    let vocabulary = Vocabulary::from_names(model.names.clone(), unit);
    let given: Vec<&str> = Tokens::new(prompt, unit).collect();
    let mut reader = Reader::new(model);
    if given.is_empty() {
        reader.read(before_all(&vocabulary));
    }
    given.iter().for_each(|token| reader.read(vocabulary.number(token)));

    let mut random = SplitMix64::new(options.seed);
    let mut written = given.clone();
    for _ in 0..options.length {
        let Some(symbol) = choose(reader.output(), options.temperature, &mut random) else { break };
        written.push(vocabulary.name(symbol));
        reader.read(symbol);
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

/// A symbol with probability proportional to e^(o / temperature), the unknown one left out; of equally
/// probable ones at temperature 0 the first. `None` where there is no other symbol.
fn choose(o: &[f32], temperature: f64, random: &mut SplitMix64) -> Option<u16> {
    let known = || o.iter().zip(0u16..).skip(usize::from(UNKNOWN) + 1);
    let (&max, best) = known().reduce(|a, b| if b.0 > a.0 { b } else { a })?;
    if temperature == 0.0 {
        return Some(best);
    }
    let weight = |o: f32| libm::exp((f64::from(o) - f64::from(max)) / temperature);
    let mut left = random.uniform() * known().map(|(o, _)| weight(*o)).sum::<f64>();
    for (o, symbol) in known() {
        left -= weight(*o);
        if left < 0.0 {
            return Some(symbol);
        }
    }
    // What rounding left over.
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::choose;
    use rnn_core::random::SplitMix64;

    fn shares(o: &[f32], temperature: f64) -> Vec<f64> {
        let mut random = SplitMix64::new(1);
        let mut counts = vec![0.0; o.len()];
        for _ in 0..20_000 {
            counts[usize::from(choose(o, temperature, &mut random).unwrap())] += 1.0 / 20_000.0;
        }
        counts
    }

    #[test]
    fn symbols_come_as_often_as_the_softmax_says() {
        // The unknown symbol, however probable, never comes.
        let o = [9.0, 0.0, 3.0f32.ln(), 4.0f32.ln()];
        for (temperature, expected) in [
            (1.0, [0.0, 1.0 / 8.0, 3.0 / 8.0, 4.0 / 8.0]),
            (0.5, [0.0, 1.0 / 26.0, 9.0 / 26.0, 16.0 / 26.0]),
            (0.0, [0.0, 0.0, 0.0, 1.0]),
        ] {
            // Four standard deviations of a share of 20,000 draws.
            for (share, expected) in shares(&o, temperature).iter().zip(expected) {
                assert!((share - expected).abs() < 0.0142, "{temperature}: {share} {expected}");
            }
        }
    }

    #[test]
    fn extremes_are_safe() {
        let mut random = SplitMix64::new(1);
        assert_eq!(choose(&[1.0], 1.0, &mut random), None);
        assert_eq!(choose(&[0.0, 2.0, 2.0], 0.0, &mut random), Some(1));
        assert_eq!(choose(&[0.0, 1e30, -1e30], 1e-300, &mut random), Some(1));
        assert!(choose(&[0.0, 1e30, -1e30], 1e300, &mut random).is_some());
    }
}
