//! What a model needs on a chip: exact where the shape decides, about right where the compiler does.

use std::str::FromStr;

use rnn_core::layers::Layer;
use rnn_core::model_file::{Header, Task};
use rnn_core::quant::IntegerNetwork;
use rnn_core::scaling::Channel;

/// Stack of a step: frames of the step and of the kernels, then what grows with the channels.
const STACK_OF_FRAMES: usize = 256;

/// Needs of a model in streaming, in bytes and per sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirements {
    /// Weights and scales; code comes on top, some kilobytes, the same for any size.
    pub flash: usize,
    /// State, last sample, scratch, and the window where there is one.
    pub ram: usize,
    /// Stack of a step, about; `cargo xtask test` proves bounds for whole images.
    pub stack: usize,
    /// Multiply-adds per sample.
    pub macs: usize,
}

impl Requirements {
    /// Of the model with this header.
    pub fn of(header: &Header) -> Self {
        let Header { inputs, window, .. } = *header;
        let shape = header.shape();
        let channels = match header.task {
            Task::Forecast { .. } => inputs,
            Task::Text(_) => 0,
        };
        // In the windowed form the cells run over the whole window for every sample.
        let steps = window.max(1);
        let layers: usize = shape.layers().map(Layer::multiply_adds).sum();
        let readout = shape.multiply_adds() - layers;
        let macs = steps * layers + readout;
        // The layers' memory; last sample and scratch; the window; its filling and the reference to
        // the model: a word each. Integers have their inputs and outputs beside, and hold the network
        // by its description.
        let memory = match header.plan() {
            None => shape.memory() + 2,
            Some(plan) => {
                let own = size_of::<IntegerNetwork<'_>>() / size_of::<usize>() + 2;
                plan.memory() + own + (3 * channels).div_ceil(2)
            }
        };
        let words = memory + 2 * channels + window * channels;
        Requirements {
            flash: 4 * header.tensor_words() + channels * size_of::<Channel>(),
            ram: 4 * words,
            stack: STACK_OF_FRAMES + 8 * channels,
            macs,
        }
    }
}

/// A clock's frequency, as `168MHz`, `48 MHz`, `32768 Hz` or a plain number of hertz.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// In hertz, above 0.
    pub hertz: f64,
}

impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &lower[digits.len()..] {
            "" | "hz" => 1.0,
            "khz" => 1e3,
            "mhz" => 1e6,
            "ghz" => 1e9,
            _ => f64::NAN,
        };
        let hertz = digits.trim().parse().unwrap_or(f64::NAN) * unit;
        if hertz.is_finite() && hertz > 0.0 {
            return Ok(Clock { hertz });
        }
        Err(format!("'{text}' is no frequency; write it as 168MHz, 32kHz or 32768"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Requirements};
    use rnn_core::activation::Activation;
    use rnn_core::cell::Cell;
    use rnn_core::elman::Elman;
    use rnn_core::forecast::Forecaster;
    use rnn_core::gru::{Gru, Reset, ResetAfter};
    use rnn_core::layers::{Kind, Layers};
    use rnn_core::lstm::Lstm;
    use rnn_core::model_file::{Header, Task};
    use rnn_core::scaling::Mode;
    use rnn_core::stream::Predictor;

    const ELMAN: Kind = Kind::Elman(Activation::Tanh);

    fn header(kind: Kind, inputs: usize, hidden: usize, window: usize) -> Header {
        let task = Task::Forecast { mode: Mode::Raw, target: 0 };
        let layers = Layers::one(kind, hidden);
        Header { window, ..Header::new(task, inputs, layers) }
    }

    #[test]
    fn clocks_are_frequencies() {
        for (text, hertz) in
            [("168MHz", 168e6), ("48 mhz", 48e6), ("32768", 32768.0), ("0.5kHz", 500.0)]
        {
            assert_eq!(text.parse(), Ok(Clock { hertz }), "{text}");
        }
        for text in ["", "MHz", "-1MHz", "0", "fast", "1e400Hz", "10 miles", "nan"] {
            assert!(text.parse::<Clock>().is_err(), "{text}");
        }
    }

    #[test]
    fn multiply_adds_are_those_of_the_equations() {
        // W_xh x, W_hh h, W_hy h.
        assert_eq!(Requirements::of(&header(ELMAN, 1, 32, 0)).macs, 32 + 1024 + 32);
        assert_eq!(Requirements::of(&header(ELMAN, 2, 8, 20)).macs, 20 * (16 + 64) + 16);
        let gru = Kind::Gru(Reset::After);
        assert_eq!(Requirements::of(&header(gru, 2, 32, 0)).macs, 3 * 32 * 34 + 2 * 32);
        assert_eq!(Requirements::of(&header(Kind::Lstm, 1, 32, 0)).macs, 4 * 32 * 33 + 32);
    }

    /// RAM and flash as the types of the core have them.
    fn check<C: Cell<f32, I, H>, const I: usize, const H: usize, const W: usize>(kind: Kind) {
        let header = header(kind, I, H, W);
        let needs = Requirements::of(&header);
        // The reference and the count are twice as wide here as on the chip.
        let ram = needs.ram + 2 * (size_of::<usize>() - 4);
        let size = size_of::<Predictor<'_, C, I, H, W>>();
        assert!((ram..ram + size_of::<usize>()).contains(&size), "{header:?}: {ram} {size}");
        // Here cell, readout, network and forecaster fill up their last cache lines; not on the chip.
        let weights = size_of::<Forecaster<C, I, H>>();
        assert!((needs.flash..needs.flash + 32 + 4 * 64).contains(&weights), "{needs:?} {weights}");
    }

    #[test]
    fn ram_and_flash_are_those_of_the_types() {
        check::<Elman<f32, 1, 32>, 1, 32, 0>(ELMAN);
        check::<Elman<f32, 3, 7>, 3, 7, 0>(ELMAN);
        check::<Elman<f32, 2, 16>, 2, 16, 20>(ELMAN);
        check::<Gru<f32, 2, 16, ResetAfter>, 2, 16, 0>(Kind::Gru(Reset::After));
        check::<Lstm<f32, 1, 32>, 1, 32, 0>(Kind::Lstm);
    }
}
