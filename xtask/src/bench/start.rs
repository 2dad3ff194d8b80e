//! From a program's start to its first update, and the memory of a training: measured on a program
//! of its own, this one with another argument.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::training::Training;
use super::workloads::Workload;

/// What a start came to.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Start {
    /// From the start of the program to the end of its first update, the data made in between.
    pub(crate) first_step_ms: f64,
    /// Most memory that it held during an epoch, where the system says so.
    pub(crate) peak_memory_mb: Option<f64>,
}

/// Starts the program and watches it.
pub(crate) fn measure(workload: &str, gpl: &Path) -> Result<Start> {
    let start = Instant::now();
    let program = env::current_exe().context("where is this program?")?;
    let mut child = Command::new(program)
        .args(["bench", "--only", workload, "--start", "--gpl"])
        .arg(gpl)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("can't start this program again")?;
    let mut output = BufReader::new(child.stdout.take().context("a pipe was asked for")?);
    let mut line = String::new();
    output.read_line(&mut line)?;
    let first_step_ms = 1e3 * start.elapsed().as_secs_f64();
    let mut memory = String::new();
    output.read_to_string(&mut memory)?;
    ensure!(child.wait()?.success() && line.trim() == "stepped", "the started program failed");
    Ok(Start { first_step_ms, peak_memory_mb: memory.trim().parse().ok() })
}

/// What the started program does: an update, a word, an epoch, and its memory.
pub(crate) fn step(workload: &Workload) {
    let mut training = Training::new(workload, 1);
    training.update(0, workload.batch);
    println!("stepped");
    training.epoch();
    if let Some(memory) = peak_memory() {
        println!("{memory}");
    }
}

/// Most memory that this process has held, in 1e6 bytes.
fn peak_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}
