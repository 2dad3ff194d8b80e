//! `cargo xtask miri`: the core under Miri, which sees undefined behaviour where it happens, and the kernels
//! that it can't run under AddressSanitizer, which sees what lies outside of its memory.

use std::process::Command;

use crate::command::{captured, nightly_cargo, root};
use crate::setup;
use crate::tally::Tally;
use anyhow::Result;
use serde::Serialize;

/// Tests of the core, by what they are about; Miri is some thousand times slower, so not those that go
/// through everything. Without the feature `std` the kernels are the portable ones.
const TESTS: [(&str, &[&str]); 4] = [
    ("link", &["--lib", "link::"]),
    ("kernels", &["--test", "it", "kernels::inference_keeps_the_contract"]),
    (
        "model files",
        &["--test", "it", "model_encode::", "--", "--skip", "what_is_written_comes_back"],
    ),
    ("slots", &["--test", "it", "--", "refused::lengths", "refused::another", "refused::an_area"]),
];

/// A line of standard output.
#[derive(Serialize)]
struct Line {
    of: &'static str,
    passed: usize,
    failed: usize,
}

/// `true` when all passed.
pub(crate) fn run() -> Result<bool> {
    setup::nightly(&["miri", "rust-src"])?;
    let mut all = true;
    for (of, tests) in TESTS {
        let mut command = nightly_cargo(&root());
        command.args(["miri", "test", "--package", "rnn-core", "--features", "link,slots"]);
        // Proptest looks for the cases that once failed. The core has no heap: what leaks are names
        // that tests make.
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation -Zmiri-ignore-leaks");
        all &= held(of, command.args(tests))?;
    }
    if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        all &= held("kernels of the host", &mut sanitized())?;
    }
    Ok(all)
}

/// The tests of the kernels with intrinsics, at full optimisation: inlined, as they are used.
fn sanitized() -> Command {
    let mut command = nightly_cargo(&root());
    command.args(["test", "--release", "--package", "rnn-core", "--features", "std", "--lib"]);
    // With a target, for the flag is not meant for build scripts; in a folder of its own, for it would
    // have everything else built again.
    command.args(["--target", "x86_64-unknown-linux-gnu", "--target-dir", "target/sanitized"]);
    command.env("RUSTFLAGS", "-Zsanitizer=address").arg("kernel::");
    command
}

/// Runs tests; `true` when there are some and all pass.
fn held(of: &'static str, command: &mut Command) -> Result<bool> {
    let (status, output) = captured(command)?;
    let Tally { passed, failed } = Tally::of_cargo_test(&output);
    let held = status.success() && failed == 0 && passed > 0;
    if !held {
        eprintln!("{output}");
    }
    println!("{}", serde_json::to_string(&Line { of, passed, failed })?);
    Ok(held)
}
