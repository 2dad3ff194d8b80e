use std::path::PathBuf;

use anyhow::{Result, bail};
use rnn_core::watch::guard::{Fault, Sight};
use rnn_train_host::atomic::write_atomically;
use rnn_train_host::data::{Table, as_sent};
use rnn_train_host::detect::labels::{self, Agreement};
use rnn_train_host::detect::{Row, alarms, detect, faults};
use rnn_train_host::model::Model;
use rnn_train_host::report::figure;
use serde_json::json;

use super::{Extent, Output, extent, read_for};

/// Alarms that are listed.
const SHOWN: usize = 20;

/// Run a log past a model's watch, bit for bit as a device would: alarms, and faults of the sensor.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Model file.
    model: PathBuf,
    /// CSV file with the model's columns.
    data: PathBuf,
    /// Windows in which something is known to be wrong: a CSV file with the columns start and end, as
    /// times of the log or as numbers of rows from 0; a column file says which log a line is about.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The score above which a sample is an alarm [default: the model's]
    #[arg(long, value_name = "SCORE", value_parser = threshold)]
    threshold: Option<f32>,
    /// An alarm is over after so many rows, or such a share of the log, without one.
    #[arg(long, value_name = "ROWS", default_value = "1%", value_parser = extent)]
    silence: Extent,
    /// Rows at the start, or a share of the log, in which alarms don't count, such as those that the
    /// model was trained on.
    #[arg(long, value_name = "ROWS", default_value = "0", value_parser = extent)]
    skip: Extent,
    /// Write every row's verdict to this CSV file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    let (model, table) = read_for(&arguments.model, &arguments.data)?;
    let rows = detect(&model, &table)?;
    let (silence, first) = (arguments.silence.of(rows.len()), arguments.skip.of(rows.len()));
    let own = model.watch.as_ref().map_or(f32::MAX, |watch| watch.threshold);
    let threshold = arguments.threshold.unwrap_or(own);
    let alarms = alarms(&rows, threshold, silence, first);

    let time = table.time.as_ref();
    let at = |t: usize| time.map_or(t as f64, |time| time.times[t]);
    let agreement = match &arguments.labels {
        Some(path) => {
            let windows = labels::read(path, &arguments.data, time)?;
            let alarms: Vec<f64> = alarms.iter().map(|&t| at(t)).collect();
            Some(Agreement::of(&alarms, &windows))
        }
        None => None,
    };
    if let Some(path) = &arguments.out {
        let bytes = verdicts(&model, &table, &rows, threshold)?;
        write_atomically(path, |file| Ok(file.write_all(&bytes)?))?;
    }

    let (counts, blind) = faults(&rows);
    let target = model.target();
    if arguments.json {
        let alarm = |&t: &usize| json!({ "row": t, "time": stamp(&table, t), "score": rows[t].verdict.score });
        let counts = counts.iter().map(|(fault, count)| (name(*fault).to_owned(), json!(count)));
        let mut json = json!({
            "rows": rows.len(),
            "threshold": threshold,
            "silence": silence,
            "skipped": first,
            "alarms": alarms.iter().map(alarm).collect::<Vec<_>>(),
            "faults": counts.collect::<serde_json::Map<_, _>>(),
            "blind": blind,
        });
        if let Some(Agreement { windows, found, inside, precision, recall, f1, .. }) = agreement {
            json["windows"] = json!(windows);
            json["found"] = json!(found);
            json["inside"] = json!(inside);
            json["precision"] = json!(precision);
            json["recall"] = json!(recall);
            json["f1"] = json!(f1);
        }
        return Ok(json.into());
    }

    let mut text = format!(
        "{}: {} rows, alarms above a score of {}\n\n",
        arguments.data.display(),
        rows.len(),
        figure(f64::from(threshold))
    );
    let number = |value: f32| if value.is_finite() { figure(f64::from(value)) } else { "-".into() };
    if alarms.is_empty() {
        text += "no alarm\n";
    } else {
        let width = alarms.iter().map(|&t| stamp(&table, t).len()).max().unwrap_or(0).max(4);
        text += &format!(
            "{:>8}  {:width$}  {:>10}  {:>10}  {:>8}\n",
            "row", "time", model.names[target], "predicted", "score"
        );
        for &t in alarms.iter().take(SHOWN) {
            text += &format!(
                "{t:>8}  {:width$}  {:>10}  {:>10}  {:>8.2}\n",
                stamp(&table, t),
                number(table.rows().get(t, target)),
                number(rows[t].predicted[target]),
                rows[t].verdict.score
            );
        }
        if let Some(more) = alarms.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            text += &format!("... and {more} more\n");
        }
    }
    for (fault, count) in &counts {
        text += &format!("{}: {count} values, replaced by predictions\n", name(*fault));
    }
    if blind > 0 {
        text += &format!("blind for {blind} rows\n");
    }
    if let Some(Agreement { windows, found, alarms, inside, precision, recall, f1 }) = agreement {
        text += &format!(
            "\n{found} of {windows} labelled windows found; {inside} of {alarms} alarms in one\n\
             precision {}, recall {recall:.3}, F1 {f1:.3}\n",
            precision.map_or("-".into(), |precision| format!("{precision:.3}"))
        );
    }
    if let Some(path) = &arguments.out {
        text += &format!("\nEvery row's verdict: {}\n", path.display());
    }
    Ok(text.into())
}

fn threshold(text: &str) -> Result<f32, String> {
    let score = text.parse().ok().filter(|score: &f32| *score > 0.0 && score.is_finite());
    score.ok_or_else(|| format!("'{text}' is no number above 0"))
}

/// The time of a row, as far as it is known; else its number.
pub(super) fn stamp(table: &Table, t: usize) -> String {
    table.time.as_ref().map_or_else(|| t.to_string(), |time| time.written(t))
}

fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::Missing => "missing",
        Fault::NotANumber => "not_a_number",
        Fault::Infinite => "infinite",
        Fault::OutOfRange => "out_of_range",
        Fault::Stuck => "stuck",
        Fault::TooEarly => "too_early",
        Fault::TooLate => "too_late",
    }
}

fn sight(sight: Sight) -> &'static str {
    match sight {
        Sight::Clear => "clear",
        Sight::Recovering => "recovering",
        Sight::Blind => "blind",
    }
}

/// A line per row: row, time, for every channel what was sent, predicted and at fault, then the verdict.
fn verdicts(model: &Model, table: &Table, rows: &[Row], threshold: f32) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["row".to_owned(), "time".to_owned()];
    for channel in &model.names {
        header.extend(["", "_predicted", "_fault"].map(|of| format!("{channel}{of}")));
    }
    header.extend(["sight", "score", "alarm"].map(str::to_owned));
    writer.write_record(&header)?;
    for (t, row) in rows.iter().enumerate() {
        let mut record = vec![t.to_string(), stamp(table, t)];
        let values = table.rows().row(t).iter().zip(&row.predicted).zip(&row.faults);
        for ((&value, predicted), fault) in values {
            let sent = as_sent(value);
            record.push(if sent.is_nan() { String::new() } else { sent.to_string() });
            record.push(if predicted.is_nan() { String::new() } else { predicted.to_string() });
            record.push(fault.map_or("", name).to_owned());
        }
        record.push(sight(row.verdict.sight).to_owned());
        record.push(row.verdict.score.to_string());
        record.push(u8::from(row.is_alarm(threshold)).to_string());
        writer.write_record(&record)?;
    }
    match writer.into_inner() {
        Ok(bytes) => Ok(bytes),
        Err(error) => bail!("the verdicts can't be written: {error}"),
    }
}
