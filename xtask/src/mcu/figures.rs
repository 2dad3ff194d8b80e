//! What a job takes on a chip: a line of JSON, or of a table.

use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// A job in one number format on one chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figures {
    /// J1 to J7.
    pub(crate) job: String,
    /// QEMU's name of the machine.
    pub(crate) machine: String,
    /// f32, w16a16, w8a16.
    pub(crate) format: String,
    /// The compiler's: "3", or "s".
    pub(crate) opt_level: String,
    /// The kernel that ran.
    pub(crate) kernel: String,
    /// Of a step; without an FPU of the longest one.
    pub(crate) instructions: u64,
    /// Of a step on a Cortex-M4; `None` on other cores.
    pub(crate) modelled_cycles: Option<u64>,
    /// Multiply-accumulates of a step.
    pub(crate) macs: u64,
    /// Code that a step runs, bytes; weights and tables are not among it.
    pub(crate) flash: u64,
    /// State and scratch, bytes.
    pub(crate) ram: u64,
    /// Stack of a step, bytes.
    pub(crate) stack: u64,
}

impl Figures {
    /// What tells them apart.
    pub(crate) fn name(&self) -> String {
        let Figures { job, format, machine, opt_level, .. } = self;
        format!("{job} {format} on {machine}, opt-level {opt_level}")
    }

    /// Modelled cycles where there are, else instructions.
    pub(crate) fn cost(&self) -> u64 {
        self.modelled_cycles.unwrap_or(self.instructions)
    }
}

/// All figures of one chip.
pub(crate) fn table(core: &str, figures: &[Figures]) -> String {
    let mut text = format!(
        "{core}\n  {:<4}{:<8}{:<4}{:<24}{:>13}{:>8}{:>9}{:>8}{:>7}{:>6}{:>7}\n",
        "job",
        "format",
        "opt",
        "kernel",
        "instructions",
        "/MAC",
        "cycles",
        "/MAC",
        "flash",
        "RAM",
        "stack"
    );
    for figures in figures {
        let Figures { job, format, opt_level, kernel, .. } = figures;
        let Figures { instructions, macs, flash, ram, stack, .. } = figures;
        let per_mac = |count: u64| format!("{:.2}", count as f64 / *macs as f64);
        let cycles = figures.modelled_cycles;
        let (cycles, cycles_per_mac) = match cycles {
            Some(cycles) => (cycles.to_string(), per_mac(cycles)),
            None => ("-".into(), "-".into()),
        };
        let instructions_per_mac = per_mac(*instructions);
        // Writing into a string can't fail.
        let _ = writeln!(
            text,
            "  {job:<4}{format:<8}{opt_level:<4}{kernel:<24}{instructions:>13}\
             {instructions_per_mac:>8}{cycles:>9}{cycles_per_mac:>8}{flash:>7}{ram:>6}{stack:>7}"
        );
    }
    text
}
