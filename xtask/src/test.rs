//! `cargo xtask test`: everything that can be checked, on the host and on the emulated chip.

use crate::board::{BOARDS, Board, MAIN, REAL, REAL_IN_QEMU};
use crate::command::{captured, cargo, root, shown};
use crate::firmware::{self, Profile};
use crate::tally::{Ended, Steps, Tally};
use crate::{chip, flood, images, mcu, prove, setup, upload};
use anyhow::{Result, bail};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only the tests of this board, emulated or real (a folder of firmware/boards); may be repeated.
    #[arg(long, value_name = "NAME", value_parser = Board::named_of_all)]
    board: Vec<&'static Board>,
}

/// Runs every test; `true` when all passed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    setup::firmware_tools()?;
    setup::checkers()?;
    let jobs: Vec<Job> = if arguments.board.is_empty() {
        let boards = BOARDS.iter().chain(&REAL).map(Job::Board);
        [Job::Host].into_iter().chain(boards).collect()
    } else {
        arguments.board.iter().copied().map(Job::Board).collect()
    };
    let steps = Mutex::new(Steps::default());
    all_of(&jobs, |ended| lock(&steps).add(ended))?;
    Ok(lock(&steps).summary())
}

/// What is tested beside others.
enum Job {
    /// What needs no board; builds and tests of it take as long as those of all boards.
    Host,
    Board(&'static Board),
}

/// As many jobs at a time as there are processors: the emulator and the last, whole optimisation of an
/// image use one each, and so do many a test and the end of a build on the host.
fn all_of(jobs: &[Job], tell: impl Fn(Ended) + Copy + Sync) -> Result<()> {
    let queue = Mutex::new(jobs.iter());
    let next = || lock(&queue).next();
    let lane = || -> Result<()> {
        while let Some(job) = next() {
            match job {
                Job::Host => host(tell),
                Job::Board(board) if board.is_real() => real(board, tell),
                Job::Board(board) => chip(board, tell)?,
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let lanes = thread::available_parallelism()?.get().min(jobs.len());
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().try_for_each(|lane| lane.join().expect("a lane ends"))
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On a board. The main one runs every model; the others, of which the cells are the same source, one with
/// each cell.
fn chip(board: &Board, tell: impl Fn(Ended)) -> Result<()> {
    let models = chip::models(board)?;
    let main = board.name == MAIN.name;
    tell(Ended::of(&format!("lints of the firmware, {}", board.core), |_| {
        let mut packages = firmware::packages(board).to_vec();
        packages.extend(["app", "counts", "streams", "support"]);
        let model = &models[0].path;
        let mut clippy = firmware::command("clippy", board, model, Profile::Release, &packages);
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
        tell(Ended::of("updates and learning", upload::test));
    }
    tell(Ended::of(&format!("counts, {}", board.core), |tally| {
        let figures = mcu::measure(board)?;
        let better = mcu::check(board, &figures)?;
        tally.passed += figures.len();
        better.iter().for_each(|line| println!("better than expected, {}: {line}", board.core));
        Ok(())
    }));
    if main {
        // At the end: it compiles the core anew.
        tell(Ended::of("promises broken on purpose", prove::test_broken));
    }
    Ok(())
}

/// The image of a real board; that of the one that QEMU has too runs there.
fn real(board: &Board, tell: impl Fn(Ended)) {
    let name = format!("lints of the firmware, {}", board.name);
    tell(Ended::of(&name, |_| check(&mut images::lints(board)?)));
    tell(Ended::of(&format!("image, {}", board.name), |tally| images::test(board, tally)));
    if board.name == REAL_IN_QEMU.0.name {
        let name = format!("image in QEMU's {}, {}", REAL_IN_QEMU.1, board.name);
        tell(Ended::of(&name, images::test_in_qemu));
    }
}

fn host(tell: impl Fn(Ended)) {
    let root = root();
    let in_root = |arguments: &[&str]| {
        let mut command = cargo(&root);
        command.args(arguments);
        command
    };
    tell(Ended::of("formatting", |_| {
        check(&mut in_root(&["fmt", "--all", "--check"]))?;
        // `--all` would go on to the core, which lies in another workspace.
        let boards = BOARDS.iter().chain(&REAL).map(|board| board.name);
        let mut format = cargo(&root.join("firmware"));
        format.args(["fmt", "--check"]);
        for package in ["app", "counts", "self-tests", "station", "streams", "support"]
            .into_iter()
            .chain(boards)
        {
            format.args(["--package", package]);
        }
        check(&mut format)
    }));
    tell(Ended::of("lints", |_| {
        check(&mut in_root(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    }));
    tell(Ended::of("documentation", |_| {
        let mut doc = in_root(&["doc", "--workspace", "--no-deps"]);
        check(doc.env("RUSTDOCFLAGS", "-D warnings"))
    }));
    tell(Ended::of("tests of the host, debug", |tally| {
        tests(&mut in_root(&["test", "--workspace", "--no-fail-fast"]), tally)
    }));
    // The same bits in both builds: what is optimised away must not change a result.
    tell(Ended::of("tests of the host, release", |tally| {
        let packages = ["--package", "rnn-core", "--package", "rnn-train-host"];
        tests(in_root(&["test", "--release", "--no-fail-fast"]).args(packages), tally)
    }));
    // As the chip has it: without the trainer's kernels. What goes through all shapes has run with them,
    // and runs on the chips.
    tell(Ended::of("tests of the core without features", |tally| {
        let targets = ["--lib", "--test", "no_allocation"];
        tests(in_root(&["test", "--no-fail-fast", "--package", "rnn-core"]).args(targets), tally)
    }));
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
