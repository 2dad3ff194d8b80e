//! Counting what passed and what failed.

use anyhow::Result;
use std::io::{Write, stdout};
use std::ops::AddAssign;
use std::time::Instant;

/// Tests that passed and that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Tally {
    /// Adds up the lines `test result: ok. 12 passed; 0 failed; ...` of a `cargo test`.
    pub(crate) fn of_cargo_test(output: &str) -> Self {
        let mut tally = Self::default();
        for line in output.lines().filter(|line| line.starts_with("test result: ")) {
            let words: Vec<&str> = line.split([' ', ';']).collect();
            let count = |what| {
                let at = words.iter().position(|&word| word == what)?;
                words.get(at.checked_sub(1)?)?.parse::<usize>().ok()
            };
            let passed = count("passed").unwrap_or_default();
            let failed = count("failed").unwrap_or_default();
            tally += Self { passed, failed };
        }
        tally
    }
}

/// A step that has ended.
pub(crate) struct Ended {
    name: String,
    tally: Tally,
    result: Result<()>,
    seconds: f64,
}

impl Ended {
    /// Runs a step. It counts its own tests; one that counts none is a test itself, and one that
    /// fails has failed at least once.
    pub(crate) fn of(name: &str, run: impl FnOnce(&mut Tally) -> Result<()>) -> Self {
        let start = Instant::now();
        let mut tally = Tally::default();
        let result = run(&mut tally);
        if result.is_err() {
            tally.failed = tally.failed.max(1);
        } else if tally == Tally::default() {
            tally.passed = 1;
        }
        Self { name: name.to_owned(), tally, result, seconds: start.elapsed().as_secs_f64() }
    }
}

/// Steps of a run, told as they end, and their sum.
#[derive(Default)]
pub(crate) struct Steps {
    sum: Tally,
    failed: Vec<String>,
}

impl Steps {
    /// Runs a step, its name shown meanwhile.
    pub(crate) fn step(&mut self, name: &str, run: impl FnOnce(&mut Tally) -> Result<()>) {
        print!("{name} ... ");
        // Nothing is lost when the terminal is gone.
        let _ = stdout().flush();
        self.tell(Ended::of(name, run));
    }

    /// A step that ran beside others.
    pub(crate) fn add(&mut self, ended: Ended) {
        print!("{} ... ", ended.name);
        self.tell(ended);
    }

    /// Output is shown on failure only.
    fn tell(&mut self, Ended { name, tally, result, seconds }: Ended) {
        let Tally { passed, failed } = tally;
        self.sum += tally;
        match result {
            Ok(()) => println!("ok ({passed} passed, {seconds:.1} s)"),
            Err(error) => {
                println!("FAILED ({passed} passed, {failed} failed, {seconds:.1} s)\n{error:#}\n");
                self.failed.push(name);
            }
        }
    }

    /// Says what failed, and prints the sum as the last line; returns whether all passed.
    pub(crate) fn summary(&self) -> bool {
        println!();
        for name in &self.failed {
            println!("failed: {name}");
        }
        println!("{} passed, {} failed", self.sum.passed, self.sum.failed);
        self.sum.failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_cargo_test_are_added_up() {
        let output = "\
running 3 tests
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
noise: 100 passed
test result: FAILED. 2 passed; 5 failed; 0 ignored; 0 measured; 0 filtered out
";
        assert_eq!(Tally::of_cargo_test(output), Tally { passed: 14, failed: 5 });
    }

    #[test]
    fn a_step_counts_at_least_once() {
        let mut steps = Steps::default();
        steps.step("passes", |_| Ok(()));
        steps.step("counts", |tally| {
            tally.passed = 7;
            Ok(())
        });
        assert!(steps.summary());
        steps.step("fails", |tally| {
            tally.passed = 2;
            anyhow::bail!("on purpose")
        });
        assert_eq!(steps.sum, Tally { passed: 10, failed: 1 });
        assert!(!steps.summary());
    }
}
