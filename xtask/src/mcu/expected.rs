//! The figures that the repository holds, and what has become of them.

use super::bars::{Ratio, ratios};
use super::figures::Figures;
use crate::board::Board;
use crate::command::root;
use anyhow::{Context, Result, ensure};
use rnn_train_host::atomic::write_atomically;
use std::fs;
use std::path::PathBuf;

/// How much a figure may grow without the file being changed, per cent.
const GROWTH: u128 = 1;

/// A board's file: JSON lines, as `cargo xtask mcu --json` prints them.
fn path(board: &Board) -> PathBuf {
    root().join("firmware/expected").join(board.name).with_extension("jsonl")
}

/// Writes the figures down as the expected ones.
pub(crate) fn accept(board: &Board, figures: &[Figures]) -> Result<()> {
    write_atomically(&path(board), |file| {
        for figures in figures {
            serde_json::to_writer(&mut *file, figures)?;
            writeln!(file)?;
        }
        Ok(())
    })
}

fn load(board: &Board) -> Result<Vec<Figures>> {
    let path = path(board);
    let advice = || format!("{}: `cargo xtask mcu --accept` writes it", path.display());
    let text = fs::read_to_string(&path).with_context(advice)?;
    text.lines().map(|line| serde_json::from_str(line).with_context(advice)).collect()
}

/// Compares figures with the expected ones; returns what has shrunk.
///
/// Fails where a figure has grown, or a job is gone, new, or another one; and where a ratio breaks its bar,
/// which nothing accepts.
pub(crate) fn check(board: &Board, figures: &[Figures]) -> Result<Vec<String>> {
    let ratios = ratios(figures);
    let broken: Vec<_> = ratios.iter().filter(|r| !r.holds()).map(Ratio::to_string).collect();
    ensure!(broken.is_empty(), "above the bar:\n{}", broken.join("\n"));
    let Changes { worse, better } = compare(&load(board)?, figures);
    ensure!(
        worse.is_empty(),
        "{}\nif it must be so: `cargo xtask mcu --accept --board {}` writes the new figures to {}",
        worse.join("\n"),
        board.name,
        path(board).display()
    );
    Ok(better)
}

/// What has changed, a sentence each.
#[derive(Debug, Default, PartialEq)]
struct Changes {
    worse: Vec<String>,
    better: Vec<String>,
}

fn compare(expected: &[Figures], measured: &[Figures]) -> Changes {
    let mut changes = Changes::default();
    for new in measured {
        let name = new.name();
        match expected.iter().find(|old| old.name() == name) {
            None => changes.worse.push(format!("{name}: new, nothing is expected of it yet")),
            Some(old) => changes.add(&name, old, new),
        }
    }
    for name in expected.iter().map(Figures::name) {
        if !measured.iter().any(|new| new.name() == name) {
            changes.worse.push(format!("{name}: gone"));
        }
    }
    changes
}

impl Changes {
    fn add(&mut self, name: &str, old: &Figures, new: &Figures) {
        if old.kernel != new.kernel {
            let (old, new) = (&old.kernel, &new.kernel);
            self.worse.push(format!("{name}: the kernel was \"{old}\" and is \"{new}\""));
        }
        if old.macs != new.macs {
            let (old, new) = (old.macs, new.macs);
            self.worse.push(format!("{name}: another job, {old} multiply-accumulates, now {new}"));
        }
        if old.modelled_cycles.is_some() && new.modelled_cycles.is_none() {
            self.worse.push(format!("{name}: the modelled cycles are gone"));
        }
        for (figure, old, new) in [
            ("instructions", old.instructions, new.instructions),
            (
                "modelled cycles",
                old.modelled_cycles.unwrap_or(u64::MAX),
                new.modelled_cycles.unwrap_or(u64::MAX),
            ),
            ("bytes of flash", old.flash, new.flash),
            ("bytes of RAM", old.ram, new.ram),
            ("bytes of stack", old.stack, new.stack),
        ] {
            let change = 100.0 * (new as f64 / old as f64 - 1.0);
            let text = || format!("{name}: {figure} {old} -> {new} ({change:+.1} %)");
            let (old, new) = (u128::from(old), u128::from(new));
            if 100 * new > (100 + GROWTH) * old {
                self.worse.push(text());
            } else if 100 * new < (100 - GROWTH) * old {
                self.better.push(text());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(job: &str) -> Figures {
        Figures {
            job: job.into(),
            machine: "mps2-an386".into(),
            format: "f32".into(),
            opt_level: "3".into(),
            kernel: "fast".into(),
            instructions: 1000,
            modelled_cycles: Some(2000),
            macs: 500,
            flash: 600,
            ram: 700,
            stack: 100,
        }
    }

    #[track_caller]
    fn finds(new: Figures, worse: &[&str], better: &[&str]) {
        let changes = compare(&[figures("J1"), figures("J2")], &[figures("J1"), new]);
        assert_eq!(changes.worse, worse);
        assert_eq!(changes.better, better);
    }

    #[test]
    fn what_stays_within_a_hundredth_passes() {
        finds(figures("J2"), &[], &[]);
        let within = Figures { instructions: 1010, modelled_cycles: Some(1980), ..figures("J2") };
        finds(within, &[], &[]);
    }

    #[test]
    fn growth_is_found_and_shrinking_is_told() {
        let more = Figures { instructions: 1011, stack: 102, ..figures("J2") };
        let lines = [
            "J2 f32 on mps2-an386, opt-level 3: instructions 1000 -> 1011 (+1.1 %)",
            "J2 f32 on mps2-an386, opt-level 3: bytes of stack 100 -> 102 (+2.0 %)",
        ];
        finds(more, &lines, &[]);
        let cycles = Figures { modelled_cycles: Some(2024), flash: 606, ..figures("J2") };
        finds(
            cycles,
            &["J2 f32 on mps2-an386, opt-level 3: modelled cycles 2000 -> 2024 (+1.2 %)"],
            &[],
        );
        let less = Figures { flash: 590, ..figures("J2") };
        finds(
            less,
            &[],
            &["J2 f32 on mps2-an386, opt-level 3: bytes of flash 600 -> 590 (-1.7 %)"],
        );
    }

    #[test]
    fn a_job_that_is_gone_or_new_is_found() {
        let other = Figures { format: "w8a16".into(), ..figures("J2") };
        let lines = [
            "J2 w8a16 on mps2-an386, opt-level 3: new, nothing is expected of it yet",
            "J2 f32 on mps2-an386, opt-level 3: gone",
        ];
        finds(other, &lines, &[]);
    }

    #[test]
    fn another_kernel_another_job_and_lost_cycles_are_found() {
        let kernel = Figures { kernel: "portable".into(), ..figures("J2") };
        let line = "J2 f32 on mps2-an386, opt-level 3: the kernel was \"fast\" and is \"portable\"";
        finds(kernel, &[line], &[]);
        let job = Figures { macs: 501, ..figures("J2") };
        let line =
            "J2 f32 on mps2-an386, opt-level 3: another job, 500 multiply-accumulates, now 501";
        finds(job, &[line], &[]);
        let changes =
            compare(&[figures("J1")], &[Figures { modelled_cycles: None, ..figures("J1") }]);
        assert!(changes.worse[0].contains("the modelled cycles are gone"), "{changes:?}");
    }
}
