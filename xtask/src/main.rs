//! Project commands: `cargo xtask test`, `cargo xtask demo`. Both set up what is missing.

mod chip;
mod command;
mod demo;
mod elf;
mod firmware;
mod setup;
mod summary;
mod tally;
mod test;

use clap::Parser;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project commands")]
enum Arguments {
    /// Runs every test, on the host and on emulated chips
    Test,
    /// Trains on a real series, runs the model on an emulated Cortex-M4, and compares
    Demo,
}

fn main() -> ExitCode {
    let held = match Arguments::parse() {
        Arguments::Test => test::run(),
        Arguments::Demo => demo::run(),
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
