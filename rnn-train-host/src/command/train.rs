use std::num::NonZero;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::Kind;
use rnn_core::scaling::Mode;
use rnn_train_host::data::{Part, Table};
use rnn_train_host::eval::{Question, evaluate};
use rnn_train_host::model::Model;
use rnn_train_host::report::{self, figure};
use rnn_train_host::train::halving::Progress;
use rnn_train_host::train::{Candidate, Options, train};
use rnn_train_host::tune::{self, Effort, Finalist, Limits};
use rnn_train_host::watch::Watch;
use serde_json::json;

use super::watch::WatchArguments;
use super::{INTERRUPTED, Output, mode_name, progress_bar, show, stop, threads, wrong_use};

/// Networks that a short search tries.
const CANDIDATES: usize = 24;
/// Most flash that what it finds may need, in bytes.
const FLASH: usize = 64 * 1024;
/// Lines of the table.
const SHOWN: usize = 12;

/// Train a network on a log and write a model file.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    columns: super::Columns,
    /// Kind of recurrent cell [default: elman with --hidden, else what a short search finds]
    #[arg(long, value_enum)]
    cell: Option<Cell>,
    /// Hidden units [default: 32 with --cell, else what a short search finds]
    #[arg(long, value_name = "N")]
    hidden: Option<NonZero<usize>>,
    /// Cells on one another, of --hidden units each.
    #[arg(long, value_name = "N", default_value = "1")]
    layers: NonZero<usize>,
    /// Steps that an error travels back in time [default: with --cell or --hidden 64, or 20 with --windowed; else
    /// searched]
    #[arg(long, value_name = "T")]
    window: Option<NonZero<usize>>,
    /// Predict from the last T samples with the state started at zero, T steps per prediction,
    /// instead of one step per sample with the state carried on.
    #[arg(long)]
    windowed: bool,
    /// What the network reads and predicts; auto: whatever does best on the validation part.
    #[arg(long, value_enum, default_value_t = ModeChoice::Auto)]
    mode: ModeChoice,
    /// Passes over the training part, at most [default: as many as make 3000 updates]
    #[arg(long, value_name = "N")]
    epochs: Option<NonZero<usize>>,
    /// Adam's step size at the start; it falls to 0 along half a cosine [default: 0.003]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    learning_rate: Option<f32>,
    /// Weight decay, as a multiple of the step size [default: 0]
    #[arg(long, value_name = "SHARE", value_parser = decay)]
    weight_decay: Option<f32>,
    /// Share of the units between layers that is left out at random in training; needs --layers 2
    /// or more.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = dropout)]
    dropout: f32,
    /// Folder in which the training's state is kept; after a crash the same command goes on there,
    /// and ends with the same bits.
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// Seed of the initial weights and of the order of the samples.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Threads [default: one per core]; the result is the same for any number.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// On a device, let the model go on from the state of the one that it replaces, if that one has the
    /// same shape; else it starts from rest.
    #[arg(long)]
    hand_over: bool,
    /// Where to write the model.
    #[arg(long, value_name = "FILE", default_value = "model.rnn")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    watch: WatchArguments,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Cell {
    /// h = tanh(W_xh x + W_hh h + b).
    Elman,
    /// Gated recurrent unit, reset after (as PyTorch and Keras have it).
    Gru,
    /// Gated recurrent unit, reset before (as the paper has it).
    GruResetBefore,
    /// Long short-term memory.
    Lstm,
}

impl Cell {
    pub(super) fn kind(self) -> Kind {
        match self {
            Cell::Elman => Kind::Elman(Activation::Tanh),
            Cell::Gru => Kind::Gru(Reset::After),
            Cell::GruResetBefore => Kind::Gru(Reset::Before),
            Cell::Lstm => Kind::Lstm,
        }
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ModeChoice {
    Auto,
    Raw,
    Residual,
    Difference,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    if arguments.dropout > 0.0 && arguments.layers.get() == 1 {
        wrong_use("--dropout works between layers: give --layers 2 or more with it");
    }
    let table = arguments.columns.read()?;
    let watched_for = arguments.watch.options();
    watched_for.check(&table.channels)?;
    let options = Options {
        kind: arguments.cell.map(Cell::kind),
        layers: arguments.layers.get(),
        hidden: arguments.hidden.map(NonZero::get),
        window: arguments.window.map(NonZero::get),
        windowed: arguments.windowed,
        mode: match arguments.mode {
            ModeChoice::Auto => None,
            ModeChoice::Raw => Some(Mode::Raw),
            ModeChoice::Residual => Some(Mode::Residual),
            ModeChoice::Difference => Some(Mode::Difference),
        },
        epochs: arguments.epochs.map(NonZero::get),
        rate: arguments.learning_rate,
        decay: arguments.weight_decay,
        dropout: arguments.dropout,
        checkpoint: arguments.checkpoint.clone(),
        seed: arguments.seed,
        threads: threads(arguments.threads),
    };
    rnn_train_host::atomic::check_writable(&arguments.out)?;

    let started = Instant::now();
    let bar = progress_bar("training");
    let report = |progress| show(&bar, progress);
    let trained = match (options.kind, options.hidden) {
        (None, None) if table.rows().len() >= tune::SHORTEST => search(&table, options, &report),
        _ => train(&table, &options, stop(), &report).map(|candidates| {
            (candidates.into_iter().map(Trained::from).collect::<Vec<_>>(), None)
        }),
    };
    bar.finish_and_clear();
    let (trained, retrained) = trained?;
    // Judged, also on what is usual, is the network that hasn't seen the validation part.
    let best = &trained[0];
    let watch = Watch::fit(&best.model, &table, &watched_for)?;
    let mut model = retrained.unwrap_or_else(|| best.model.clone());
    model.set_watch(watch);
    model.header.hand_over = arguments.hand_over;
    model.save(&arguments.out)?;
    let question = Question { part: Part::Validation, steps: 1, season: None };
    let evaluation = evaluate(&best.model, &table, question)?;

    let stopped = stop().was_asked();
    let code = if stopped { INTERRUPTED } else { 0 };
    if arguments.json {
        let described: Vec<_> = trained.iter().map(describe).collect();
        let output = Output::from(json!({
            "model": arguments.out,
            "stopped": stopped,
            "rows": table.rows().len(),
            "channels": table.channels,
            "seconds": started.elapsed().as_secs_f64(),
            "chosen": described[0],
            "candidates": described,
            "validation": report::json(&evaluation),
        }));
        return Ok(Output { code, ..output });
    }
    let mut text = format!(
        "{}: {} rows, reads {}, predicts {}\n\ntrained, best first       error on the validation part (RMSE)\n",
        arguments.columns.data.display(),
        table.rows().len(),
        table.channels.join(", "),
        arguments.columns.target
    );
    let width = trained.iter().map(|trained| trained.name.len()).max().unwrap_or_default();
    for Trained { name, validation_rmse, .. } in trained.iter().take(SHOWN) {
        text += &format!("  {name:width$}  {}\n", figure(*validation_rmse));
    }
    text += "\n";
    text += &report::text(&evaluation);
    if arguments.windowed {
        text += &format!(
            "\nWindowed: every prediction costs {} steps of the network instead of 1.\n",
            best.model.header.window
        );
    }
    text += &format!(
        "\n{} written in {:.0} s. Now the part that it has never seen:\n  rnn eval {0} {}\n",
        arguments.out.display(),
        started.elapsed().as_secs_f64(),
        arguments.columns.data.display()
    );
    if stopped {
        text += "Stopped early: this is the best so far.\n";
    }
    Ok(Output { text, code })
}

fn rate(text: &str) -> Result<f32, String> {
    share(text, |rate| rate > 0.0 && rate <= 1.0, "above 0 and at most 1")
}

fn decay(text: &str) -> Result<f32, String> {
    share(text, |decay| decay >= 0.0 && decay.is_finite(), "at least 0")
}

fn dropout(text: &str) -> Result<f32, String> {
    share(text, |dropout| (0.0..1.0).contains(&dropout), "at least 0 and below 1")
}

fn share(text: &str, fits: fn(f32) -> bool, range: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|&value| fits(value));
    value.ok_or_else(|| format!("'{text}' is no number {range}"))
}

/// A network that was trained, or several merged into one.
struct Trained {
    name: String,
    model: Model,
    validation_rmse: f64,
}

impl From<Candidate> for Trained {
    fn from(candidate: Candidate) -> Self {
        let mode = mode_name(candidate.setting.mode);
        let name = format!("{mode:<10} after {:>5} updates", candidate.updates.0);
        let Candidate { model, validation_rmse, .. } = candidate;
        Trained { name, model, validation_rmse }
    }
}

/// A short search: what was found, the chosen one first, and that one trained on the validation part as
/// well.
fn search(
    table: &Table,
    train: Options,
    report: &(dyn Fn(Progress) + Sync),
) -> Result<(Vec<Trained>, Option<Model>)> {
    let limits = Limits { flash: Some(FLASH), ram: None };
    let options = tune::Options { effort: Effort::Candidates(CANDIDATES), limits, train };
    let found = tune::tune(table, &options, stop(), report)?;
    let trained = |finalist: Finalist| Trained {
        name: super::tune::name(&finalist),
        validation_rmse: finalist.rmse,
        model: finalist.model,
    };
    Ok((found.finalists.into_iter().map(trained).collect(), found.retrained))
}

fn describe(trained: &Trained) -> serde_json::Value {
    json!({
        "mode": mode_name(trained.model.mode_and_target().0),
        "name": trained.name,
        "validation_rmse": trained.validation_rmse,
    })
}
