//! What a step of a model takes on the chips whose instructions are counted: estimated from the counts
//! that `firmware/expected` holds.
//!
//! A step costs so much per multiply-accumulate, per activation and per product of a matrix and a
//! vector. The three costs are fitted to the counts of the jobs J1 to J5, with the least relative
//! error; the tests hold the fit to within 12 % of every count (5 % in `f32`; 17 % of integers with
//! Helium, whose cost goes by vectors of eight columns and by fours of rows). It is the network's step: scaling a channel there and back takes some 85 instructions more with an FPU.

use nalgebra::{Matrix3, RowVector3, Vector3};
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layer};
use rnn_core::model_file::{Header, Task};
use serde::Deserialize;

/// A core with the counts of its emulated machine.
#[derive(Debug)]
pub struct Chip {
    /// Its name for programs.
    pub name: &'static str,
    /// Its name for people.
    pub core: &'static str,
    /// `firmware/expected/MACHINE.jsonl`
    counts: &'static str,
}

macro_rules! chip {
    ($name:literal, $core:literal, $machine:literal) => {
        Chip {
            name: $name,
            core: $core,
            counts: include_str!(concat!("../../firmware/expected/", $machine, ".jsonl")),
        }
    };
}

/// All of them, the smallest first.
pub static CHIPS: [Chip; 6] = [
    chip!("cortex-m0", "Cortex-M0", "microbit"),
    chip!("cortex-m3", "Cortex-M3", "mps2-an385"),
    chip!("cortex-m4f", "Cortex-M4F", "mps2-an386"),
    chip!("cortex-m7", "Cortex-M7", "mps2-an500"),
    chip!("cortex-m33", "Cortex-M33", "mps2-an505"),
    chip!("cortex-m55", "Cortex-M55", "mps3-an547"),
];

/// What a sample takes on a chip.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The kernel that runs there.
    pub kernel: String,
    /// Executed instructions.
    pub instructions: f64,
    /// Modelled cycles, for a Cortex-M4 alone.
    pub cycles: Option<f64>,
}

/// A line of the counts.
#[derive(Deserialize)]
struct Count {
    job: String,
    format: String,
    opt_level: String,
    kernel: String,
    instructions: f64,
    modelled_cycles: Option<f64>,
    macs: f64,
}

/// What is counted of a step: multiply-accumulates, activations, products.
type Work = RowVector3<f64>;

impl Chip {
    /// The estimate for a model. `None` where the counts don't know its number format.
    pub fn estimate(&self, header: &Header) -> Option<Estimate> {
        let counts = self.counts(&header.numbers.to_string());
        let work = work(header);
        let cost = |of: fn(&Count) -> Option<f64>| Some((work * fit(&counts, of)?).x);
        Some(Estimate {
            kernel: counts.first()?.kernel.clone(),
            instructions: cost(|count| Some(count.instructions))?,
            cycles: cost(|count| count.modelled_cycles),
        })
    }

    /// Those of the jobs that the fit is made of.
    fn counts(&self, format: &str) -> Vec<Count> {
        let counts = self.counts.lines().filter_map(|line| serde_json::from_str(line).ok());
        let meant = |count: &Count| {
            count.format == format && count.opt_level == "3" && job(count).is_some()
        };
        counts.filter(meant).collect()
    }
}

/// Costs of a multiply-accumulate, an activation and a product.
fn fit(counts: &[Count], of: fn(&Count) -> Option<f64>) -> Option<Vector3<f64>> {
    let (mut squares, mut right) = (Matrix3::zeros(), Vector3::zeros());
    for count in counts {
        // In parts of the count: every job weighs the same.
        let work = job(count)? / of(count)?;
        squares += work.transpose() * work;
        right += work.transpose();
    }
    Some(squares.cholesky()?.solve(&right))
}

/// The work of a job.
fn job(count: &Count) -> Option<Work> {
    let (activations, products) = match count.job.as_str() {
        "J1" => (32.0, 2.0),
        "J2" => (64.0, 2.0),
        "J3" => (96.0, 4.0),
        "J4" => (160.0, 2.0),
        "J5" => (0.0, 1.0),
        _ => return None,
    };
    Some(Work::new(count.macs, activations, products))
}

/// The work of a sample.
fn work(header: &Header) -> Work {
    let shape = header.shape();
    // In the windowed form the cells run over the whole window for every sample.
    let steps = header.window.max(1) as f64;
    let layers = shape.layers().enumerate().map(|(i, layer)| {
        // A symbol is looked up, not multiplied.
        let looked_up = i == 0 && matches!(header.task, Task::Text(_));
        of_layer(if looked_up { Layer { inputs: 0, ..layer } } else { layer })
    });
    let readout = (shape.outputs * shape.layers.hidden()) as f64;
    layers.sum::<Work>() * steps + Work::new(readout, 0.0, 1.0)
}

fn of_layer(layer: Layer) -> Work {
    let (activations, products) = match layer.kind {
        Kind::Elman(_) => (1, 1.0),
        Kind::Gru(Reset::After) => (3, 3.0),
        Kind::Gru(Reset::Before) => (3, 2.0),
        Kind::Lstm => (5, 1.0),
    };
    Work::new(layer.multiply_adds() as f64, (activations * layer.hidden) as f64, products)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fit_is_near_the_counts() {
        for chip in &CHIPS {
            let integers = if chip.name == "cortex-m55" { 0.17 } else { 0.12 };
            for (format, limit) in [("f32", 0.05), ("w16a16", integers), ("w8a16", integers)] {
                let counts = chip.counts(format);
                assert_eq!(counts.len(), 5, "{} {format}", chip.core);
                let near = |of: fn(&Count) -> Option<f64>| {
                    let costs = fit(&counts, of).unwrap();
                    for count in &counts {
                        let ratio = (job(count).unwrap() * costs).x / of(count).unwrap();
                        let name = format!("{} {} on {}", count.job, format, chip.core);
                        assert!((ratio - 1.0).abs() < limit, "{name}: {ratio}");
                    }
                };
                near(|count| Some(count.instructions));
                if chip.name == "cortex-m4f" {
                    near(|count| count.modelled_cycles);
                }
            }
        }
    }

    #[test]
    fn the_work_of_a_layer_is_that_of_the_jobs() {
        let layer = |kind, inputs, hidden| of_layer(Layer { kind, inputs, hidden });
        let gru = layer(Kind::Gru(Reset::After), 2, 32) + Work::new(32.0, 0.0, 1.0);
        assert_eq!(gru, Work::new(3296.0, 96.0, 4.0));
        let lstm = layer(Kind::Lstm, 1, 32) + Work::new(32.0, 0.0, 1.0);
        assert_eq!(lstm, Work::new(4256.0, 160.0, 2.0));
    }
}
