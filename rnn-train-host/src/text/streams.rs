//! A text read by several streams at once, a window at a time: the batches of the trainer.
//!
//! The text is taken as a ring of L transitions, from symbol i to symbol i + 1. Stream b of B starts
//! b L / B behind the epoch's first place, from the state at rest, and reads its share window after
//! window, the state carried on. The first place is drawn anew for every epoch, so that windows and
//! shares have other borders every time.

use crate::train::gradient::Engine;

/// Streams, as many as a text has room for.
const STREAMS: usize = 32;

/// Where the streams of an epoch are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streams<'t> {
    text: &'t [u16],
    /// B
    pub(super) count: usize,
    /// T, symbols per window.
    pub(super) steps: usize,
    /// Windows per epoch.
    pub(super) windows: usize,
}

impl<'t> Streams<'t> {
    /// Over a text of at least two symbols; windows of `context` symbols where there is so much text.
    pub(super) fn new(text: &'t [u16], context: usize) -> Self {
        let transitions = text.len() - 1;
        let steps = context.min(transitions);
        let count = (transitions / steps).min(STREAMS);
        Streams { text, count, steps, windows: transitions / count / steps }
    }

    /// L, pairs of a symbol and the next one.
    pub(super) fn transitions(&self) -> usize {
        self.text.len() - 1
    }

    /// Sets window `window` of every stream, the epoch starting at place `first` of the ring; `symbols` is
    /// room for one of them.
    pub(super) fn set(
        &self,
        engine: &mut Engine,
        first: usize,
        window: usize,
        symbols: &mut Vec<u16>,
    ) {
        let transitions = self.transitions();
        let share = transitions / self.count;
        let place = |stream: usize, t: usize| {
            (first + stream * share + window * self.steps + t) % transitions
        };
        symbols.resize(self.steps, 0);
        for stream in 0..self.count {
            for of_label in [0, 1] {
                for (t, symbol) in symbols.iter_mut().enumerate() {
                    *symbol = self.text[place(stream, t) + of_label];
                }
                match of_label {
                    0 => engine.set_symbols(stream, symbols),
                    _ => engine.set_labels(stream, symbols),
                }
            }
        }
    }
}
