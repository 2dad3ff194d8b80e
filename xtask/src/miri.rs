//! `cargo xtask miri`: the core under Miri, which sees undefined behaviour where it happens.

use crate::command::{captured, nightly_cargo, root};
use crate::setup;
use crate::tally::Tally;
use anyhow::Result;
use serde::Serialize;

/// Tests of the core, by what they are about; Miri is some thousand times slower, so not those that go
/// through everything. Without the feature `std` the kernels are the portable ones; those with intrinsics
/// are out of its reach.
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
        let (status, output) = captured(command.args(tests))?;
        let Tally { passed, failed } = Tally::of_cargo_test(&output);
        let held = status.success() && failed == 0 && passed > 0;
        if !held {
            eprintln!("{output}");
        }
        all &= held;
        println!("{}", serde_json::to_string(&Line { of, passed, failed })?);
    }
    Ok(all)
}
