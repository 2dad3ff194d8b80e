//! `cargo xtask test`: everything that can be checked, on the host and on the emulated chip.

use crate::command::{cargo, root, run};
use crate::firmware::{self, Profile};
use crate::setup;
use anyhow::{Result, ensure};
use rnn_train_host::device::qemu::Qemu;
use rnn_train_host::device::stream::Session;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Results of the steps so far.
#[derive(Default)]
struct Steps(Vec<(String, Duration, Result<()>)>);

impl Steps {
    fn step(&mut self, name: &str, run: impl FnOnce() -> Result<()>) {
        println!("\n== {name}");
        let start = Instant::now();
        let result = run();
        if let Err(error) = &result {
            println!("error: {error:#}");
        }
        self.0.push((name.to_owned(), start.elapsed(), result));
    }

    /// Prints a line for each step; returns whether all passed.
    fn summary(&self) -> bool {
        println!();
        let mut failed = 0;
        for (name, time, result) in &self.0 {
            let outcome = if result.is_ok() { "ok    " } else { "FAILED" };
            println!("{outcome} {:6.1} s  {name}", time.as_secs_f64());
            failed += usize::from(result.is_err());
        }
        println!("{} passed, {failed} failed", self.0.len() - failed);
        failed == 0
    }
}

/// Runs every test; `true` when all passed.
pub(crate) fn run_all() -> Result<bool> {
    setup::run_all()?;
    setup::checkers()?;
    let root = root();
    let host = |arguments: &[&str]| run(cargo(&root).args(arguments));
    let mut steps = Steps::default();
    steps.step("formatting", || {
        host(&["fmt", "--all", "--check"])?;
        run(cargo(&root.join("firmware")).args(["fmt", "--all", "--check"]))
    });
    steps.step("lints", || {
        host(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
    });
    steps.step("lints of the firmware", || {
        let mut clippy = firmware::command("clippy", &model(), Profile::Release);
        run(clippy.args(["--quiet", "--", "-D", "warnings"]))
    });
    steps.step("documentation", || {
        let mut doc = cargo(&root);
        doc.args(["doc", "--workspace", "--no-deps", "--quiet"]);
        run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
    steps.step("tests of the host, debug", || host(&["test", "--workspace", "--quiet"]));
    // The same bits in both builds: what is optimised away must not change a result.
    steps.step("tests of the host, release", || {
        host(&["test", "--release", "--quiet", "--package", "rnn-core", "--all-features"])?;
        host(&["test", "--release", "--quiet", "--package", "rnn-train-host"])
    });
    for profile in [Profile::Release, Profile::Small] {
        let name = profile.name();
        steps.step(&format!("emulated Cortex-M4, {name}: self-tests, calls and stack"), || {
            chip(profile)
        });
    }
    Ok(steps.summary())
}

/// A small model with known predictions.
fn model() -> PathBuf {
    root().join("rnn-core/tests/golden/tiny.rnn")
}

/// Self-tests, the walk through the image, and a few words over the serial line.
fn chip(profile: Profile) -> Result<()> {
    let built = firmware::build(&model(), profile)?;
    let measured = firmware::self_tests(&built.self_tests)?;
    let examined = firmware::examine(&built.app, measured)?;
    println!(
        "a step: {} instructions for every input, {} functions, none panics or allocates, \
         stack {} bytes at most, {} measured; flash {}, RAM {} bytes",
        measured.instructions,
        examined.step.functions,
        examined.step.stack,
        measured.stack,
        examined.image.sizes.flash,
        examined.image.sizes.ram
    );
    let mut qemu = Qemu::start(firmware::BOARD, &built.app, &[])?;
    let mut session = Session::open(qemu.serial())?;
    let sample = vec![f32::NAN; usize::from(session.info().inputs)];
    for _ in 0..10 {
        ensure!(session.step(&sample)?.iter().all(|value| value.is_finite()), "a NaN came through");
    }
    let stats = session.stats()?;
    ensure!((stats.steps, stats.link_errors) == (10, 0), "wrong counters: {stats:?}");
    session.quit()?;
    let end = qemu.wait(Duration::from_secs(10))?;
    end.check()?;
    ensure!(end.log.iter().any(|line| line.contains("10 steps")), "no log: {:?}", end.log);
    Ok(())
}
