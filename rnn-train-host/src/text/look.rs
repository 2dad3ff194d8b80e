//! A quick look at a part of a text: several streams at once, in the trainer's arithmetic.

use std::ops::Range;

use rnn_core::cell::Sequence;
use rnn_core::kernel::{Columns, Training};
use rnn_core::network::{NetworkRef, Workspace};
use rnn_core::scalar::Scalar;

use crate::train::parallel;

/// Streams of a shard; the sums are in a fixed order for any number of threads.
const WIDTH: usize = 16;
/// Shards.
const SHARDS: usize = 2;
/// Symbols that warm a stream's state up.
const WARM_UP: usize = 128;
/// Symbols scored at most, evenly spread.
const MOST: usize = 1 << 17;
/// Steps at a time.
const STEPS: usize = 32;

/// Streams side by side, and what they found.
struct Shard {
    /// Each stream's scored symbols.
    parts: Vec<Range<usize>>,
    bits: f64,
}

/// Mean of -log2 p over a part of the text.
pub(super) fn bits(
    network: NetworkRef<'_, f32>,
    text: &[u16],
    part: Range<usize>,
    threads: usize,
) -> f64 {
    let part = part.start.max(1)..part.end;
    let streams = (WIDTH * SHARDS).min(part.len());
    let border = |stream: usize| part.start + part.len() * stream / streams;
    let most = MOST / streams;
    let parts: Vec<Range<usize>> = (0..streams)
        .map(|stream| border(stream)..border(stream + 1).min(border(stream) + most))
        .collect();
    let scored: usize = parts.iter().map(|part| part.len()).sum();
    let mut shards: Vec<Shard> =
        parts.chunks(WIDTH).map(|parts| Shard { parts: parts.to_vec(), bits: 0.0 }).collect();
    parallel::for_each(&mut shards, threads, |shard| shard.read(network, text));
    shards.iter().map(|shard| shard.bits).sum::<f64>() / scored as f64
}

impl Shard {
    fn read(&mut self, network: NetworkRef<'_, f32>, text: &[u16]) {
        let shape = network.shape();
        let (batch, outputs) = (self.parts.len(), shape.outputs);
        let longest = self.parts.iter().map(|part| part.len()).max().unwrap_or_default();
        let mut state = vec![0.0; batch * shape.state()];
        let mut cache = vec![0.0; STEPS * batch * shape.cache()];
        let mut o = vec![0.0; STEPS * batch * outputs];
        // The symbol that a stream reads at step t is the one in front of the label.
        let mut symbols = vec![0; STEPS * batch];
        let label = |part: &Range<usize>, step: usize| (part.start + step).checked_sub(WARM_UP);
        for first in (0..WARM_UP + longest).step_by(STEPS) {
            for (t, symbols) in symbols.chunks_exact_mut(batch).enumerate() {
                for (symbol, part) in symbols.iter_mut().zip(&self.parts) {
                    let read = label(part, first + t).and_then(|label| label.checked_sub(1));
                    // Before the text a column of zeros.
                    *symbol = read.and_then(|at| text.get(at)).copied().unwrap_or(u16::MAX);
                }
            }
            let sequence = Sequence { batch, x: Columns::Symbols(&symbols), start: &state };
            let work = Workspace { cache: &mut cache, masks: &[], masked: &mut [] };
            network.forward::<Training>(sequence, work, &mut o);
            network.last_state(batch, &cache, &mut state);
            let columns = o.chunks_exact_mut(outputs).enumerate();
            for (column, o) in columns {
                let part = &self.parts[column % batch];
                match label(part, first + column / batch) {
                    Some(at) if part.contains(&at) => self.bits += cost(o, text[at]),
                    _ => {}
                }
            }
        }
    }
}

/// -log2 of softmax(o)[symbol].
fn cost(o: &[f32], symbol: u16) -> f64 {
    let max = o.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum = o.iter().fold(0.0f32, |sum, &o| sum + Scalar::exp(o - max));
    f64::from(Scalar::ln(sum) + (max - o[usize::from(symbol)])) * std::f64::consts::LOG2_E
}
