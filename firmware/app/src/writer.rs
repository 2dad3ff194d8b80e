//! A model of text: it takes a symbol's index, a temperature and a random number, and chooses the next
//! symbol; see [`rnn_core::text::choose`].

use crate::embedded::FILE;
use crate::learner::Learnt;
use crate::model::{Model, Words};
use crate::numbers::State;
use rnn_core::model_file::{Error, ModelFile};
use rnn_core::text;
use rnn_core::watch::Verdict;

/// A symbol's index, the temperature, a random number in [0, 1).
pub const CHANNELS: usize = 3;
/// The next symbol's index.
pub const OUTPUTS: usize = 1;
/// Symbols.
const SYMBOLS: usize = FILE.header.inputs;

/// Symbols have no scales.
#[derive(Clone, Copy)]
pub struct Scales;

/// What of a model file is copied into RAM: nothing.
#[derive(Clone, Copy)]
pub struct Settings {
    /// What a step asks for.
    pub scales: Scales,
}

impl Settings {
    /// As a file has them.
    pub const fn of(_: &ModelFile<'_>) -> Result<Self, Error> {
        Ok(Settings { scales: Scales })
    }
}

/// A model's memory.
pub struct Predictor {
    state: State,
    o: [f32; SYMBOLS],
}

impl Predictor {
    /// Before the first symbol.
    pub const REST: Self = Predictor { state: State::REST, o: [0.0; _] };

    /// Reads a symbol, chooses the next one.
    #[inline(always)]
    pub(crate) fn step(&mut self, model: Model<'_>, sample: &[f32; CHANNELS]) -> [f32; OUTPUTS] {
        let &[symbol, temperature, random] = sample;
        let symbol = symbol as u16;
        let known = if usize::from(symbol) < SYMBOLS { symbol } else { text::UNKNOWN };
        let Predictor { state, o } = self;
        let network = state.of(model.words);
        let next =
            network.map(|mut network| text::step(&mut network, known, o, temperature, random));
        [f32::from(next.unwrap_or(text::UNKNOWN))]
    }

    /// Back to the state before the first symbol.
    pub fn restart(&mut self) {
        *self = Self::REST;
    }

    /// Of the file's self-test samples those whose outputs have other bits.
    pub fn self_test(mut self, model: Model<'_>, file: &ModelFile<'_>) -> usize {
        let differs = |(symbol, expected): (f32, f32)| {
            crate::step(&mut self, model, &[symbol, 0.0, 0.0]);
            let output = self.o.get(symbol as usize).copied().unwrap_or(f32::NAN);
            output.to_bits() != expected.to_bits()
        };
        file.self_tests().map(differs).filter(|differs| *differs).count()
    }
}

/// A model in the middle of a text, in which anything may come.
pub(crate) struct Stream(Predictor);

impl Stream {
    /// Before the first symbol.
    pub(crate) fn start(_: Settings) -> Self {
        Stream(Predictor::REST)
    }

    /// Back to the start, of another model perhaps.
    pub(crate) fn restart(&mut self, settings: Settings) {
        *self = Self::start(settings);
    }

    /// Goes on with another model, from the state that there is.
    pub(crate) fn go_on(&mut self, _: Settings) {}

    /// Reads a symbol; where none came, an unknown one.
    pub(crate) fn take(
        &mut self,
        words: &Words,
        sample: Option<&[f32; CHANNELS]>,
        _: f32,
    ) -> (Verdict, [u8; OUTPUTS], [f32; OUTPUTS], Learnt) {
        let Stream(predictor) = self;
        let unknown = [f32::MAX, 0.0, 0.0];
        let model = Model { words, scales: &Scales };
        let prediction = crate::step(predictor, model, sample.unwrap_or(&unknown));
        (Verdict::FITS, [0; OUTPUTS], prediction, Learnt)
    }
}
