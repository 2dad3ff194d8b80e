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
use rnn_core::quant::block::{Format, Width};
use rnn_core::quant::{Inputs, IntegerNetwork, Plan, Planned, output};
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
    run_time: f64,
}

/// The line above them.
pub(crate) const HEADINGS: &str = "streaming  hidden  format       kernel   ns/step  shape at run \
    time  RTNeural, Eigen  fraction of its time";

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { cell, hidden, format, kernel, ns_per_step, run_time } = self;
        write!(
            f,
            "{cell:<9} {hidden:>7}  {format:<6} {kernel:>12} {ns_per_step:>9.1} {run_time:>18.1}"
        )?;
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
    macro_rules! integers {
        ($($width:literal)*) => {$(
            take(integers::<0, 32, $width>()?)?;
            take(integers::<0, 64, $width>()?)?;
            take(integers::<0, 128, $width>()?)?;
            take(integers::<1, 32, $width>()?)?;
            take(integers::<1, 64, $width>()?)?;
            take(integers::<1, 128, $width>()?)?;
            take(integers::<2, 32, $width>()?)?;
            take(integers::<2, 64, $width>()?)?;
            take(integers::<2, 128, $width>()?)?;
        )*};
    }
    integers!(1 0);
    Ok(())
}

const CELLS: [(&str, Kind); 3] = [
    ("elman", Kind::Elman(Activation::Tanh)),
    ("gru", Kind::Gru(Reset::After)),
    ("lstm", Kind::Lstm),
];
const WIDTHS: [Width; 2] = [Width::Eight, Width::Sixteen];

/// The plan of a network of H such cells.
#[derive(Clone, Copy)]
struct One<const CELL: usize, const H: usize, const WIDTH: usize>;

impl<const CELL: usize, const H: usize, const WIDTH: usize> Planned for One<CELL, H, WIDTH> {
    #[inline(always)]
    fn plan(&self) -> &Plan {
        const {
            let layers = Layers::one(CELLS[CELL].1, H);
            let format = Format { width: WIDTHS[WIDTH], layout: LAYOUT };
            &Plan { inputs: 1, symbols: false, layers, format }
        }
    }
}

/// Streams the same through a network of integers.
fn integers<const CELL: usize, const H: usize, const WIDTH: usize>() -> anyhow::Result<Figures> {
    let plan = One::<CELL, H, WIDTH>;
    let Format { width, .. } = plan.plan().format;
    let header = Header {
        seed: 1,
        ..Header::new(Task::Forecast { mode: Mode::Raw, target: 0 }, 1, plan.plan().layers)
    };
    let scale = 8192.0;
    let model = quantize_with(&random_model(header), vec![scale], width, LAYOUT)?;
    let network = model.integer_network().context("it is one of integers")?;
    let run_time = nanoseconds_of(&network);
    let network = IntegerNetwork::of(plan, network.words()).context("the plan is the model's")?;
    let (cell, kernel) = (CELLS[CELL].0, integer::form(LAYOUT));
    let format = if width == Width::Eight { "w8a16" } else { "w16a16" };
    Ok(Figures { cell, hidden: H, format, kernel, ns_per_step: nanoseconds_of(&network), run_time })
}

fn nanoseconds_of(network: &IntegerNetwork<'_, impl Planned>) -> f64 {
    let mut memory = vec![0; network.plan().memory()];
    nanoseconds(&samples(), |sample| {
        let mut o = [0];
        network.step(Inputs::Values(&[network.number(0, sample)]), &mut memory);
        network.read(&mut memory, &mut o);
        output(o[0])
    })
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
    let kernel = inference_form();
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
