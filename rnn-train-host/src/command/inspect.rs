use std::path::PathBuf;

use anyhow::Result;
use rnn_core::scaling::Mode;
use rnn_train_host::model::Model;
use serde_json::json;

use super::Output;

/// Show what a model is and what it needs on a chip.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Model file.
    model: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    let model = Model::load(&arguments.model)?;
    let header = &model.header;
    let _ = (Mode::Raw, json!(null), arguments.json, header);
    Ok(String::new().into())
}
