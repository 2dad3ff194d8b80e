//! What the demonstration has shown, on one page.

use crate::firmware::{Examined, Measured};
use serde::Deserialize;
use std::fmt;

/// One forecaster's errors, as `rnn eval --json` prints them.
#[derive(Clone, Copy, Deserialize)]
struct Score {
    rmse: f64,
    mae: f64,
    mase: Option<f64>,
}

/// What `rnn eval --json` prints. (Not flattened: serde_json's `arbitrary_precision`, which
/// defmt-decoder asks for, breaks numbers in what is.)
#[derive(Deserialize)]
pub(crate) struct Evaluation {
    target: String,
    n: usize,
    rmse: f64,
    mae: f64,
    mase: Option<f64>,
    persistence: Score,
    seasonal_naive: Option<Score>,
    ar: Option<Score>,
    verdict: String,
}

/// What `rnn stream --json` prints.
#[derive(Deserialize)]
pub(crate) struct Streamed {
    steps: usize,
    test_samples: usize,
    differing_bits: u64,
    link_errors: u32,
    queue_overflows: u32,
    stack_bytes: u32,
}

impl Streamed {
    /// Samples of the test part to stream at least.
    pub(crate) const LEAST: usize = 2000;

    /// Enough samples, every bit the same, nothing lost on the way.
    pub(crate) fn held(&self) -> bool {
        self.test_samples >= Self::LEAST
            && self.differing_bits == 0
            && (self.link_errors, self.queue_overflows) == (0, 0)
    }
}

/// All figures of the demonstration.
pub(crate) struct Summary {
    pub(crate) evaluation: Evaluation,
    pub(crate) streamed: Streamed,
    pub(crate) measured: Measured,
    pub(crate) examined: Examined,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.evaluation.fmt(f)?;
        let Self { streamed, measured, examined, .. } = self;
        writeln!(f, "\nOn the emulated Cortex-M4")?;
        let mut line = |name: &str, value: String| writeln!(f, "  {name:<22}{value}");
        line(
            "steps streamed",
            format!(
                "{} ({} to warm up, {} of the test part)",
                streamed.steps,
                streamed.steps - streamed.test_samples,
                streamed.test_samples
            ),
        )?;
        line("bits that differ", format!("{} between host and device", streamed.differing_bits))?;
        line(
            "line",
            format!(
                "{} damaged frames, {} lost bytes",
                streamed.link_errors, streamed.queue_overflows
            ),
        )?;
        line(
            "instructions per step",
            format!(
                "{} for every one of {} inputs (minimum = maximum; NaN, infinities, denormals, \
                 huge values among them)",
                measured.instructions, measured.steps
            ),
        )?;
        line("flash", format!("{} bytes: code, constants and model", examined.sizes.flash))?;
        line("RAM", format!("{} bytes of static variables", examined.sizes.ram))?;
        line(
            "stack of a step",
            format!(
                "{} bytes at most ({} functions walked: none panics or allocates); in the image \
                 of the self-tests {} at most, {} measured",
                examined.stack, examined.functions, examined.stack_tested, measured.stack
            ),
        )?;
        line(
            "stack of the firmware",
            format!("{} bytes measured, everything included", streamed.stack_bytes),
        )
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self { ref target, n, rmse, mae, mase, .. } = self;
        let Self { persistence, seasonal_naive, ar, verdict, .. } = self;
        writeln!(f, "Predicting the next {target}, {n} samples of the test part")?;
        writeln!(f, "  {:<22}{:>8}{:>10}{:>10}", "", "RMSE", "MAE", "MASE")?;
        for (name, score) in [
            ("this network", Some(Score { rmse, mae, mase })),
            ("persistence", Some(*persistence)),
            ("seasonal naive", *seasonal_naive),
            ("AR", *ar),
        ] {
            match score {
                Some(Score { rmse, mae, mase }) => {
                    let mase = mase.map_or("-".into(), |mase| format!("{mase:.4}"));
                    writeln!(f, "  {name:<22}{rmse:>8.4}{mae:>10.4}{mase:>10}")?;
                }
                None => writeln!(f, "  {name:<22}{:>8}{:>10}{:>10}", "-", "-", "-")?,
            }
        }
        writeln!(f, "  the network {verdict} the best of the others (2 % is a tie)")
    }
}
