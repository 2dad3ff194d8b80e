//! `cargo xtask mutants`: the code changed in every place, and whether a test notices.

use crate::command::{cargo, root, run as run_command};
use crate::setup;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this: rnn-core/src/link, model_file, slots or kernel, rnn-train-host/src/data, or a file in one
    #[arg(value_name = "PATH", value_parser = chosen)]
    path: Option<Chosen>,
    /// Of each part only every Nth mutant, from the Kth on (from 0): a sample, or a share for one of N machines
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
}

/// A part, and the only file of it that is asked for.
#[derive(Clone, Debug)]
struct Chosen {
    part: &'static Part,
    file: Option<String>,
}

/// Sources, and the tests that stand for them.
#[derive(Debug)]
struct Part {
    folder: &'static str,
    package: &'static str,
    features: &'static [&'static str],
    /// In the folder; none: all.
    files: &'static [&'static str],
    /// The tests' programs, as cargo wants them: no others are built.
    programs: &'static [&'static str],
    /// Parts of the names of the tests that run; none: all.
    tests: &'static [&'static str],
}

const CORE: &str = "rnn-core";
const HOST: &str = "rnn-train-host";

static PARTS: [Part; 5] = [
    Part {
        folder: "rnn-core/src/link",
        package: CORE,
        features: &["--features", "link"],
        files: &[],
        programs: &["--lib"],
        tests: &[],
    },
    Part {
        folder: "rnn-core/src/model_file",
        package: CORE,
        features: &[],
        files: &[],
        programs: &["--test=it"],
        tests: &["model_file::", "model_encode::", "quant::"],
    },
    Part {
        folder: "rnn-core/src/slots",
        package: CORE,
        features: &["--features", "slots"],
        files: &[],
        programs: &["--test=it"],
        tests: &["slots::"],
    },
    Part {
        folder: "rnn-core/src/kernel",
        package: CORE,
        features: &["--features", "std"],
        files: &["portable.rs", "inference.rs", "integer/portable.rs", "training/portable.rs"],
        programs: &["--lib", "--test=it"],
        tests: &["kernel", "check::", "quant::", "gradients::"],
    },
    Part {
        folder: "rnn-train-host/src/data",
        package: HOST,
        features: &[],
        files: &[],
        programs: &["--lib", "--test=it"],
        tests: &["data"],
    },
];

/// What became of the mutants: a line of standard output.
#[derive(Serialize)]
struct Line {
    of: String,
    mutants: usize,
    caught: usize,
    timeouts: usize,
    unviable: usize,
    missed: Vec<String>,
}

fn chosen(path: &str) -> Result<Chosen, String> {
    let part = PARTS.iter().find(|part| Path::new(path).starts_with(part.folder));
    let part = part.ok_or_else(|| {
        let folders: Vec<&str> = PARTS.iter().map(|part| part.folder).collect();
        format!("tests are known for {}", folders.join(", "))
    })?;
    Ok(Chosen { part, file: path.ends_with(".rs").then(|| path.to_owned()) })
}

/// Runs cargo-mutants on each part; `true` when at least 95 % of each part's mutants were noticed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    setup::subcommand("mutants")?;
    let all = || PARTS.iter().map(|part| Chosen { part, file: None }).collect();
    let mut held = true;
    for chosen in arguments.path.clone().map_or_else(all, |chosen| vec![chosen]) {
        let line = mutants(&chosen, arguments.shard.as_deref())?;
        let noticed = line.caught + line.timeouts;
        held &= 100 * noticed >= 95 * (noticed + line.missed.len());
        println!("{}", serde_json::to_string(&line)?);
    }
    Ok(held)
}

fn mutants(chosen: &Chosen, shard: Option<&str>) -> Result<Line> {
    let Part { folder, package, features, files, programs, tests } = *chosen.part;
    let out = root().join("target/mutants").join(folder.replace('/', "-"));
    fs::create_dir_all(&out).with_context(|| format!("no folder {}", out.display()))?;
    let mut command = cargo(&root());
    command.args(["mutants", "--package", package]).args(features).arg("--output").arg(&out);
    let globs: Vec<String> = match (&chosen.file, files) {
        (Some(file), _) => vec![file.clone()],
        (None, []) => vec![format!("{folder}/**/*.rs")],
        (None, files) => files.iter().map(|file| format!("{folder}/{file}")).collect(),
    };
    globs.iter().for_each(|glob| {
        command.args(["--file", glob]);
    });
    if let Some(shard) = shard {
        command.args(["--sharding", "round-robin", "--shard", shard]);
    }
    // It fails when a mutant is missed; which ones is read below.
    for program in programs {
        command.arg(format!("--cargo-arg={program}"));
    }
    // The first `--` ends its own arguments, the second those of `cargo test`.
    command.args(["--", "--"]).args(tests);
    // Its progress goes to standard error: standard output is for the lines.
    let ran = run_command(command.stdout(io::stderr()));
    let path = out.join("mutants.out/outcomes.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return Err(ran.err().unwrap_or_else(|| error.into())),
    };
    let Outcomes { total_mutants, caught, timeout, unviable, outcomes } =
        serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let missed = outcomes.into_iter().filter(|outcome| outcome.summary == "MissedMutant");
    let missed = missed.filter_map(|outcome| match outcome.scenario {
        Scenario::Mutant { name } => Some(name),
        Scenario::Baseline => None,
    });
    Ok(Line {
        of: chosen.file.clone().unwrap_or_else(|| folder.to_owned()),
        mutants: total_mutants,
        caught,
        timeouts: timeout,
        unviable,
        missed: missed.collect(),
    })
}

/// The file that cargo-mutants writes.
#[derive(Deserialize)]
struct Outcomes {
    total_mutants: usize,
    caught: usize,
    timeout: usize,
    unviable: usize,
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: String,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant { name: String },
}
