//! The firmware: built with a model, tested on the emulated chip, examined before it runs.

use crate::command::{cargo, root, run};
use crate::elf::Image;
use crate::elf::walk::{Walk, walk};
use anyhow::{Context, Result, bail, ensure};
use rnn_train_host::device::qemu::Qemu;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The board that everything runs on: its folder's name, and QEMU's name of the machine.
pub(crate) const BOARD: &str = "mps2-an386";

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
}

/// The images that were built.
pub(crate) struct Built {
    /// The application.
    pub(crate) app: PathBuf,
    /// The self-tests.
    pub(crate) self_tests: PathBuf,
}

/// A command of cargo for the firmware; the board's folder says for which target.
pub(crate) fn command(subcommand: &str, model: &Path, profile: Profile) -> Command {
    let firmware = root().join("firmware");
    let mut command = cargo(&firmware.join("boards").join(BOARD));
    command.args([subcommand, "--locked", "--workspace", "--profile", profile.name()]);
    command.arg("--target-dir").arg(firmware.join("target")).env("RNN_MODEL", model);
    command
}

/// Builds the application and the self-tests with a model.
pub(crate) fn build(model: &Path, profile: Profile) -> Result<Built> {
    let model = model
        .canonicalize()
        .with_context(|| format!("{}: can't read the model", model.display()))?;
    run(command("build", &model, profile).arg("--quiet"))?;
    let images = root().join("firmware/target/thumbv7em-none-eabihf").join(profile.name());
    Ok(Built { app: images.join(BOARD), self_tests: images.join("self-tests") })
}

/// What a step of the network costs, as measured on the emulated chip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Instructions of one step, the same for every input.
    pub(crate) instructions: u32,
    /// Stack of one step, bytes.
    pub(crate) stack: u32,
}

/// A line of the self-tests' log.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Test { test: String, ok: bool },
    Figure { figure: String, value: u32 },
}

/// Runs the self-tests on the emulated chip; fails when one of them does.
pub(crate) fn self_tests(image: &Path) -> Result<Measured> {
    let end = Qemu::start(BOARD, image, &["-icount", "shift=10"])?.wait(SELF_TESTS_WITHIN)?;
    let (mut failed, mut passed) = (Vec::new(), 0);
    let (mut least, mut most, mut stack) = (None, None, None);
    for line in &end.log {
        match serde_json::from_str(line).with_context(|| format!("self-tests: {line}"))? {
            Line::Test { ok: true, .. } => passed += 1,
            Line::Test { test, .. } => failed.push(test),
            Line::Figure { figure, value } => match figure.as_str() {
                "instructions_min" => least = Some(value),
                "instructions_max" => most = Some(value),
                "stack" => stack = Some(value),
                unknown => bail!("self-tests: an unknown figure, {unknown}"),
            },
        }
    }
    ensure!(
        failed.is_empty(),
        "failed on the emulated chip: {} (instructions of a step: {least:?} to {most:?})",
        failed.join("; ")
    );
    end.check()?;
    ensure!(passed > 0 && least == most, "the self-tests on the emulated chip said too little");
    let figures = least.zip(stack);
    let (instructions, stack) = figures.context("the self-tests measured nothing")?;
    Ok(Measured { instructions, stack })
}

/// What examining an image has shown.
pub(crate) struct Examined {
    pub(crate) image: Image,
    /// From one step of the network.
    pub(crate) step: Walk,
}

/// Walks the calls from a step of the network, and from the application's whole work on a received
/// byte; fails when a panic, an allocator or an unknown can be reached, or when the stack of a step
/// was measured to be deeper than its bound.
pub(crate) fn examine(image: &Path, measured: Measured) -> Result<Examined> {
    let image = Image::read(image)?;
    for root in ["app::step", "app::App::on_byte"] {
        let walk = walk(&image.program, root)?;
        ensure!(walk.problems.is_empty(), "{root} can reach:\n  {}", walk.problems.join("\n  "));
    }
    let step = walk(&image.program, "app::step")?;
    ensure!(
        i64::from(measured.stack) <= step.stack,
        "a step took {} bytes of stack, above its bound of {}",
        measured.stack,
        step.stack
    );
    Ok(Examined { image, step })
}
