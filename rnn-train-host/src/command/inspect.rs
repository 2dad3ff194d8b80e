use std::path::PathBuf;

use anyhow::Result;
use rnn_train_host::model::Model;
use rnn_train_host::report::figure;
use rnn_train_host::requirements::{Clock, Requirements};
use serde_json::json;

use super::{Output, mode_name};

/// Show what a model is and what it needs on a chip.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Model file.
    model: PathBuf,
    /// Clock of the chip, for the time of a step: 168MHz, 48 MHz, 32768 Hz.
    #[arg(long)]
    clock: Option<Clock>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    let model = Model::load(&arguments.model)?;
    let header = &model.header;
    let needs = Requirements::of(header);
    let seconds = arguments.clock.map(|clock| needs.cycles as f64 / clock.hertz);
    let mode = mode_name(header.mode);
    let target = &model.names[header.target];
    if arguments.json {
        return Ok(json!({
            "cell": "elman", "activation": "tanh", "format": "f32", "mode": mode,
            "inputs": header.inputs, "hidden": header.hidden, "outputs": header.inputs,
            "window": header.window, "channels": model.names, "target": target,
            "seed": header.seed, "self_tests": header.self_tests,
            "parameters": header.shape().parameters(),
            "flash": needs.flash, "ram": needs.ram, "stack": needs.stack, "macs": needs.macs,
            "chips": [{
                "chip": "cortex-m4f",
                "kernel": "portable",
                "modelled_cycles": needs.cycles,
                "milliseconds": seconds.map(|s| s * 1e3),
                "highest_rate_hz": seconds.map(|s| 1.0 / s),
            }],
        })
        .into());
    }
    let stream = match header.window {
        0 => "one step per sample, the state carried on".to_owned(),
        window => format!("{window} steps per sample, from a zero state over the last {window}"),
    };
    let mut text = format!(
        "{}: Elman network, tanh, f32, {mode}\n\n\
         reads and predicts  {} (target {target})\n\
         hidden units        {}\n\
         parameters          {}\n\
         prediction          {stream}\n\
         self-test samples   {}, seed of the training {}\n\n\
         on a chip\n\
         flash               {} bytes of weights and scales, and some kilobytes of code\n\
         RAM                 {} bytes: state, last sample, scratch\n\
         stack               about {} bytes for a step\n\
         multiply-adds       {} per sample\n\
         Cortex-M4F          about {} cycles per sample (modelled, portable kernel)",
        arguments.model.display(),
        model.names.join(", "),
        header.hidden,
        header.shape().parameters(),
        header.self_tests,
        header.seed,
        needs.flash,
        needs.ram,
        needs.stack,
        needs.macs,
        needs.cycles,
    );
    if let Some(seconds) = seconds {
        text += &format!(
            ": {} ms, at most {} samples a second",
            figure(seconds * 1e3),
            figure(1.0 / seconds)
        );
    }
    Ok((text + "\n").into())
}
