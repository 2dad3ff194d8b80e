//! The same workloads by PyTorch and JAX, in turn with this program in one run.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rnn_core::layers::Kind;
use rnn_core::network::NetworkRef;
use rnn_train_host::pytorch::{LayerState, transposed};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::training::Training;
use super::workloads::{Windows, Workload};
use crate::command::{root, run};

/// Trainings of each side, in turn; the best epoch of all counts.
const ROUNDS: usize = 3;

/// A library to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    Torch,
    Jax,
}

impl Peer {
    fn script(self) -> PathBuf {
        let name = match self {
            Peer::Torch => "torch_peer.py",
            Peer::Jax => "jax_peer.py",
        };
        root().join("benches/peers").join(name)
    }
}

/// A workload on both sides, one thread each.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    workload: &'static str,
    peer: String,
    version: String,
    /// The peer's best epoch.
    ms_per_epoch: f64,
    /// The peer's mean loss over all windows after the last epoch.
    final_loss: f64,
    ours_ms_per_epoch: f64,
    ours_final_loss: f64,
    /// The peer's time / ours.
    ratio: f64,
}

impl Comparison {
    /// Whether both sides came to the expected loss, to 4 digits.
    pub(crate) fn right(&self, expected: f64) -> bool {
        let right = |loss: f64| (loss / expected - 1.0).abs() < 1e-4;
        right(self.final_loss) && right(self.ours_final_loss)
    }
}

/// The line above them.
pub(crate) const HEADINGS: &str =
    "        peer             ms/epoch       loss  ours ms/epoch       loss   ratio";

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { workload, peer, version, ms_per_epoch, final_loss, .. } = self;
        let Comparison { ours_ms_per_epoch, ours_final_loss, ratio, .. } = self;
        let peer = format!("{peer} {version}");
        write!(
            f,
            "{workload:<7} {peer:<16} {ms_per_epoch:>8.3} {final_loss:>10.6} {ours_ms_per_epoch:>14.3} {ours_final_loss:>10.6} {ratio:>7.2}",
        )
    }
}

/// Trains a workload on both sides, ours first, in turn.
pub(crate) fn compare(workload: &Workload, peer: Peer, python: &Path) -> Result<Comparison> {
    let folder = root().join("out/bench").join(workload.name);
    write(workload, &folder)?;
    let mut session = Session::start(peer, python, &folder)?;
    let Hello { peer, version } = session.answer()?;
    let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
    let (mut ours_final_loss, mut final_loss) = (f64::NAN, f64::NAN);
    for _ in 0..ROUNDS {
        let mut training = Training::new(workload, 1);
        for _ in 0..workload.epochs {
            let start = Instant::now();
            training.epoch();
            ours = ours.min(1e3 * start.elapsed().as_secs_f64());
        }
        ours_final_loss = training.loss();
        let Answer { milliseconds, final_loss: loss } = session.train()?;
        theirs = milliseconds.into_iter().fold(theirs, f64::min);
        final_loss = loss;
    }
    Ok(Comparison {
        workload: workload.name,
        peer,
        version,
        ms_per_epoch: theirs,
        final_loss,
        ours_ms_per_epoch: ours,
        ours_final_loss,
        ratio: theirs / ours,
    })
}

/// The interpreter of a virtual environment with the peers, made where it is missing.
pub(crate) fn python() -> Result<PathBuf> {
    let folder = root().join("out/bench/venv");
    let requirements = root().join("benches/peers/requirements.txt");
    let wanted = fs::read(&requirements)?;
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // What was installed last, written when it is complete.
    let installed = folder.join("requirements.txt");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    eprintln!("installing PyTorch and JAX in {} (some gigabytes)", folder.display());
    let system = if cfg!(windows) { "python" } else { "python3" };
    run(Command::new(system).args(["-m", "venv"]).arg(&folder).stdout(stderr()?))
        .context("a Python with its venv module is needed; --python names one that has torch, jax and numpy already")?;
    let pip = ["-m", "pip", "install", "--quiet", "--requirement"];
    run(Command::new(&python).args(pip).arg(&requirements).stdout(stderr()?))?;
    fs::write(installed, wanted)?;
    Ok(python)
}

/// Standard error for a command's output: standard output is for figures.
fn stderr() -> Result<Stdio> {
    Ok(std::io::stderr().as_fd().try_clone_to_owned()?.into())
}

/// Writes what benches/peers/workload.py reads.
fn write(workload: &Workload, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let layer = workload.shape.layers.get(0, workload.shape.inputs);
    let (cell, text) = match (layer.kind, &workload.windows) {
        (Kind::Elman(_), windows) => ("elman", matches!(windows, Windows::Text { .. })),
        (Kind::Gru(_), windows) => ("gru", matches!(windows, Windows::Text { .. })),
        (Kind::Lstm, _) => bail!("the peers have no LSTM"),
    };
    let description = json!({
        "workload": workload.name, "cell": cell, "text": text,
        "windows": workload.count(), "steps": workload.steps,
        "features": layer.inputs, "hidden": layer.hidden, "outputs": workload.shape.outputs,
        "batch": workload.batch, "epochs": workload.epochs,
    });
    fs::write(folder.join("workload.json"), format!("{description}\n"))?;
    let floats = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let symbols = |symbols: &[u16]| {
        symbols.iter().flat_map(|&symbol| i32::from(symbol).to_le_bytes()).collect::<Vec<u8>>()
    };
    let (x, y) = match &workload.windows {
        Windows::Series { x, y } => (floats(x), floats(y)),
        Windows::Text { x, y } => (symbols(x), symbols(y)),
    };
    fs::write(folder.join("x"), x)?;
    fs::write(folder.join("y"), y)?;
    fs::write(folder.join("p"), floats(&pytorch_weights(workload)?))?;
    Ok(())
}

/// W_ih, W_hh, b_ih, b_hh, W_out, b_out, row-major.
fn pytorch_weights(workload: &Workload) -> Result<Vec<f32>> {
    let network = NetworkRef::new(workload.shape, &workload.parameters)
        .context("a workload has as many weights as its shape says")?;
    let cell = network.layers().next().and_then(LayerState::of);
    let LayerState { w_ih, w_hh, biases: [b_ih, mut b_hh] } =
        cell.context("PyTorch has no such cell")?;
    let second = &workload.second_bias.1;
    b_hh[..second.len()].copy_from_slice(second);
    let readout = network.readout();
    let w_out: Vec<f32> = transposed(readout.w, readout.outputs).collect();
    Ok([&w_ih[..], &w_hh, &b_ih, &b_hh, &w_out, readout.b].concat())
}

/// A peer at work.
struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Hello {
    peer: String,
    version: String,
}

#[derive(Deserialize)]
struct Answer {
    milliseconds: Vec<f64>,
    final_loss: f64,
}

impl Session {
    fn start(peer: Peer, python: &Path, folder: &Path) -> Result<Self> {
        let mut child = Command::new(python)
            .arg(peer.script())
            .arg(folder)
            .envs(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|n| (n, "1")))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't start {}", python.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("a pipe was asked for")?;
        Ok(Session { child, input, output: BufReader::new(output) })
    }

    /// One training from the initial weights.
    fn train(&mut self) -> Result<Answer> {
        let input = self.input.as_mut().context("a pipe was asked for")?;
        writeln!(input, "train").context("the peer doesn't listen")?;
        self.answer()
    }

    fn answer<A: DeserializeOwned>(&mut self) -> Result<A> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the peer ended without an answer; its message stands above");
        serde_json::from_str(&line).with_context(|| format!("not an answer of a peer: {line}"))
    }
}

impl Drop for Session {
    /// The end of its input is the end of the peer.
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}
