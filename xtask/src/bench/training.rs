//! Training of the workloads by the product's own engine and optimiser, against the peak of the
//! machine's multiply-adds measured in between.

use std::fmt;
use std::time::{Duration, Instant};

use rnn_core::kernel::Form;
use rnn_core::optimizer::Adam;
use rnn_train_host::train::gradient::{Engine, Inputs, Loss, Plan, Targets};
use serde::Serialize;

use super::workloads::{Windows, Workload};

/// Adam's step size.
const RATE: f32 = 1e-3;
/// A workload is trained anew until it has taken so long, and at least this often.
const LONG_ENOUGH: Duration = Duration::from_millis(1500);
const TRAININGS: usize = 3;
/// A measurement of the peak.
const PEAK: Duration = Duration::from_millis(1);

/// What a workload came to with so many threads.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) workload: &'static str,
    pub(crate) threads: usize,
    /// The instructions that the kernels used.
    pub(crate) kernel: String,
    /// The best time of each batch over all epochs, summed: what others run on the machine disturbs
    /// an update less than an epoch.
    pub(crate) ms_per_epoch: f64,
    /// Executed operations per time of such an epoch, in 1e9 per second.
    pub(crate) gflops: f64,
    /// The best that a loop of independent fused multiply-adds in registers came to, one thread.
    pub(crate) peak_gflops: f64,
    /// `gflops` / `peak_gflops`; of one thread's peak, however many threads there are.
    pub(crate) fraction: f64,
    /// Mean loss over all windows after the last epoch.
    pub(crate) final_loss: f64,
    /// Where it must be, to 4 digits.
    pub(crate) expected_loss: f64,
}

impl Figures {
    /// Whether the loss is the expected one to 4 digits.
    pub(crate) fn right(&self) -> bool {
        (self.final_loss / self.expected_loss - 1.0).abs() < 1e-4
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { workload, threads, ms_per_epoch, gflops, peak_gflops, .. } = self;
        let Figures { kernel, fraction, final_loss, expected_loss, .. } = self;
        write!(
            f,
            "{workload:<7} {threads:>7} {kernel:>8} {ms_per_epoch:>9.3} {gflops:>8.1} {peak_gflops:>6.1} {:>7.1} % {final_loss:>10.6} {expected_loss:>10.6}",
            100.0 * fraction,
        )
    }
}

/// The line above them.
pub(crate) const HEADINGS: &str =
    "        threads   kernel  ms/epoch  GFLOP/s   peak  fraction       loss   expected";

/// A workload in training.
pub(crate) struct Training<'a> {
    workload: &'a Workload,
    engine: Engine,
    /// As the engine takes them: the bias is the sum of PyTorch's two.
    network: Vec<f32>,
    /// As Adam takes them: PyTorch's b_ih in the bias' place, its b_hh at the end.
    parameters: Vec<f32>,
    gradient: Vec<f32>,
    adam: Adam<f32, Vec<f32>>,
}

impl<'a> Training<'a> {
    pub(crate) fn new(workload: &'a Workload, threads: usize) -> Self {
        let (inputs, targets) = match workload.windows {
            Windows::Series { .. } => (Inputs::Values, Targets::Values),
            Windows::Text { .. } => (Inputs::Symbols, Targets::Symbols),
        };
        let plan = Plan::new(workload.shape, workload.batch, workload.steps);
        let plan = Plan { scored: workload.scored(), inputs, targets, ..plan };
        let mut parameters = workload.parameters.clone();
        parameters.extend(&workload.second_bias.1);
        Training {
            workload,
            engine: Engine::new(plan, threads),
            network: workload.parameters.clone(),
            gradient: vec![0.0; parameters.len()],
            adam: Adam::new(vec![0.0; parameters.len()]),
            parameters,
        }
    }

    /// Loss and gradient of windows `first` ... `first + count - 1`.
    fn run(&mut self, first: usize, count: usize) -> Loss {
        let Training { workload, engine, network, parameters, .. } = self;
        engine.set_columns(count);
        let (steps, inputs) = (workload.steps, workload.shape.inputs);
        for column in 0..count {
            let window = first + column;
            match &workload.windows {
                Windows::Series { x, y } => {
                    engine.set_values(column, &x[window * steps * inputs..][..steps * inputs]);
                    engine.set_targets(column, &y[window..=window]);
                }
                Windows::Text { x, y } => {
                    engine.set_symbols(column, &x[window * steps..][..steps]);
                    engine.set_labels(column, &y[window * steps..][..steps]);
                }
            }
        }
        let (own, second) = parameters.split_at(network.len());
        network.copy_from_slice(own);
        let bias = workload.second_bias.0;
        network[bias..].iter_mut().zip(second).for_each(|(b, second)| *b += second);
        engine.run(network, 0)
    }

    /// One update on windows `first` ... `first + count - 1`.
    pub(crate) fn update(&mut self, first: usize, count: usize) {
        self.run(first, count);
        let Training { workload, engine, network, parameters, gradient, adam } = self;
        let bias = workload.second_bias.0;
        let (own, second) = gradient.split_at_mut(network.len());
        own.copy_from_slice(engine.gradient());
        second.copy_from_slice(&own[bias..][..second.len()]);
        adam.update(parameters, gradient, RATE);
    }

    /// All windows once, batch by batch.
    pub(crate) fn epoch(&mut self) {
        let workload = self.workload;
        workload.batches().for_each(|(first, count)| self.update(first, count));
    }

    /// Mean loss over all windows at the weights as they are.
    pub(crate) fn loss(&mut self) -> f64 {
        let mut loss = Loss::default();
        self.workload.batches().for_each(|(first, count)| loss += self.run(first, count));
        loss.mean()
    }
}

/// Trains a workload several times; epochs and measurements of the peak take turns.
pub(crate) fn measure(workload: &Workload, threads: usize) -> Figures {
    let (mut peak, mut final_loss) = (0.0f64, f64::NAN);
    let mut best = vec![f64::INFINITY; workload.batches().count()];
    let mut trainings = 0;
    let start = Instant::now();
    while trainings < TRAININGS || start.elapsed() < LONG_ENOUGH {
        let mut training = Training::new(workload, threads);
        for _ in 0..workload.epochs {
            peak = peak.max(peak_gflops());
            for ((first, count), best) in workload.batches().zip(&mut best) {
                let start = Instant::now();
                training.update(first, count);
                *best = best.min(start.elapsed().as_secs_f64());
            }
        }
        final_loss = training.loss();
        trainings += 1;
    }
    let best: f64 = best.iter().sum();
    let gflops = workload.operations() / best / 1e9;
    Figures {
        workload: workload.name,
        threads,
        kernel: Form::chosen().to_string(),
        ms_per_epoch: 1e3 * best,
        gflops,
        peak_gflops: peak,
        fraction: gflops / peak,
        final_loss,
        expected_loss: workload.final_loss,
    }
}

/// The fused multiply-adds of one thread for a moment, in 1e9 operations per second.
fn peak_gflops() -> f64 {
    let (start, mut operations) = (Instant::now(), 0);
    loop {
        operations += rnn_core::kernel::multiply_adds_in_registers(20_000);
        let time = start.elapsed();
        if time >= PEAK {
            return operations as f64 / time.as_secs_f64() / 1e9;
        }
    }
}
