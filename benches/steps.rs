//! Streaming: one sample in, one output out, nanoseconds per step of cell and linear readout, in every
//! number format: `cargo xtask bench --only streaming`, or `cargo bench -p benches --bench steps -- --json`.
//! `f32` has the chip's bits, `f32 fused` the trainer's arithmetic. With `--rtneural PROGRAM`, which is
//! `rtneural.cpp` compiled, each is measured next to the peer.

use std::fmt;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use rnn_core::activation::Activation;
use rnn_core::cell::Cell;
use rnn_core::elman::Elman;
use rnn_core::gru::{Gru, Reset};
use rnn_core::kernel::integer::{self, LAYOUT};
use rnn_core::kernel::{Arithmetic, Columns, Form, Inference, Training};
use rnn_core::layers::{Kind, Layers};
use rnn_core::lstm::Lstm;
use rnn_core::network::{Network, NetworkRef, Shape};
use rnn_core::parameters::Parameters;
use rnn_core::quant::block::{Format, Width};
use rnn_core::quant::{BlockValues, Inputs, IntegerNetwork, Plan, Planned, output, pack};
use rnn_core::random::SplitMix64;
use rnn_train_host::aligned::Aligned;
use serde::Serialize;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let peer = arguments.iter().position(|argument| argument == "--rtneural");
    let peer = peer.and_then(|i| arguments.get(i + 1));
    if !json {
        println!("{HEADINGS}");
    }
    measure(|figures| {
        let figures =
            Figures { rtneural_ns: peer.and_then(|peer| figures.of_peer(peer)), ..figures };
        if json {
            println!("{}", serde_json::to_string(&figures).expect("plain numbers"));
        } else {
            println!("{figures}");
        }
    });
    if peer.is_none() && !json {
        println!(
            "RTNeural's times are another machine's, a quiet Xeon with AVX-512; with its sources they are measured here"
        );
    }
}

/// The shortest of so many stretches of so many steps is the one that nothing disturbed.
const STRETCHES: usize = 400;
const STEPS: usize = 256;

/// RTNeural, Eigen backend, sizes known to the compiler, -O3 -march=native: nanoseconds per step with
/// a linear readout, measured on a quiet Xeon with AVX-512 whose peak was 254 GFLOP/s. What it is
/// compared with where the peer itself isn't at hand.
const RTNEURAL: [(&str, [f64; 3]); 2] =
    [("gru", [89.0, 457.0, 1755.0]), ("lstm", [109.0, 618.0, 2344.0])];

/// What a network came to.
#[derive(Debug, Clone, Serialize)]
struct Figures {
    cell: &'static str,
    hidden: usize,
    format: &'static str,
    /// The instructions that the kernels used.
    kernel: &'static str,
    /// Sizes known to the compiler.
    ns_per_step: f64,
    /// The same network with sizes known at run time.
    #[serde(skip)]
    run_time: f64,
    /// What the peer took just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    rtneural_ns: Option<f64>,
}

impl Figures {
    /// Runs the peer's step of the same cell; `None` where it has none.
    fn of_peer(&self, program: &str) -> Option<f64> {
        self.in_table()?;
        let mut command = Command::new(program);
        let output = command.args([self.cell, &self.hidden.to_string()]).output();
        let output = output.unwrap_or_else(|e| panic!("{program}: {e}"));
        let text = String::from_utf8_lossy(&output.stdout);
        Some(text.trim().parse().unwrap_or_else(|e| panic!("{program} printed {text:?}: {e}")))
    }

    /// The peer's time in the table.
    fn in_table(&self) -> Option<f64> {
        let size = [32, 64, 128].iter().position(|size| *size == self.hidden)?;
        let (_, times) = RTNEURAL.iter().find(|(name, _)| *name == self.cell)?;
        Some(times[size])
    }
}

/// The line above them.
const HEADINGS: &str = "streaming  hidden  format          kernel   ns/step  shape at run \
    time  RTNeural, Eigen  fraction of its time";

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { cell, hidden, format, kernel, ns_per_step, run_time, rtneural_ns } = self;
        write!(
            f,
            "{cell:<9} {hidden:>7}  {format:<9} {kernel:>12} {ns_per_step:>9.1} {run_time:>18.1}"
        )?;
        if let Some(theirs) = rtneural_ns.or_else(|| self.in_table()) {
            write!(f, " {theirs:>16.0} {:>22.2}", ns_per_step / theirs)?;
        }
        Ok(())
    }
}

/// Every cell in every size, each handed to `take` when it has been measured.
fn measure(mut take: impl FnMut(Figures)) {
    macro_rules! reals {
        ($($format:literal: $arithmetic:ty;)*) => {$(
            take(elman::<32, $arithmetic>($format));
            take(elman::<64, $arithmetic>($format));
            take(elman::<128, $arithmetic>($format));
            take(gru::<32, $arithmetic>($format));
            take(gru::<64, $arithmetic>($format));
            take(gru::<128, $arithmetic>($format));
            take(lstm::<32, $arithmetic>($format));
            take(lstm::<64, $arithmetic>($format));
            take(lstm::<128, $arithmetic>($format));
        )*};
    }
    reals!("f32": Inference; "f32 fused": Training;);
    macro_rules! integers {
        ($($width:literal)*) => {$(
            take(integers::<0, 32, $width>());
            take(integers::<0, 64, $width>());
            take(integers::<0, 128, $width>());
            take(integers::<1, 32, $width>());
            take(integers::<1, 64, $width>());
            take(integers::<1, 128, $width>());
            take(integers::<2, 32, $width>());
            take(integers::<2, 64, $width>());
            take(integers::<2, 128, $width>());
        )*};
    }
    integers!(1 0);
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
fn integers<const CELL: usize, const H: usize, const WIDTH: usize>() -> Figures {
    let typed = One::<CELL, H, WIDTH>;
    let plan = *typed.plan();
    let words = random_words(plan);
    let network = IntegerNetwork::new(plan, &words).expect("the plan counts the words");
    let run_time = nanoseconds_of(&network);
    let network = IntegerNetwork::of(typed, &words).expect("the plan counts the words");
    let (cell, kernel) = (CELLS[CELL].0, integer::form(LAYOUT));
    let format = if plan.format.width == Width::Eight { "w8a16" } else { "w16a16" };
    Figures {
        cell,
        hidden: H,
        format,
        kernel,
        ns_per_step: nanoseconds_of(&network),
        run_time,
        rtneural_ns: None,
    }
}

/// Weights within +-127; sums are requantised to arguments of about 1.
fn random_words(plan: Plan) -> Aligned<i32> {
    let mut random = SplitMix64::new(1);
    let mut words = vec![0; plan.words()];
    let (scales, mut rest) = words.split_at_mut(plan.scales());
    scales.fill(8192f32.to_bits() as i32);
    let blocks = (0..=plan.layers.count()).flat_map(|i| plan.blocks(i));
    for block in blocks.filter(|block| block.rows > 0) {
        let own = block.words(plan.format).iter().sum();
        let own = rest.split_off_mut(..own).expect("the plan counts the words");
        let mut weights = |count: usize| -> Vec<i16> {
            (0..count).map(|_| random.below(255) as i16 - 127).collect()
        };
        let wide = weights(block.rows * block.wide);
        let narrow = weights(block.rows * block.narrow);
        let (bias, multipliers) = (vec![0; block.rows], vec![1 << 25; block.rows]);
        let (bias, multipliers) = (bias.as_slice(), multipliers.as_slice());
        let values = BlockValues { bias, multipliers, wide: &wide, narrow: &narrow };
        assert!(pack(block, plan.format, values, own));
    }
    Aligned::behind(plan.scales(), &words)
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

fn elman<const H: usize, A: Arithmetic<f32>>(format: &'static str) -> Figures {
    figures::<A, Elman<f32, 1, H>, H>("elman", Kind::Elman(Activation::Tanh), format)
}

fn gru<const H: usize, A: Arithmetic<f32>>(format: &'static str) -> Figures {
    figures::<A, Gru<f32, 1, H>, H>("gru", Kind::Gru(Reset::After), format)
}

fn lstm<const H: usize, A: Arithmetic<f32>>(format: &'static str) -> Figures {
    figures::<A, Lstm<f32, 1, H>, H>("lstm", Kind::Lstm, format)
}

/// Streams a noisy sine through a network of random weights.
fn figures<A: Arithmetic<f32>, C: Cell<f32, 1, H>, const H: usize>(
    cell: &'static str,
    kind: Kind,
    format: &'static str,
) -> Figures {
    let samples = samples();
    let network = Box::new(Network::<f32, C, 1, H, 1>::random(1));
    let mut memory = Box::new(network.rest());
    let ns_per_step =
        nanoseconds(&samples, |sample| network.step_in::<A>(&[sample], &mut memory)[0]);

    let shape = black_box(Shape { inputs: 1, layers: Layers::one(kind, H), outputs: 1 });
    let mut parameters = Aligned::new(shape.parameters());
    for (to, from) in parameters.iter_mut().zip(network.tensors().flatten()) {
        *to = *from;
    }
    let network = NetworkRef::new(shape, &parameters).expect("as many as the network has");
    let mut memory = Aligned::new(shape.memory());
    let run_time = nanoseconds(&samples, |sample| {
        let mut y = [0.0];
        let h = network.step::<A>(Columns::Values(&[sample]), &mut memory);
        network.readout().forward::<A>(h, &mut y);
        y[0]
    });
    let kernel = Form::chosen().name();
    Figures { cell, hidden: H, format, kernel, ns_per_step, run_time, rtneural_ns: None }
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
