//! The subcommands: each takes its arguments and returns what goes to standard output.

pub(crate) mod adapt;
pub(crate) mod detect;
pub(crate) mod device;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod forecast;
pub(crate) mod import;
pub(crate) mod inspect;
mod live_view;
pub(crate) mod quantize;
pub(crate) mod stream;
pub(crate) mod text;
pub(crate) mod train;
pub(crate) mod tune;
mod watch;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use clap::CommandFactory;
use clap::error::ErrorKind;
use indicatif::{ProgressBar, ProgressStyle};
use rnn_core::layers::Kind;
use rnn_core::model_file::Task;
use rnn_core::scaling::Mode;
use rnn_train_host::atomic::between_writes;
use rnn_train_host::data::{Table, csv};
use rnn_train_host::model::Model;
use rnn_train_host::report::figure;
use rnn_train_host::train::halving::Progress;
use rnn_train_host::train::stop::Stop;

/// What Ctrl-C asks; whoever trains takes it, and then it no longer ends the process by itself.
static STOP: OnceLock<Stop> = OnceLock::new();

/// Takes over Ctrl-C: the training ends and keeps its best weights.
fn stop() -> &'static Stop {
    STOP.get_or_init(Stop::default)
}

/// Ctrl-C: ends a training early, or the process; the second time always the process.
pub(crate) fn interrupt() {
    match STOP.get() {
        Some(stop) if !stop.was_asked() => stop.ask(),
        // A file that is being written is finished first, so that none is left half-written.
        _ => between_writes(|| std::process::exit(INTERRUPTED.into())),
    }
}

/// Exit code after Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Exit code of what didn't come to its end.
pub(crate) fn failed() -> u8 {
    if STOP.get().is_some_and(Stop::was_asked) { INTERRUPTED } else { 1 }
}

/// What a command prints, and its exit code.
pub(crate) struct Output {
    pub(crate) text: String,
    pub(crate) code: u8,
}

impl From<String> for Output {
    fn from(text: String) -> Self {
        Output { text, code: 0 }
    }
}

impl From<serde_json::Value> for Output {
    /// One object on one line.
    fn from(json: serde_json::Value) -> Self {
        format!("{json}\n").into()
    }
}

/// The log to learn from.
#[derive(Debug, clap::Args)]
pub(crate) struct Columns {
    /// CSV file: a header, then one line per sample.
    pub(crate) data: PathBuf,
    /// Column to predict.
    #[arg(long, value_name = "COL")]
    pub(crate) target: String,
    /// Columns to read, separated by commas; the target is always one of them.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    features: Vec<String>,
    /// Time column: checked for order and gaps, never a feature.
    #[arg(long, value_name = "COL")]
    time: Option<String>,
    /// Use only so many rows from the start of the log, or such a share of them, as in 15%.
    #[arg(long, value_name = "ROWS", value_parser = extent)]
    first: Option<Extent>,
}

impl Columns {
    fn read(&self) -> Result<Table> {
        let options = csv::Options {
            target: self.target.clone(),
            features: self.features.clone(),
            time: self.time.clone(),
        };
        let mut table = read(&self.data, &options)?;
        if let Some(first) = self.first {
            let rows = table.rows().len();
            table.truncate(first.of(rows));
            say!(
                "note: {}: only the first {} of {rows} rows are used",
                self.data.display(),
                table.rows().len()
            );
        }
        Ok(table)
    }
}

/// A part of a log, from its start on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Extent {
    Rows(usize),
    /// Of all rows.
    Share(f64),
}

impl Extent {
    pub(crate) fn of(self, rows: usize) -> usize {
        match self {
            Extent::Rows(count) => count.min(rows),
            Extent::Share(share) => (share * rows as f64) as usize,
        }
    }
}

/// `750` or `15%`.
fn extent(text: &str) -> Result<Extent, String> {
    let extent = match text.strip_suffix('%') {
        Some(percent) => percent
            .trim()
            .parse()
            .ok()
            .filter(|percent| (0.0..=100.0).contains(percent))
            .map(|percent: f64| Extent::Share(percent / 100.0)),
        None => text.parse().ok().map(Extent::Rows),
    };
    extent.ok_or_else(|| format!("'{text}' is neither a number of rows nor a share such as 15%"))
}

/// Ends with a sentence, as for an option that doesn't exist.
fn wrong_use(sentence: &str) -> ! {
    crate::Command::command().error(ErrorKind::ArgumentConflict, sentence).exit()
}

/// As many threads as asked for, or one per core.
fn threads(asked: Option<NonZero<usize>>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get)
}

/// A progress bar on standard error; nothing where that is no terminal.
fn progress_bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "{prefix} {bar:32} {percent:>3} %  {elapsed} of about {duration}  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(what);
    bar.tick();
    bar
}

/// Shows where trainings on a log stand.
fn show(bar: &ProgressBar, progress: Progress) {
    const LENGTH: f64 = 1000.0;
    let Progress { share, tried, loss, validation_rmse } = progress;
    bar.set_length(LENGTH as u64);
    bar.set_position((share * LENGTH) as u64);
    let (loss, validation) = (figure(loss), figure(validation_rmse));
    bar.set_message(format!("{tried} networks, loss {loss}, validation RMSE {validation}"));
}

/// Reads a log; what was repaired is said on standard error.
fn read(data: &Path, options: &csv::Options) -> Result<Table> {
    let table = csv::read(data, options)?;
    for notice in &table.notices {
        say!("note: {}: {notice}", data.display());
    }
    Ok(table)
}

/// Reads a model that predicts samples.
fn read_forecaster(path: &Path) -> Result<Model> {
    let model = Model::load(path)?;
    ensure!(
        matches!(model.header.task, Task::Forecast { .. }),
        "{}: this model predicts text; use `rnn text eval` or `rnn text generate`",
        path.display()
    );
    Ok(model)
}

/// Reads a model, and from a log the columns that it was trained on.
fn read_for(model: &Path, data: &Path) -> Result<(Model, Table)> {
    let model = read_forecaster(model)?;
    let options = csv::Options {
        target: model.names[model.target()].clone(),
        features: model.names.clone(),
        time: None,
    };
    let table = read(data, &options)
        .with_context(|| format!("the model reads the column(s) {}", model.names.join(", ")))?;
    Ok((model, table))
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Elman(_) => "elman",
        Kind::Gru(_) => "gru",
        Kind::Lstm => "lstm",
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Raw => "raw",
        Mode::Residual => "residual",
        Mode::Difference => "difference",
    }
}
