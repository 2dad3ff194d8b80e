//! Project commands: `cargo xtask test`, `demo`, `prove`, `mcu`, `images`, `bench`, `fuzz`, `mutants`,
//! `miri`. They set up what is missing.

mod bench;
mod board;
mod chip;
mod command;
mod demo;
mod elf;
mod firmware;
mod flood;
mod fuzz;
mod images;
mod learning;
mod mcu;
mod miri;
mod mutants;
mod power;
mod prove;
mod setup;
mod tally;
mod test;
mod upload;

use clap::Parser;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project commands")]
enum Arguments {
    /// Runs every test, on the host and on emulated chips
    Test(test::Arguments),
    /// Trains on a real series, runs the model on an emulated Cortex-M4, and compares
    Demo(demo::Arguments),
    /// Counts the instructions of a step on every emulated chip
    Mcu(mcu::Arguments),
    /// Builds the images of the real boards and prints their sizes
    Images(images::Arguments),
    /// Shows the promises that can be shown in minutes, a JSON line each
    Prove(prove::Arguments),
    /// Measures the speed of training and streaming on this machine
    Bench(bench::Arguments),
    /// Feeds the readers of files, frames and flash whatever libFuzzer comes up with
    Fuzz(fuzz::Arguments),
    /// Changes the code in every place, one at a time, and looks whether a test notices
    Mutants(mutants::Arguments),
    /// Runs the core's tests under Miri, those of the host's kernels under AddressSanitizer
    Miri,
}

fn main() -> ExitCode {
    let held = match Arguments::parse() {
        Arguments::Test(arguments) => test::run(&arguments),
        Arguments::Mcu(arguments) => mcu::run(&arguments),
        Arguments::Images(arguments) => images::run(&arguments),
        Arguments::Prove(arguments) => prove::run(&arguments),
        Arguments::Demo(arguments) => demo::run(&arguments),
        Arguments::Bench(arguments) => bench::run(&arguments),
        Arguments::Fuzz(arguments) => fuzz::run(&arguments),
        Arguments::Mutants(arguments) => mutants::run(&arguments),
        Arguments::Miri => miri::run(),
    };
    match held {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
