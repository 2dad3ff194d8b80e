use std::path::PathBuf;

use anyhow::Result;
use rnn_core::adapt::Event;
use rnn_train_host::adapt::{Adaptation, BLOCK, LONGEST_BLOCK, Options, adapt, name, sentence};
use rnn_train_host::metrics::Errors;
use rnn_train_host::report::{self, figure};
use serde_json::json;

use super::detect::stamp;
use super::{Extent, Output, extent, read_for};

/// Events that are listed.
const SHOWN: usize = 20;

/// Let a model learn from a log, bit for bit as on a device, and compare it with itself unchanged.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Model file.
    model: PathBuf,
    /// CSV file with the model's columns.
    data: PathBuf,
    /// Samples that are learnt from at a time, through which errors are propagated back.
    #[arg(long, value_name = "T", default_value_t = BLOCK as u16,
        value_parser = clap::value_parser!(u16).range(1..=LONGEST_BLOCK as i64))]
    block: u16,
    /// Only the readout learns, the cells stay as they are.
    #[arg(long)]
    readout_only: bool,
    /// Rows at the start, or a share of the log, that aren't scored, such as those that the model was
    /// trained on.
    #[arg(long, value_name = "ROWS", default_value = "0", value_parser = extent)]
    skip: Extent,
    /// Write the model with the weights that predicted in the end.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw both errors over the log, and what happened, to this SVG file.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    let (model, table) = read_for(&arguments.model, &arguments.data)?;
    let options = Options {
        block: arguments.block.into(),
        readout_only: arguments.readout_only,
        skip: arguments.skip.of(table.rows().len()),
    };
    let adaptation = adapt(&model, &table, &options)?;
    let Adaptation { frozen, adapted, persistence, changed, .. } = &adaptation;
    if let Some(path) = &arguments.out {
        adaptation.model.save(path)?;
    }
    if let Some(path) = &arguments.picture {
        report::adaptation::picture(&adaptation, &model.names[model.target()], path)?;
    }
    let events: Vec<(usize, Event)> = adaptation.events().collect();
    let count = |event| events.iter().filter(|(_, other)| *other == event).count();
    let ratio = frozen.rmse().zip(adapted.rmse()).map(|(frozen, adapted)| adapted / frozen);

    if arguments.json {
        let event = |&(t, event): &(usize, Event)| json!({ "row": t, "time": stamp(&table, t), "event": name(event) });
        let score = |errors: &Errors| json!({ "rmse": errors.rmse(), "mae": errors.mae() });
        return Ok(json!({
            "rows": adaptation.rows.len(),
            "n": frozen.n(),
            "block": options.block,
            "readout_only": options.readout_only,
            "frozen": score(frozen),
            "adapted": score(adapted),
            "persistence": score(persistence),
            "ratio": ratio,
            "taken_over": count(Event::TakenOver),
            "rolled_back": count(Event::RolledBack),
            "restarted": count(Event::Restarted),
            "events": events.iter().map(event).collect::<Vec<_>>(),
            "changed": changed,
        })
        .into());
    }

    let what = if options.readout_only { "its readout" } else { "it" };
    let mut text = format!(
        "{}: {} rows, {} scored; {what} learns from {} at a time\n\n{:<12}  {:>10}  {:>10}\n",
        arguments.data.display(),
        adaptation.rows.len(),
        frozen.n(),
        options.block,
        model.names[model.target()],
        "RMSE",
        "MAE"
    );
    for (name, errors) in [("adapted", adapted), ("frozen", frozen), ("persistence", persistence)] {
        let number = |value: Option<f64>| value.map_or("-".into(), figure);
        text +=
            &format!("{name:<12}  {:>10}  {:>10}\n", number(errors.rmse()), number(errors.mae()));
    }
    if let Some(ratio) = ratio {
        text += &format!("\nAdapted against frozen: {ratio:.3} times the RMSE\n");
    }
    if events.is_empty() {
        text += "\nnothing was taken over\n";
    } else {
        let width = events.iter().map(|&(t, _)| stamp(&table, t).len()).max().unwrap_or(0).max(4);
        text += &format!("\n{:>8}  {:width$}  what happened\n", "row", "time");
        for &(t, event) in events.iter().take(SHOWN) {
            text += &format!("{t:>8}  {:width$}  {}\n", stamp(&table, t), sentence(event));
        }
        if let Some(more) = events.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            text += &format!("... and {more} more\n");
        }
    }
    if let Some(path) = &arguments.out {
        let which = if *changed { "adapted" } else { "unchanged" };
        text += &format!("\n{} written: the weights are {which}\n", path.display());
    }
    if let Some(path) = &arguments.picture {
        text += &format!("\nPicture: {}\n", path.display());
    }
    Ok(text.into())
}
