//! How many bits a symbol of a text costs a model, beside n-grams.

use std::ops::Range;

use anyhow::{Result, ensure};
use rnn_core::model_file::Unit;
use serde::Serialize;

use super::ngram::{Ngrams, ORDERS};
use super::reader::Reader;
use super::{Corpus, UNKNOWN, Vocabulary};
use crate::data::Part;
use crate::model::Model;

/// A model's score on a part of a text, and its rivals'.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The part.
    pub part: Part,
    /// Symbols scored.
    pub n: usize,
    /// Share of them that the model's vocabulary doesn't hold. They are scored as the unknown symbol:
    /// what it would cost to spell them is not counted.
    pub unknown: f64,
    /// Of the network.
    #[serde(flatten)]
    pub network: Score,
    /// Numbers in the network.
    pub parameters: usize,
    /// N-grams of order 0 to 5, counted on all that comes before the corpus's test part: what a model
    /// learns from.
    pub ngrams: Vec<Rival>,
}

/// Bits per symbol and perplexity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// Mean of -log2 p of the symbol that came.
    pub bits: f64,
    /// 2^bits: as many equally probable symbols would be as hard.
    pub perplexity: f64,
}

/// N-grams of one order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rival {
    /// Symbols of context.
    pub order: usize,
    /// Their score.
    #[serde(flatten)]
    pub score: Score,
    /// Different n-grams in their tables.
    pub entries: usize,
}

impl Score {
    fn new(bits: f64) -> Self {
        Score { bits, perplexity: libm::exp2(bits) }
    }
}

/// Scores a model on a part of a text, as a device would read it: symbol by symbol from the start of
/// the text on. N-grams read the same symbols.
///
/// # Errors
/// A model of another unit than the corpus.
pub fn evaluate(model: &Model, corpus: &Corpus, part: Part) -> Result<Evaluation> {
    let (text, range) = symbols(model, corpus, part)?;
    let bits = bits(model, &text, range.clone());
    let n = range.len();
    let unknown = text[range.clone()].iter().filter(|symbol| **symbol == UNKNOWN).count();
    Ok(Evaluation {
        part,
        n,
        unknown: unknown as f64 / n as f64,
        network: Score::new(bits),
        parameters: model.header.shape().parameters(),
        ngrams: rivals(&text, corpus, range, model.names.len()),
    })
}

/// Mean bits per symbol of a part, without the n-grams.
///
/// # Errors
/// As [`evaluate`].
pub fn bits_per_symbol(model: &Model, corpus: &Corpus, part: Part) -> Result<f64> {
    let (text, range) = symbols(model, corpus, part)?;
    Ok(bits(model, &text, range))
}

/// A corpus in a model's symbols, and the part of it that is scored.
fn symbols(model: &Model, corpus: &Corpus, part: Part) -> Result<(Vec<u16>, Range<usize>)> {
    let unit = super::unit(model)?;
    ensure!(unit == corpus.unit, "the model and the corpus don't have the same unit");
    let vocabulary = Vocabulary::from_names(model.names.clone(), unit);
    let text = vocabulary.encode(corpus.tokens());
    let range = corpus.split.part(part);
    // Nothing has been read in front of the first symbol of all.
    Ok((text, range.start.max(1)..range.end))
}

/// Mean of -log2 p over the symbols of `range`, all that precedes them having been read.
fn bits(model: &Model, text: &[u16], range: Range<usize>) -> f64 {
    let mut reader = Reader::new(model);
    text[..range.start].iter().for_each(|symbol| reader.read(*symbol));
    let n = range.len() as f64;
    let mut bits = 0.0;
    for symbol in &text[range] {
        bits += reader.bits(*symbol);
        reader.read(*symbol);
    }
    bits / n
}

fn rivals(text: &[u16], corpus: &Corpus, range: Range<usize>, symbols: usize) -> Vec<Rival> {
    let ngrams = Ngrams::of(&text[..corpus.split.test.start], symbols);
    let bits = ngrams.bits(text, range);
    let rival =
        |order| Rival { order, score: Score::new(bits[order]), entries: ngrams.entries(order) };
    (0..ORDERS).map(rival).collect()
}

/// The evaluation as a table and a sentence.
pub fn text(evaluation: &Evaluation, unit: Unit) -> String {
    let Evaluation { part, n, unknown, network, parameters, ngrams } = evaluation;
    let symbol = match unit {
        Unit::Character => "character",
        Unit::Word => "word",
    };
    let part = match part {
        Part::Train => "the training part, which models and n-grams learn from",
        Part::Validation => "the validation part, which models and n-grams learn from in the end",
        Part::Test => "the test part",
        Part::All => "the whole text, nine tenths of which models and n-grams learn from",
    };
    let mut text = format!("{n} {symbol}s of {part}");
    if *unknown > 0.0 {
        text += &format!(
            "\n{:.2} % of them are unknown: what they are is neither predicted nor scored",
            100.0 * unknown
        );
    }
    text += &format!("\n\n{:15}  bits/{symbol:<9}  perplexity       size\n", "");
    let mut row = |name: &str, score: &Score, size: String| {
        text += &format!("{name:15}  {:>14.4}  {:>10.3}  {size}\n", score.bits, score.perplexity);
    };
    row("this network", network, format!("{parameters:>9} parameters"));
    for Rival { order, score, entries } in ngrams {
        row(&format!("n-gram, order {order}"), score, format!("{entries:>9} entries"));
    }
    text + "\n" + &sentence(evaluation) + "\n"
}

fn sentence(evaluation: &Evaluation) -> String {
    let Some(best) = evaluation.ngrams.iter().min_by(|a, b| a.score.bits.total_cmp(&b.score.bits))
    else {
        return String::new();
    };
    let (ours, theirs) = (evaluation.network.bits, best.score.bits);
    let share = 100.0 * (ours - theirs).abs() / theirs;
    let than = if ours < theirs { "fewer" } else { "more" };
    format!(
        "The network needs {share:.1} % {than} bits than the best n-gram (order {}, {} entries).",
        best.order, best.entries
    )
}
