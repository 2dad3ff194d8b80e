//! `cargo xtask demo`: from a sensor's log to a chip, with the figures that matter.

mod machine;
mod picture;
mod run;
mod story;
mod summary;
mod update;

use crate::board::MAIN;
use crate::command::{self, cargo, output, output_and_status, root};
use crate::firmware::{self, Profile};
use crate::setup;
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use std::fs;
use std::process::Command;
use summary::{Evaluation, Streamed, Summary};

/// The course's cell: what the chip does per step stays easy to follow.
const CELL: &str = "elman";
/// Atmospheric CO2 at Mauna Loa, weekly.
const DATA: &str = "rnn-train-host/data/co2_mauna_loa_weekly.csv";
const TARGET: &str = "co2_ppm";
/// Where everything goes, under the workspace's folder.
const OUT: &str = "out/demo";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Instead: the life of a model in a machine that changes: learning on the chip, alarms, an update with
    /// the power cut in its middle
    #[arg(long)]
    full: bool,
}

/// Tells the short story or the long one; `true` when all held.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    setup::firmware_tools()?;
    if arguments.full { story::run() } else { short() }
}

/// Trains, evaluates, builds, runs and compares.
fn short() -> Result<bool> {
    let folder = root().join(OUT);
    fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    let (model, picture) = (format!("{OUT}/model.rnn"), format!("{OUT}/picture.svg"));

    println!("== Training on {DATA}");
    command::run(&mut rnn(&["train", DATA, "--target", TARGET, "--cell", CELL, "--out", &model]))?;
    let eval = output(&mut rnn(&["eval", &model, DATA, "--json", "--picture", &picture]))?;
    let evaluation: Evaluation = parse("rnn eval", &eval)?;

    println!("\n== Building the firmware, testing it on the emulated chip");
    let built = firmware::build(MAIN, &root().join(&model), Profile::Release)?;
    let measured = firmware::self_tests(MAIN, &built.self_tests)?;
    let examined = firmware::examine(MAIN, &built, measured)?;

    println!("\n== Streaming the test part through the emulated chip");
    let image = built.app.to_string_lossy();
    let device = format!("qemu:{}", MAIN.name);
    let steps = Streamed::LEAST.to_string();
    let stream = ["stream", &model, DATA, "--device", &device, "--firmware", &image];
    let mut stream = rnn(&stream);
    let (status, streamed) = output_and_status(stream.args(["--steps", &steps, "--json"]))?;
    // Where bits differ it fails, and says all the same what it saw.
    let streamed: Streamed =
        parse("rnn stream", &streamed).with_context(|| format!("rnn stream: {status}"))?;

    let summary = Summary { evaluation, streamed, measured, examined };
    println!("\n{summary}\nPicture: {picture}\nModel:   {model}");
    Ok(status.success() && summary.streamed.held())
}

/// The `rnn` command, built for speed, in the workspace's folder.
fn rnn(arguments: &[&str]) -> Command {
    let mut command = cargo(&root());
    command.args(["run", "--quiet", "--release", "--package", "rnn-train-host", "--bin", "rnn"]);
    command.arg("--").args(arguments);
    command
}

fn parse<T: DeserializeOwned>(command: &str, json: &str) -> Result<T> {
    serde_json::from_str(json).with_context(|| format!("{command} printed {json:?}"))
}
