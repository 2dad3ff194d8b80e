//! `cargo xtask mutants`: the code changed in every place, and whether a test notices.

use crate::command::{cargo, root, run as run_command};
use crate::setup;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this: rnn-core/src/link, model_file, slots or kernel, rnn-train-host/src/data, or a file in one
    #[arg(value_name = "PATH", value_parser = chosen)]
    path: Option<Chosen>,
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
    /// As cargo wants them: no others are built.
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
        tests: &["--lib"],
    },
    Part {
        folder: "rnn-core/src/model_file",
        package: CORE,
        features: &[],
        files: &[],
        tests: &["--test=model_file", "--test=model_encode", "--test=quant"],
    },
    Part {
        folder: "rnn-core/src/slots",
        package: CORE,
        features: &["--features", "slots"],
        files: &[],
        tests: &["--test=slots"],
    },
    Part {
        folder: "rnn-core/src/kernel",
        package: CORE,
        features: &["--features", "std"],
        files: &["portable.rs", "inference.rs", "integer/portable.rs", "training/portable.rs"],
        tests: &["--lib", "--test=kernels", "--test=quant", "--test=gradients"],
    },
    Part {
        folder: "rnn-train-host/src/data",
        package: HOST,
        features: &[],
        files: &[],
        tests: &["--lib", "--test=data_*"],
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
        let line = mutants(&chosen)?;
        let noticed = line.caught + line.timeouts;
        held &= 100 * noticed >= 95 * (noticed + line.missed.len());
        println!("{}", serde_json::to_string(&line)?);
    }
    Ok(held)
}

fn mutants(chosen: &Chosen) -> Result<Line> {
    let Part { folder, package, features, files, tests } = *chosen.part;
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
    // It fails when a mutant is missed; which ones is read below.
    for test in tests {
        command.arg(format!("--cargo-arg={test}"));
    }
    let ran = run_command(&mut command);
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
