//! The subcommands: each takes its arguments and returns what goes to standard output.

pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod forecast;
pub(crate) mod inspect;
pub(crate) mod stream;
pub(crate) mod train;

use std::path::Path;

use anyhow::{Context, Result};
use rnn_core::scaling::Mode;
use rnn_train_host::data::{Table, csv};
use rnn_train_host::model::Model;

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

/// Reads a log; what was repaired is said on standard error.
fn read(data: &Path, options: &csv::Options) -> Result<Table> {
    let table = csv::read(data, options)?;
    for notice in &table.notices {
        eprintln!("note: {}: {notice}", data.display());
    }
    Ok(table)
}

/// Reads a model, and from a log the columns that it was trained on.
fn read_for(model: &Path, data: &Path) -> Result<(Model, Table)> {
    let model = Model::load(model)?;
    let options = csv::Options {
        target: model.names[model.header.target].clone(),
        features: model.names.clone(),
        time: None,
    };
    let table = read(data, &options)
        .with_context(|| format!("the model reads the column(s) {}", model.names.join(", ")))?;
    Ok((model, table))
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Raw => "raw",
        Mode::Residual => "residual",
        Mode::Difference => "difference",
    }
}
