//! `cargo xtask test`: everything that can be checked, on the host and on the emulated chip.

use crate::command::{captured, cargo, root, shown};
use crate::firmware::{self, Profile};
use crate::tally::{Steps, Tally};
use crate::{chip, setup};
use anyhow::{Result, bail};
use std::process::Command;

/// Runs every test; `true` when all passed.
pub(crate) fn run() -> Result<bool> {
    setup::firmware_tools()?;
    setup::checkers()?;
    let mut steps = Steps::default();
    host(&mut steps);
    let models = chip::models()?;
    steps.step("lints of the firmware", |_| {
        let mut clippy = firmware::command("clippy", &models[0].path, Profile::Release);
        check(clippy.args(["--", "-D", "warnings"]))
    });
    // For size the compiler inlines less, and other panics may stay: all is checked again.
    let small = models.iter().filter(|model| model.small_too);
    let of = |profile| move |model| (model, profile);
    let release = models.iter().map(of(Profile::Release));
    for (model, profile) in release.chain(small.map(of(Profile::Small))) {
        let name = format!("emulated Cortex-M4, {}, {}", profile.name(), model.name);
        steps.step(&name, |tally| chip::test(model, profile, tally));
    }
    Ok(steps.summary())
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
        let packages =
            ["--package", "app", "--package", firmware::BOARD, "--package", "self-tests"];
        check(cargo(&root.join("firmware")).args(["fmt", "--check"]).args(packages))
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
