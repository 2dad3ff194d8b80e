//! Streaming: one sample in, one output out, nanoseconds per step of cell and linear readout.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use anyhow::Context;
use rnn_core::activation::Activation;
use rnn_core::cell::Cell;
use rnn_core::elman::Elman;
use rnn_core::gru::{Gru, Reset};
use rnn_core::kernel::integer::{self, LAYOUT};
use rnn_core::kernel::{Columns, Inference, inference_form};
use rnn_core::layers::{Kind, Layers};
use rnn_core::lstm::Lstm;
use rnn_core::model_file::{Header, Task};
use rnn_core::network::{Network, NetworkRef, Shape};
use rnn_core::parameters::Parameters;
use rnn_core::quant::block::Width;
use rnn_core::quant::{Inputs, output};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::Mode;
use rnn_train_host::aligned::Aligned;
use rnn_train_host::quantize::quantize_with;
use serde::Serialize;

use crate::chip::random_model;

/// What `--only` calls it.
pub(crate) const NAME: &str = "streaming";

/// The shortest of so many stretches of so many steps is the one that nothing disturbed.
const STRETCHES: usize = 400;
const STEPS: usize = 256;

/// RTNeural, Eigen backend, sizes known to the compiler, -O3 -march=native: nanoseconds per step with
/// a linear readout, measured on a quiet machine of this kind whose peak was 254 GFLOP/s.
const RTNEURAL: [(&str, [f64; 3]); 2] =
    [("gru", [89.0, 457.0, 1755.0]), ("lstm", [109.0, 618.0, 2344.0])];

/// What a network came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) cell: &'static str,
    pub(crate) hidden: usize,
    pub(crate) format: &'static str,
    /// The instructions that the kernels used.
    pub(crate) kernel: &'static str,
    /// Sizes known to the compiler.
    pub(crate) ns_per_step: f64,
    /// The same network with sizes known at run time.
    #[serde(skip)]
    run_time: Option<f64>,
}

/// The line above them.
pub(crate) const HEADINGS: &str = "streaming  hidden  format       kernel   ns/step  shape at run \
    time  RTNeural, Eigen  fraction of its time";

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { cell, hidden, format, kernel, ns_per_step, run_time } = self;
        write!(f, "{cell:<9} {hidden:>7}  {format:<6} {kernel:>12} {ns_per_step:>9.1}")?;
        match run_time {
            Some(run_time) => write!(f, " {run_time:>18.1}")?,
            None => write!(f, " {:>18}", "-")?,
        }
        let size = [32, 64, 128].iter().position(|size| size == hidden);
        let theirs = RTNEURAL.iter().find(|(name, _)| name == cell);
        if let (Some(size), Some((_, times))) = (size, theirs) {
            let theirs = times[size];
            write!(f, " {theirs:>16.0} {:>22.2}", ns_per_step / theirs)?;
        }
        Ok(())
    }
}

/// Every cell in every size, each handed to `take` when it has been measured.
pub(crate) fn measure(mut take: impl FnMut(Figures) -> anyhow::Result<()>) -> anyhow::Result<()> {
    take(elman::<32>())?;
    take(elman::<64>())?;
    take(elman::<128>())?;
    take(gru::<32>())?;
    take(gru::<64>())?;
    take(gru::<128>())?;
    take(lstm::<32>())?;
    take(lstm::<64>())?;
    take(lstm::<128>())?;
    for width in [Width::Sixteen, Width::Eight] {
        for (cell, kind) in [
            ("elman", Kind::Elman(Activation::Tanh)),
            ("gru", Kind::Gru(Reset::After)),
            ("lstm", Kind::Lstm),
        ] {
            for hidden in [32, 64, 128] {
                take(integers(cell, kind, hidden, width)?)?;
            }
        }
    }
    Ok(())
}

/// Streams the same through a network of integers, its sizes known at run time.
fn integers(
    cell: &'static str,
    kind: Kind,
    hidden: usize,
    width: Width,
) -> anyhow::Result<Figures> {
    let header = Header {
        seed: 1,
        ..Header::new(Task::Forecast { mode: Mode::Raw, target: 0 }, 1, Layers::one(kind, hidden))
    };
    let scale = 8192.0;
    let model = quantize_with(&random_model(header), vec![scale], width, LAYOUT)?;
    let network = model.integer_network().context("it is one of integers")?;
    let mut memory = vec![0; network.plan().memory()];
    let ns_per_step = nanoseconds(&samples(), |sample| {
        let mut o = [0];
        network.step(Inputs::Values(&[network.number(0, sample)]), &mut memory);
        network.read(&mut memory, &mut o);
        output(o[0])
    });
    let format = if width == Width::Eight { "w8a16" } else { "w16a16" };
    Ok(Figures { cell, hidden, format, kernel: integer::form(LAYOUT), ns_per_step, run_time: None })
}

/// A noisy sine.
fn samples() -> [f32; STEPS] {
    let mut samples = [0.0; STEPS];
    SplitMix64::new(2).fill_uniform(0.3, &mut samples);
    for (t, sample) in samples.iter_mut().enumerate() {
        *sample += (t as f32 * 0.13).sin();
    }
    samples
}

fn elman<const H: usize>() -> Figures {
    figures::<Elman<f32, 1, H>, H>("elman", Kind::Elman(Activation::Tanh))
}

fn gru<const H: usize>() -> Figures {
    figures::<Gru<f32, 1, H>, H>("gru", Kind::Gru(Reset::After))
}

fn lstm<const H: usize>() -> Figures {
    figures::<Lstm<f32, 1, H>, H>("lstm", Kind::Lstm)
}

/// Streams a noisy sine through a network of random weights.
fn figures<C: Cell<f32, 1, H>, const H: usize>(cell: &'static str, kind: Kind) -> Figures {
    let samples = samples();
    let network = Box::new(Network::<f32, C, 1, H, 1>::random(1));
    let mut memory = Box::new(network.rest());
    let ns_per_step = nanoseconds(&samples, |sample| network.step(&[sample], &mut memory)[0]);

    let shape = black_box(Shape { inputs: 1, layers: Layers::one(kind, H), outputs: 1 });
    let mut parameters = Aligned::new(shape.parameters());
    for (to, from) in parameters.iter_mut().zip(network.tensors().flatten()) {
        *to = *from;
    }
    let network = NetworkRef::new(shape, &parameters).expect("as many as the network has");
    let mut memory = Aligned::new(shape.memory());
    let run_time = nanoseconds(&samples, |sample| {
        let mut y = [0.0];
        let h = network.step::<Inference>(Columns::Values(&[sample]), &mut memory);
        network.readout().forward::<Inference>(h, &mut y);
        y[0]
    });
    let (kernel, run_time) = (inference_form(), Some(run_time));
    Figures { cell, hidden: H, format: "f32", kernel, ns_per_step, run_time }
}

/// The least time per step of a stretch.
fn nanoseconds(samples: &[f32], mut step: impl FnMut(f32) -> f32) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..STRETCHES {
        let start = Instant::now();
        for &sample in samples {
            black_box(step(sample));
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    1e9 * best / samples.len() as f64
}
