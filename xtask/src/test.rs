//! `cargo xtask test`: everything that can be checked, on the host and on the emulated chip.

use crate::board::{BOARDS, Board, MAIN};
use crate::command::{captured, cargo, root, shown};
use crate::firmware::{self, Profile};
use crate::tally::{Ended, Steps, Tally};
use crate::{chip, flood, mcu, prove, setup};
use anyhow::{Result, bail};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only the tests on this emulated board (a folder of firmware/boards); may be repeated.
    #[arg(long, value_name = "NAME", value_parser = Board::named)]
    board: Vec<&'static Board>,
}

/// Runs every test; `true` when all passed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    setup::firmware_tools()?;
    setup::checkers()?;
    let mut steps = Steps::default();
    if arguments.board.is_empty() {
        host(&mut steps);
        chips(&mut steps, &BOARDS.iter().collect::<Vec<_>>())?;
    } else {
        chips(&mut steps, &arguments.board)?;
    }
    Ok(steps.summary())
}

/// On each of these boards, as many at a time as there are processors: the emulator and the last, whole
/// optimisation of an image use one each.
fn chips(steps: &mut Steps, boards: &[&Board]) -> Result<()> {
    let (queue, steps) = (Mutex::new(boards.iter()), Mutex::new(steps));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let tell = |ended| steps.lock().unwrap_or_else(PoisonError::into_inner).add(ended);
    let lane = || -> Result<()> {
        while let Some(board) = next() {
            chip(board, tell)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let lanes = thread::available_parallelism()?.get().min(boards.len());
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        let all = lanes.into_iter().map(|lane| lane.join().expect("a lane ends"));
        all.collect()
    })
}

/// On a board. The main one runs every model; the others, of which the cells are the same source, one with
/// each cell.
fn chip(board: &Board, tell: impl Fn(Ended)) -> Result<()> {
    let models = chip::models(board)?;
    let main = board.name == MAIN.name;
    tell(Ended::of(&format!("lints of the firmware, {}", board.core), |_| {
        let mut clippy = firmware::command("clippy", board, &models[0].path, Profile::Release);
        for package in ["app", "counts", "streams", "support"] {
            clippy.args(["--package", package]);
        }
        check(clippy.args(["--", "-D", "warnings"]))
    }));
    let of = |profile| move |model| (model, profile);
    let release = models.iter().filter(|model| main || model.everywhere);
    // For size the compiler inlines less, and other panics may stay: all is checked again.
    let small = models.iter().filter(|model| main && model.small_too);
    for (model, profile) in release.map(of(Profile::Release)).chain(small.map(of(Profile::Small))) {
        let name = format!("emulated {}, {}, {}", board.core, profile.name(), model.name);
        tell(Ended::of(&name, |tally| chip::test(board, model, profile, tally)));
    }
    let name = format!("streams, {}", board.core);
    tell(Ended::of(&name, |tally| prove::test_streams(board, tally)));
    if main {
        tell(Ended::of("a flood on the line", |tally| flood::test(board, &models[0], tally)));
        tell(Ended::of("promises broken on purpose", prove::test_broken));
    }
    tell(Ended::of(&format!("counts, {}", board.core), |tally| {
        let figures = mcu::measure(board)?;
        let better = mcu::check(board, &figures)?;
        tally.passed += figures.len();
        better.iter().for_each(|line| println!("better than expected, {}: {line}", board.core));
        Ok(())
    }));
    Ok(())
}

fn host(steps: &mut Steps) {
    let root = root();
    let in_root = |arguments: &[&str]| {
        let mut command = cargo(&root);
        command.args(arguments);
        command
    };
    steps.step("formatting", |_| {
        check(&mut in_root(&["fmt", "--all", "--check"]))?;
        // `--all` would go on to the core, which lies in another workspace.
        let boards = BOARDS.iter().map(|board| board.name);
        let mut format = cargo(&root.join("firmware"));
        format.args(["fmt", "--check"]);
        for package in
            ["app", "counts", "self-tests", "streams", "support"].into_iter().chain(boards)
        {
            format.args(["--package", package]);
        }
        check(&mut format)
    });
    steps.step("lints", |_| {
        check(&mut in_root(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    });
    steps.step("documentation", |_| {
        let mut doc = in_root(&["doc", "--workspace", "--no-deps"]);
        check(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
    steps.step("tests of the host, debug", |tally| {
        tests(&mut in_root(&["test", "--workspace", "--no-fail-fast"]), tally)
    });
    // The same bits in both builds: what is optimised away must not change a result.
    steps.step("tests of the host, release", |tally| {
        let packages = ["--package", "rnn-core", "--package", "rnn-train-host"];
        tests(in_root(&["test", "--release", "--no-fail-fast"]).args(packages), tally)
    });
    // As the chip has it: without the trainer's kernels.
    steps.step("tests of the core without features", |tally| {
        tests(&mut in_root(&["test", "--no-fail-fast", "--package", "rnn-core"]), tally)
    });
}

/// Runs a command; its output is the error when it fails.
fn check(command: &mut Command) -> Result<()> {
    let (status, output) = captured(command)?;
    if !status.success() {
        bail!("{} failed ({status})\n{output}", shown(command));
    }
    Ok(())
}

/// Runs a `cargo test` and counts.
fn tests(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let (status, output) = captured(command)?;
    *tally += Tally::of_cargo_test(&output);
    if !status.success() {
        bail!("{} failed ({status})\n{output}", shown(command));
    }
    Ok(())
}
