use std::num::NonZero;
use std::path::PathBuf;

use anyhow::Result;
use rnn_train_host::atomic::write_atomically;
use serde_json::{Map, Value, json};

use super::{Output, read_for};

/// Forecast what comes after the last line of a log, each prediction fed back as the next input.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Model file.
    model: PathBuf,
    /// CSV file with the model's columns.
    data: PathBuf,
    /// Samples to forecast.
    #[arg(long, value_name = "N")]
    steps: NonZero<usize>,
    /// Write the forecast to this CSV file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object per step.
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    let (model, table) = read_for(&arguments.model, &arguments.data)?;
    let mut predictor = model.predictor();
    predictor.warm_up(table.rows());

    if arguments.json {
        let mut text = String::new();
        predictor.forecast(arguments.steps.get(), |step, sample| {
            let channels = model.names.iter().cloned().zip(sample.iter().map(|value| json!(value)));
            let object: Map<String, Value> = channels.collect();
            text += &format!("{}\n", json!({ "step": step + 1, "prediction": object }));
        });
        return Ok(text.into());
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["step"].into_iter().chain(model.names.iter().map(String::as_str)))?;
    let mut written = Ok(());
    predictor.forecast(arguments.steps.get(), |step, sample| {
        let record = [(step + 1).to_string()].into_iter().chain(sample.iter().map(f32::to_string));
        if written.is_ok() {
            written = writer.write_record(record);
        }
    });
    written?;
    let bytes = writer.into_inner()?;
    let Some(path) = &arguments.out else {
        return Ok(String::from_utf8(bytes)?.into());
    };
    write_atomically(path, |file| Ok(file.write_all(&bytes)?))?;
    let steps = arguments.steps;
    Ok(format!("{steps} samples after row {} written to {}\n", table.rows().len(), path.display())
        .into())
}
