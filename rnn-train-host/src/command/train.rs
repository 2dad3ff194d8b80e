use std::num::NonZero;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::Kind;
use rnn_core::scaling::Mode;
use rnn_train_host::data::{Part, csv};
use rnn_train_host::eval::{Question, evaluate};
use rnn_train_host::report::{self, figure};
use rnn_train_host::train::{Candidate, Options, Progress, train};
use serde_json::json;

use super::{INTERRUPTED, Output, mode_name, read, stop};

/// Train a network on a log and write a model file.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// CSV file: a header, then one line per sample.
    data: PathBuf,
    /// Column to predict.
    #[arg(long, value_name = "COL")]
    target: String,
    /// Columns to read, separated by commas; the target is always one of them.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    features: Vec<String>,
    /// Time column: checked for order and gaps, never a feature.
    #[arg(long, value_name = "COL")]
    time: Option<String>,
    /// Kind of recurrent cell.
    #[arg(long, value_enum, default_value_t = Cell::Elman)]
    cell: Cell,
    /// Hidden units.
    #[arg(long, value_name = "N", default_value_t = 32)]
    hidden: usize,
    /// Cells on one another, of --hidden units each.
    #[arg(long, value_name = "N", default_value_t = 1)]
    layers: usize,
    /// Steps that an error travels back in time [default: 64, or 20 with --windowed]
    #[arg(long, value_name = "T")]
    window: Option<usize>,
    /// Predict from the last T samples with the state started at zero, T steps per prediction,
    /// instead of one step per sample with the state carried on.
    #[arg(long)]
    windowed: bool,
    /// What the network reads and predicts; auto: whatever does best on the validation part.
    #[arg(long, value_enum, default_value_t = ModeChoice::Auto)]
    mode: ModeChoice,
    /// Passes over the training part, at most [default: as many as make 3000 updates]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Adam's step size at the start; it falls to 0 along half a cosine.
    #[arg(long, value_name = "RATE", default_value_t = rnn_train_host::train::RATE)]
    learning_rate: f32,
    /// Weight decay, as a multiple of the step size.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    weight_decay: f32,
    /// Share of the units between layers that is left out at random in training.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
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
    /// Where to write the model.
    #[arg(long, value_name = "FILE", default_value = "model.rnn")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
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
    let columns = csv::Options {
        target: arguments.target.clone(),
        features: arguments.features.clone(),
        time: arguments.time.clone(),
    };
    let table = read(&arguments.data, &columns)?;
    let options = Options {
        kind: arguments.cell.kind(),
        layers: arguments.layers,
        hidden: arguments.hidden,
        window: arguments.window,
        windowed: arguments.windowed,
        mode: match arguments.mode {
            ModeChoice::Auto => None,
            ModeChoice::Raw => Some(Mode::Raw),
            ModeChoice::Residual => Some(Mode::Residual),
            ModeChoice::Difference => Some(Mode::Difference),
        },
        epochs: arguments.epochs,
        rate: arguments.learning_rate,
        decay: arguments.weight_decay,
        dropout: arguments.dropout,
        checkpoint: arguments.checkpoint.clone(),
        seed: arguments.seed,
        threads: arguments
            .threads
            .or_else(|| std::thread::available_parallelism().ok())
            .map_or(1, NonZero::get),
    };
    rnn_train_host::atomic::check_writable(&arguments.out)?;

    let started = Instant::now();
    let bar = progress_bar();
    let candidates = train(&table, &options, stop(), &|progress| show(&bar, progress));
    bar.finish_and_clear();
    let candidates = candidates?;
    let best = &candidates[0];
    best.model.save(&arguments.out)?;
    let question = Question { part: Part::Validation, steps: 1, season: None };
    let evaluation = evaluate(&best.model, &table, question)?;

    let stopped = stop().was_asked();
    let code = if stopped { INTERRUPTED } else { 0 };
    if arguments.json {
        let described: Vec<_> = candidates.iter().map(describe).collect();
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
        arguments.data.display(),
        table.rows().len(),
        table.channels.join(", "),
        arguments.target
    );
    for candidate in &candidates {
        text += &format!(
            "  {:<10} after {:>5} updates  {}\n",
            mode_name(candidate.model.mode_and_target().0),
            candidate.updates.0,
            figure(candidate.validation_rmse)
        );
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
        arguments.data.display()
    );
    if stopped {
        text += "Stopped early: this is the best so far.\n";
    }
    Ok(Output { text, code })
}

fn describe(candidate: &Candidate) -> serde_json::Value {
    json!({
        "mode": mode_name(candidate.model.mode_and_target().0),
        "validation_rmse": candidate.validation_rmse,
        "updates": candidate.updates.0,
        "updates_in_all": candidate.updates.1,
    })
}

/// A bar on standard error; nothing where that is no terminal.
pub(super) fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "training {bar:32} {percent:>3} %  {elapsed} of about {duration}  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.total as u64);
    bar.set_position(progress.done as u64);
    let (loss, validation) = (figure(progress.loss), figure(progress.validation_rmse));
    bar.set_message(format!("loss {loss}, validation RMSE {validation}"));
}
