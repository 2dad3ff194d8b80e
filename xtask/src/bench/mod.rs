//! `cargo xtask bench`: how fast the host trains and streams, as fractions of what the machine can do.

mod peers;
mod start;
mod streaming;
mod training;
mod workloads;

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use peers::Peer;
use start::Start;
use training::Figures;
use workloads::{NAMES, Workload};

/// What is measured, and how it is printed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// One JSON object per line instead of tables
    #[arg(long)]
    json: bool,
    /// Only these workloads, or the streaming of single samples
    #[arg(long, value_delimiter = ',', value_name = "W1,W2,...,streaming", value_parser = CHOICES)]
    only: Vec<String>,
    /// Train on both sides in turn, one thread each, and print how much longer the peer takes; PyTorch
    /// and JAX are installed into out/bench/venv where they are missing
    #[arg(long, value_enum, value_delimiter = ',', value_name = "torch,jax")]
    against: Vec<Peer>,
    /// A Python that has torch, jax and numpy already
    #[arg(long, value_name = "PATH", requires = "against")]
    python: Option<PathBuf>,
    /// RTNeural's sources: compiled, and its streaming steps measured in turn with ours
    #[arg(long, value_name = "DIR")]
    rtneural: Option<PathBuf>,
    /// Eigen's headers, for RTNeural
    #[arg(long, default_value = "/usr/include/eigen3", value_name = "DIR", requires = "rtneural")]
    eigen: PathBuf,
    /// The GNU General Public License, version 3, as Debian ships it: the text of W4
    #[arg(long, default_value = "/usr/share/common-licenses/GPL-3", value_name = "FILE")]
    gpl: PathBuf,
    /// One update and one epoch, for the measurement of a program's start
    #[arg(long, hide = true)]
    start: bool,
}

/// What `--only` takes.
const CHOICES: [&str; NAMES.len() + 1] = {
    let mut choices = [streaming::NAME; NAMES.len() + 1];
    let mut i = 0;
    while i < NAMES.len() {
        choices[i] = NAMES[i];
        i += 1;
    }
    choices
};

/// Threads that every workload is measured with.
const THREADS: [usize; 2] = [1, 2];

#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    figures: Figures,
    #[serde(flatten)]
    start: Start,
}

/// Measures; `true` when all losses are the expected ones.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let all = NAMES.into_iter().filter(|name| match arguments.only.as_slice() {
        [] => *name != "W4-100",
        only => only.iter().any(|other| other == name),
    });
    let mut right = true;
    let python = match (&arguments.python, &arguments.against[..]) {
        (Some(python), _) => Some(python.clone()),
        (None, []) => None,
        (None, _) => Some(peers::python()?),
    };
    let chosen = |name: &str| arguments.only.iter().any(|other| other == name);
    let trains = arguments.only.is_empty() || NAMES.into_iter().any(chosen);
    if trains && !arguments.json && !arguments.start {
        let headings = if python.is_some() { peers::HEADINGS } else { training::HEADINGS };
        println!("{headings}");
    }
    for name in all {
        if name.starts_with("W4") && !arguments.gpl.exists() {
            let gpl = arguments.gpl.display();
            eprintln!("{name} is left out: there is no {gpl}; name the GPL's text with --gpl FILE");
            continue;
        }
        let workload = Workload::new(name, &arguments.gpl)?;
        if arguments.start {
            start::step(&workload);
            continue;
        }
        if let Some(python) = &python {
            for &peer in &arguments.against {
                let comparison = peers::compare(&workload, peer, python)?;
                right &= comparison.right(workload.final_loss);
                if arguments.json {
                    println!("{}", serde_json::to_string(&comparison)?);
                } else {
                    println!("{comparison}");
                }
            }
            continue;
        }
        let start = start::measure(name, &arguments.gpl)?;
        for threads in THREADS {
            let figures = training::measure(&workload, threads);
            right &= figures.right();
            if arguments.json {
                println!("{}", serde_json::to_string(&Line { figures, start })?);
            } else {
                println!("{figures}");
            }
        }
        if !arguments.json {
            let Start { first_step_ms, peak_memory_mb } = start;
            let memory = peak_memory_mb.map_or("unknown".to_owned(), |mb| format!("{mb:.1} MB"));
            println!("        first step {first_step_ms:.1} ms after the start, memory {memory}");
        }
    }
    let streams = arguments.only.is_empty() || chosen(streaming::NAME);
    if streams && arguments.against.is_empty() && !arguments.start {
        let peer = arguments.rtneural.as_deref().map(|rtneural| (rtneural, &*arguments.eigen));
        streaming::measure(arguments.json, peer)?;
    }
    Ok(right)
}
