use std::path::PathBuf;

use anyhow::Result;
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layer};
use rnn_core::model_file::{Task, Unit};
use rnn_core::watch::guard::Limits;
use rnn_train_host::chips::{CHIPS, Estimate};
use rnn_train_host::model::Model;
use rnn_train_host::report::figure;
use rnn_train_host::requirements::{Clock, Requirements};
use rnn_train_host::watch::Watch;
use serde_json::json;

use super::{Output, kind_name, mode_name};

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
    let chips: Vec<_> = CHIPS
        .iter()
        .filter_map(|chip| {
            let estimate = chip.estimate(header)?;
            let seconds = estimate.cycles.zip(arguments.clock).map(|(c, clock)| c / clock.hertz);
            Some((chip, estimate, seconds))
        })
        .collect();
    let (mode, target) = model.mode_and_target();
    let (task, unit) = match header.task {
        Task::Forecast { .. } => ("forecast", None),
        Task::Text(Unit::Character) => ("text", Some("char")),
        Task::Text(Unit::Word) => ("text", Some("word")),
    };
    let (mode, target) = match unit {
        None => (Some(mode_name(mode)), Some(&model.names[target])),
        Some(_) => (None, None),
    };
    if arguments.json {
        let layers: Vec<_> = header
            .shape()
            .layers()
            .map(|layer| {
                let Layer { kind, inputs, hidden } = layer;
                json!({
                    "cell": kind_name(kind), "variant": variant(kind),
                    "inputs": inputs, "hidden": hidden, "parameters": layer.parameters(),
                })
            })
            .collect();
        return Ok(json!({
            "task": task, "unit": unit, "cell": kind_name(header.layers.get(0, 0).kind),
            "layers": layers, "format": header.numbers.to_string(), "mode": mode,
            "inputs": header.inputs, "hidden": header.layers.hidden(), "outputs": header.inputs,
            "window": header.window, "channels": model.names, "target": target,
            "seed": header.seed, "self_tests": header.self_tests,
            "parameters": header.shape().parameters(),
            "flash": needs.flash, "ram": needs.ram, "stack": needs.stack, "macs": needs.macs,
            "watch": model.watch.as_ref().map(|watch| json!({
                "threshold": watch.threshold, "hold": watch.rules.hold,
                "warm_up": watch.rules.warm_up, "earliest": watch.rules.earliest,
                "latest": watch.rules.latest, "period_seconds": watch.period,
                "ranges": ranges(watch), "stuck": watch.channels.iter().map(|c| c.limits.stuck).collect::<Vec<_>>(),
            })),
            "chips": chips.iter().map(|(chip, Estimate { kernel, instructions, cycles }, seconds)| json!({
                "chip": chip.name,
                "kernel": kernel,
                "instructions": instructions.round() as u64,
                "modelled_cycles": cycles.map(|cycles| cycles.round() as u64),
                "milliseconds": seconds.map(|s| s * 1e3),
                "highest_rate_hz": seconds.map(|s| 1.0 / s),
            })).collect::<Vec<_>>(),
        })
        .into());
    }
    let stream = match header.window {
        0 => "one step per sample, the state carried on".to_owned(),
        window => format!("{window} steps per sample, from a zero state over the last {window}"),
    };
    let reads = match (mode, target) {
        (Some(mode), Some(target)) => {
            format!("{} (target {target}), {mode}", model.names.join(", "))
        }
        _ => format!("{} symbols, the first of them for what is unknown", header.inputs),
    };
    let mut text = format!(
        "{}: {task}, {}\n\nreads and predicts  {reads}\n",
        arguments.model.display(),
        header.numbers
    );
    for (i, layer) in header.shape().layers().enumerate() {
        let Layer { kind, inputs, hidden } = layer;
        let (name, variant) = (kind_name(kind), variant(kind));
        text += &format!(
            "layer {}             {name} ({variant}), {inputs} inputs, {hidden} units\n",
            i + 1
        );
    }
    text += &format!(
        "parameters          {}\n\
         prediction          {stream}\n\
         self-test samples   {}, seed of the training {}\n\n\
         on a chip\n\
         flash               {} bytes of weights and scales, and some kilobytes of code (25 more to take updates)\n\
         RAM                 {} bytes: state, last sample, scratch\n\
         stack               about {} bytes for a step\n\
         multiply-adds       {} per sample\n",
        header.shape().parameters(),
        header.self_tests,
        header.seed,
        needs.flash,
        needs.ram,
        needs.stack,
        needs.macs,
    );
    if let Some(watch) = &model.watch {
        let ranges = model.names.iter().zip(ranges(watch)).map(|(name, range)| match range {
            Some([low, high]) => format!("{name} {low} to {high}"),
            None => format!("{name} any"),
        });
        text += &format!(
            "\nwatches for\n\
             values              {}\n\
             alarm               above a score of {:.2}\n\
             faults              bridged for {} samples; {} to recover\n\n",
            ranges.collect::<Vec<_>>().join(", "),
            watch.threshold,
            watch.rules.hold,
            watch.rules.warm_up,
        );
    }
    text += "a sample, estimated from the counts of `cargo xtask mcu`\n";
    for (chip, Estimate { kernel, instructions, cycles }, seconds) in chips {
        text += &format!("{:<20}about {instructions:.0} instructions", chip.core);
        if let Some(cycles) = cycles {
            text += &format!(", {cycles:.0} cycles (modelled)");
        }
        if let Some(seconds) = seconds {
            let (milliseconds, rate) = (figure(seconds * 1e3), figure(1.0 / seconds));
            text += &format!(": {milliseconds} ms, at most {rate} samples a second");
        }
        text += &format!("; kernel \"{kernel}\"\n");
    }
    Ok(text.into())
}

/// The channels' ranges, where they have one.
fn ranges(watch: &Watch) -> Vec<Option<[f32; 2]>> {
    let range = |limits: Limits| {
        (limits != Limits { stuck: limits.stuck, ..Limits::NONE })
            .then_some([limits.low, limits.high])
    };
    watch.channels.iter().map(|channel| range(channel.limits)).collect()
}

fn variant(kind: Kind) -> &'static str {
    match kind {
        Kind::Elman(Activation::Tanh) => "tanh",
        Kind::Elman(Activation::Sigmoid) => "sigmoid",
        Kind::Elman(Activation::Relu) => "relu",
        Kind::Gru(Reset::After) => "reset after",
        Kind::Gru(Reset::Before) => "reset before",
        Kind::Lstm => "no peepholes",
    }
}
