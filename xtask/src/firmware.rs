//! The firmware: built with a model, tested on the emulated chip, examined before it runs.

use crate::board::Board;
use crate::command::{cargo, run};
use crate::elf::{self, Sizes};
use anyhow::{Context, Result, bail, ensure};
use rnn_train_host::device::qemu::Qemu;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// One step of the network, as the image names it.
pub(crate) const STEP: &str = "app::step";

/// How long the self-tests may take.
const SELF_TESTS_WITHIN: Duration = Duration::from_secs(120);

/// How the firmware is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// opt-level 3.
    Release,
    /// opt-level "s".
    Small,
}

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Small => "small",
        }
    }

    pub(crate) fn opt_level(self) -> &'static str {
        match self {
            Self::Release => "3",
            Self::Small => "s",
        }
    }
}

/// The images that were built.
pub(crate) struct Built {
    /// The application.
    pub(crate) app: PathBuf,
    /// The self-tests.
    pub(crate) self_tests: PathBuf,
}

/// A command of cargo for a board's firmware.
pub(crate) fn command(subcommand: &str, board: &Board, model: &Path, profile: Profile) -> Command {
    let mut command = cargo(&board.folder());
    command.args([subcommand, "--locked", "--profile", profile.name()]);
    command.args(["--package", board.name, "--package", "self-tests"]).env("RNN_MODEL", model);
    command
}

/// Builds the application and the self-tests with a model.
pub(crate) fn build(board: &Board, model: &Path, profile: Profile) -> Result<Built> {
    build_broken(board, model, profile, None)
}

/// The same with a promise broken on purpose; `firmware/app/src/broken.rs` has them.
pub(crate) fn build_broken(
    board: &Board,
    model: &Path,
    profile: Profile,
    promise: Option<&str>,
) -> Result<Built> {
    let model = model
        .canonicalize()
        .with_context(|| format!("{}: can't read the model", model.display()))?;
    let mut command = command("build", board, &model, profile);
    match promise {
        // Apart: it compiles the core anew.
        Some("lane") => command.env("RNN_BREAK_KERNELS", "lane"),
        Some(promise) => command.env("RNN_BREAK", promise),
        None => &mut command,
    };
    run(command.arg("--quiet"))?;
    let image = |name| board.image(profile.name(), name);
    Ok(Built { app: image(board.name), self_tests: image("self-tests") })
}

/// Builds an image without a model: `counts`, the jobs whose instructions are counted, or `streams`.
pub(crate) fn build_plain(board: &Board, profile: Profile, package: &str) -> Result<PathBuf> {
    let mut command = cargo(&board.folder());
    command.args(["build", "--locked", "--quiet", "--profile", profile.name()]);
    run(command.args(["--package", package]))?;
    Ok(board.image(profile.name(), package))
}

/// What the self-tests have measured on the emulated chip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Tests that passed.
    pub(crate) passed: usize,
    /// Instructions of one step at most; with an FPU the same for every input.
    pub(crate) instructions: u32,
    /// Steps of all kinds of inputs that took so many.
    pub(crate) steps: u32,
    /// Stack of one step, bytes.
    pub(crate) stack: u32,
}

/// A line of the self-tests' log: a test and whether it passed, or a figure and its value. (No
/// untagged enum: serde_json's `arbitrary_precision`, which defmt-decoder asks for, breaks them.)
#[derive(Deserialize)]
struct Line {
    test: Option<String>,
    ok: Option<bool>,
    figure: Option<String>,
    value: Option<u32>,
}

/// Runs the self-tests on the emulated chip; fails when one of them does.
pub(crate) fn self_tests(board: &Board, image: &Path) -> Result<Measured> {
    let end = Qemu::start(board.name, image, &["-icount", "shift=8"])?.wait(SELF_TESTS_WITHIN)?;
    let (mut failed, mut passed, mut figures) = (Vec::new(), 0, BTreeMap::new());
    for line in &end.log {
        match serde_json::from_str(line).with_context(|| format!("self-tests: {line}"))? {
            Line { ok: Some(true), .. } => passed += 1,
            Line { test: Some(test), .. } => failed.push(test),
            Line { figure: Some(figure), value: Some(value), .. } => {
                figures.insert(figure, value);
            }
            _ => bail!("self-tests: {line}"),
        }
    }
    ensure!(
        failed.is_empty(),
        "failed on the emulated chip: {} (measured: {figures:?})",
        failed.join("; ")
    );
    end.check()?;
    let figure = |name| {
        let value = figures.get(name).copied();
        value.with_context(|| format!("the self-tests ended without {name}"))
    };
    let instructions = figure("instructions_max")?;
    ensure!(
        passed > 0 && (!board.fpu || figure("instructions_min")? == instructions),
        "the self-tests missed that something is wrong: {:?}",
        end.log
    );
    let (steps, stack) = (figure("instructions_over_steps")?, figure("stack")?);
    Ok(Measured { passed, instructions, steps, stack })
}

/// What examining the images has shown.
pub(crate) struct Examined {
    /// Of the application.
    pub(crate) sizes: Sizes,
    /// Functions that a step of the network can reach.
    pub(crate) functions: usize,
    /// No step of the network takes more stack in the application, bytes.
    pub(crate) stack: u64,
    /// The same in the self-tests' image, which is compiled otherwise: what the measured stack is
    /// held against.
    pub(crate) stack_tested: u64,
}

/// Walks the calls from a step of the network, from reading a model file, and from the application's
/// whole work on a received byte; fails when a panic, an allocator or an unknown can be reached, or when the stack of a step
/// was measured to be deeper than its bound.
pub(crate) fn examine(board: &Board, built: &Built, measured: Measured) -> Result<Examined> {
    let walk = |image: &Path, root: &str| {
        let walk = elf::walk(board.cpu, image, root)?;
        let problems = [walk.forbidden.as_slice(), &walk.unknown].concat();
        let image = image.display();
        ensure!(problems.is_empty(), "{image}: {root} can reach:\n  {}", problems.join("\n  "));
        Ok(walk)
    };
    walk(&built.self_tests, "self_tests::load")?;
    let tested = walk(&built.self_tests, STEP)?;
    ensure!(
        u64::from(measured.stack) <= tested.stack,
        "a step took {} bytes of stack, above its bound of {}",
        measured.stack,
        tested.stack
    );
    walk(&built.app, "app::App::on_byte")?;
    let step = walk(&built.app, STEP)?;
    let sizes = elf::sizes(&built.app)?;
    let (functions, stack, stack_tested) = (step.functions.len(), step.stack, tested.stack);
    Ok(Examined { sizes, functions, stack, stack_tested })
}
