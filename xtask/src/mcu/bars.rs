//! Ratios of figures that have a bar, whatever is expected of the figures themselves.

use super::figures::Figures;
use serde::Serialize;
use std::fmt;

/// 37 units against the 40 that they are filled up to.
const PADDED: f64 = 1.25;
/// The image that is compiled for size against the fast one.
const SMALL: f64 = 1.15;

/// Modelled cycles (instructions on other cores than the M4) of a job in those of another one.
#[derive(Debug, Serialize, PartialEq)]
pub(crate) struct Ratio {
    /// The job.
    of: String,
    /// The other one.
    to: String,
    ratio: f64,
    at_most: f64,
}

impl Ratio {
    fn new(of: &Figures, to: &Figures, at_most: f64) -> Self {
        let ratio = of.cost() as f64 / to.cost() as f64;
        Ratio { of: of.name(), to: to.name(), ratio, at_most }
    }

    /// Whether the bar is kept.
    pub(crate) fn holds(&self) -> bool {
        self.ratio <= self.at_most
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ratio { of, to, ratio, at_most } = self;
        write!(f, "{of}: {ratio:.3} times {to}, at most {at_most}")
    }
}

/// Those that a board's figures have: J6 to J7, and every job that was compiled for size to the fast
/// one.
pub(crate) fn ratios(figures: &[Figures]) -> Vec<Ratio> {
    let mut ratios = Vec::new();
    for of in figures {
        let mut to = |job: &str, opt_level: &str, at_most| {
            let other = |to: &&Figures| {
                (to.job.as_str(), &to.format, to.opt_level.as_str()) == (job, &of.format, opt_level)
            };
            ratios.extend(figures.iter().find(other).map(|to| Ratio::new(of, to, at_most)));
        };
        if of.job == "J6" {
            to("J7", &of.opt_level, PADDED);
        }
        if of.opt_level == "s" {
            to(&of.job, "3", SMALL);
        }
    }
    ratios
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(job: &str, opt_level: &str, cycles: u64) -> Figures {
        Figures {
            job: job.into(),
            machine: "mps2-an386".into(),
            format: "f32".into(),
            opt_level: opt_level.into(),
            kernel: "fast".into(),
            instructions: 1,
            modelled_cycles: Some(cycles),
            macs: 500,
            flash: 600,
            ram: 700,
            stack: 100,
        }
    }

    #[test]
    fn what_breaks_a_bar_is_found() {
        let all = [
            figures("J6", "3", 125),
            figures("J7", "3", 100),
            figures("J6", "s", 144),
            figures("J7", "s", 115),
        ];
        let holds: Vec<bool> = ratios(&all).iter().map(Ratio::holds).collect();
        // J6 to J7, J6 to J7 for size, both for size to the fast ones.
        assert_eq!(holds, [true, false, false, true]);
        let text = "J6 f32 on mps2-an386, opt-level 3: 1.250 times J7 f32 on mps2-an386, \
                    opt-level 3, at most 1.25";
        assert_eq!(ratios(&all)[0].to_string(), text);
    }
}
