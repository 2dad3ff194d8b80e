//! `cargo xtask fuzz`: the readers under libFuzzer, each for a while.

use crate::command::{nightly_cargo, root, shown};
use crate::setup;
use anyhow::{Context, Result, bail};
use rnn_fuzz::{TARGETS, Target};
use serde::Serialize;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this reader (a folder of fuzz/corpus).
    #[arg(value_name = "TARGET", value_parser = named)]
    target: Option<&'static Target>,
    /// Seconds for each.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
}

/// Longest input, bytes; the longest wait for one, seconds; and the most memory, MB.
const LIMITS: [&str; 3] = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=1024"];

/// A line of standard output.
#[derive(Serialize)]
struct Line {
    target: &'static str,
    seconds: u64,
    executions: u64,
    found: bool,
}

fn named(name: &str) -> Result<&'static Target, String> {
    TARGETS.iter().find(|target| target.name == name).ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        format!("there are {}", names.join(", "))
    })
}

/// Runs them one after the other; `true` when none found anything.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    setup::nightly(&[])?;
    setup::subcommand("fuzz")?;
    let mut clean = true;
    for target in arguments.target.map_or(&TARGETS[..], std::slice::from_ref) {
        let line = fuzz(target, arguments.seconds)?;
        clean &= !line.found;
        println!("{}", serde_json::to_string(&line)?);
    }
    Ok(clean)
}

/// What it finds worth keeping goes to target/fuzz; the committed corpus is only read.
fn fuzz(target: &'static Target, seconds: u64) -> Result<Line> {
    let kept = root().join("target/fuzz").join(target.name);
    fs::create_dir_all(&kept).with_context(|| format!("no folder {}", kept.display()))?;
    let mut command = nightly_cargo(&root());
    // In the profile of development: with all optimisations it takes half an hour until the core's
    // vectors are instrumented.
    command.args(["fuzz", "run", "--dev", "--fuzz-dir", "fuzz", "--features", "libfuzzer"]);
    command.arg(target.name);
    command.arg(&kept).arg(root().join("fuzz/corpus").join(target.name)).arg("--").args(LIMITS);
    command.args([&format!("-max_total_time={seconds}"), "-print_final_stats=1"]);

    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("can't start {}", shown(&command)))?;
    let mut executions = None;
    let mut log = Vec::new();
    for line in child.stderr.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines()) {
        let line = line?;
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            executions = count.trim().parse().ok();
        }
        log.push(line);
    }
    let found = !child.wait()?.success();
    if found {
        let end = log.len().saturating_sub(60);
        eprintln!("{}", log[end..].join("\n"));
    }
    let Some(executions) = executions else {
        bail!("{}: the fuzzer did not run", target.name);
    };
    Ok(Line { target: target.name, seconds, executions, found })
}
