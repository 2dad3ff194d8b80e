//! What a model needs on a chip: exact where the shape decides, modelled where the compiler does.

use std::str::FromStr;

use rnn_core::model_file::Header;
use rnn_core::scaling::Channel;

/// Cycles of a multiply-add of the portable kernel on a Cortex-M4F, compiled for that core.
const CYCLES_PER_MAC: f64 = 4.3;
/// Cycles of the tanh of one unit.
const CYCLES_PER_TANH: f64 = 34.0;
/// Cycles of a channel's scaling there and back: two divisions, comparisons.
const CYCLES_PER_CHANNEL: f64 = 80.0;
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
    /// Cycles per sample on a Cortex-M4F without wait states: modelled, not measured on a board.
    pub cycles: u64,
}

impl Requirements {
    /// Of the model with this header, in f32.
    pub fn of(header: &Header) -> Self {
        let Header { inputs, hidden, window, .. } = *header;
        // In the windowed form the cell runs over the whole window for every sample.
        let steps = window.max(1);
        let macs = steps * hidden * (inputs + hidden) + inputs * hidden;
        let cycles = CYCLES_PER_MAC * macs as f64
            + CYCLES_PER_TANH * (steps * hidden) as f64
            + CYCLES_PER_CHANNEL * inputs as f64;
        // h and its successor; last sample and scratch; the window; its filling and the
        // reference to the model: a word each.
        let words = 2 * hidden + 2 * inputs + window * inputs + 2;
        Requirements {
            flash: 4 * header.shape().parameters() + inputs * size_of::<Channel>(),
            ram: 4 * words,
            stack: STACK_OF_FRAMES + 8 * inputs,
            macs,
            cycles: cycles.round() as u64,
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
    use rnn_core::forecast::Forecaster;
    use rnn_core::model_file::Header;
    use rnn_core::scaling::Mode;
    use rnn_core::stream::Predictor;

    fn header(inputs: usize, hidden: usize, window: usize) -> Header {
        let mode = Mode::Raw;
        Header { inputs, hidden, window, mode, target: 0, self_tests: 0, seed: 0 }
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
        assert_eq!(Requirements::of(&header(1, 32, 0)).macs, 32 + 1024 + 32);
        assert_eq!(Requirements::of(&header(2, 8, 20)).macs, 20 * (16 + 64) + 16);
    }

    #[test]
    fn ram_is_that_of_the_predictor() {
        // The reference and the count are twice as wide here as on the chip.
        let wider = 2 * (size_of::<usize>() - 4);
        let sizes = [
            (header(1, 32, 0), size_of::<Predictor<'_, 1, 32, 0>>()),
            (header(3, 7, 0), size_of::<Predictor<'_, 3, 7, 0>>()),
            (header(2, 16, 20), size_of::<Predictor<'_, 2, 16, 20>>()),
        ];
        for (header, size) in sizes {
            let ram = Requirements::of(&header).ram + wider;
            assert!((ram..ram + size_of::<usize>()).contains(&size), "{header:?}: {ram} {size}");
        }
        let weights = size_of::<Forecaster<1, 32>>();
        let flash = Requirements::of(&header(1, 32, 0)).flash;
        assert!((flash..flash + 32).contains(&weights), "{flash} {weights}");
    }
}
