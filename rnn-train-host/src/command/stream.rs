use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use rnn_train_host::adapt::sentence;
use rnn_train_host::data::{Part, Split};
use rnn_train_host::device::stream::Sent;
use rnn_train_host::device::{self, Device, Report};
use rnn_train_host::metrics::Errors;
use rnn_train_host::model::Model;
use rnn_train_host::report::figure;
use rnn_train_host::watch::sent;
use serde_json::json;

use super::live_view::{Live, View};
use super::{Output, read_for, read_forecaster};

/// Events that are listed.
const SHOWN: usize = 20;
/// How much longer than two periods a board may be silent about its own sensor.
const SILENCE: Duration = Duration::from_secs(10);

/// Stream a log through a device that carries the model, or listen to a board's own sensor, and compare
/// every bit with this machine's.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Model file.
    model: PathBuf,
    /// CSV file with the model's columns. Without one, a real board's own samples are listened to, --steps of them.
    data: Option<PathBuf>,
    /// The device: qemu:MACHINE, such as qemu:mps2-an386, or serial:PORT, serial:PORT@BAUD.
    #[arg(long)]
    device: Device,
    /// Firmware to start on an emulated device (an ELF file built with this model).
    #[arg(long, value_name = "ELF")]
    firmware: Option<PathBuf>,
    /// Samples of the test part to stream at least; it is repeated, the state carried on, until
    /// there are so many. Of a board's own sensor: samples to listen to.
    #[arg(long, value_name = "N", default_value_t = 1)]
    steps: usize,
    /// No live view, even on a terminal.
    #[arg(long)]
    plain: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    match &arguments.data {
        Some(data) => stream(arguments, data),
        None => listen(arguments),
    }
}

/// Sends a log's samples.
fn stream(arguments: &Arguments, data: &Path) -> Result<Output> {
    let (model, table) = read_for(&arguments.model, data)?;
    let rows = table.rows();
    let test = Split::of(rows.len()).part(Part::Test);
    ensure!(!test.is_empty() && test.start > 0, "{} rows leave no test part", rows.len());
    let rounds = arguments.steps.div_ceil(test.len()).max(1);
    // What precedes the test part warms the state up.
    let stream = (0..test.start).chain((0..rounds).flat_map(|_| test.clone()));
    let samples = stream.enumerate().map(|(step, t)| {
        let sent = sent(&table, t);
        // How much time passes from one round to the next, nobody knows.
        let again = t == test.start && step != t;
        if again { Sent { elapsed: f32::NAN, ..sent } } else { sent }
    });
    let firmware = arguments.firmware.as_deref();
    let total = test.start + rounds * test.len();
    let mut live = live(arguments, &model, total);
    let report = device::run(&arguments.device, firmware, &model, samples, |seen| {
        live.as_mut().map_or(Ok(()), |live| live.take(seen))
    })?;
    drop(live);
    // The prediction made after row t - 1 is that of row t; the first round alone follows the log.
    let target = model.target();
    let predicted = |t: usize| f64::from(report.comparison.predictions[t - 1][target]);
    let errors: Errors = test.clone().map(|t| (rows.get(t, target), predicted(t))).collect();

    if arguments.json {
        let mut json = json!(report);
        json["warm_up"] = json!(test.start);
        json["test_samples"] = json!(rounds * test.len());
        json["rmse"] = json!(errors.rmse());
        return Ok(Output { code: code(&report), ..json.into() });
    }
    let start = format!(
        "{} samples streamed: {} to warm up, then the {} of the test part{}\n",
        report.comparison.steps,
        test.start,
        test.len(),
        if rounds > 1 { format!(", {rounds} times") } else { String::new() },
    );
    Ok(told(start, "on the test part", &errors, &report))
}

/// Listens to the samples of the board's own sensor.
fn listen(arguments: &Arguments) -> Result<Output> {
    let model = read_forecaster(&arguments.model)?;
    let period = model.watch.as_ref().map(|watch| watch.period).filter(|period| *period > 0.0);
    let patience = SILENCE + Duration::from_secs_f32(2.0 * period.unwrap_or(1.0));
    let mut live = live(arguments, &model, arguments.steps);
    let mut values = Vec::new();
    let target = model.target();
    let report = device::listen(
        &arguments.device,
        arguments.firmware.as_deref(),
        &model,
        arguments.steps,
        patience,
        |seen| {
            values.push(seen.sent.values.as_ref().map(|values| values[target]));
            live.as_mut().map_or(Ok(()), |live| live.take(seen))
        },
    )?;
    drop(live);
    let predicted = report.comparison.predictions.iter().map(|values| f64::from(values[target]));
    // The prediction made with a sample is that of the next one.
    let pairs = values.into_iter().skip(1).zip(predicted);
    let errors: Errors = pairs.filter_map(|(value, predicted)| Some((value?, predicted))).collect();
    if arguments.json {
        let mut json = json!(report);
        json["rmse"] = json!(errors.rmse());
        return Ok(Output { code: code(&report), ..json.into() });
    }
    let start = format!("{} samples of the board's own sensor\n", report.comparison.steps);
    Ok(told(start, "of the samples that came", &errors, &report))
}

/// The live view, where there is a terminal for it.
fn live(arguments: &Arguments, model: &Model, total: usize) -> Option<Live> {
    if arguments.plain || arguments.json || !std::io::stdout().is_terminal() {
        return None;
    }
    let threshold = model.watch.as_ref().map_or(f32::MAX, |watch| watch.threshold);
    let target = model.target();
    let live = Live::start(View::new(target, &model.names[target], total, threshold));
    live.inspect_err(|error| say!("note: no live view: {error:#}")).ok()
}

fn code(report: &Report) -> u8 {
    u8::from(report.comparison.differing_bits > 0)
}

/// What people are told of a stream, after its `start`.
fn told(start: String, of: &str, errors: &Errors, report: &Report) -> Output {
    let mut text = format!(
        "{start}bits that differ between device and host: {}\n\
         samples of which a value wasn't let in: {}; alarms: {}\n",
        report.comparison.differing_bits, report.comparison.faulty, report.comparison.alarms
    );
    let events = &report.comparison.events;
    for happened in events.iter().take(SHOWN) {
        text += &format!("step {}: {}\n", happened.step, sentence(happened.event));
    }
    if let Some(more) = events.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text += &format!("... and {more} more\n");
    }
    if let Some(first) = &report.comparison.first_difference {
        text += &format!("first difference: {first:?}\n");
    }
    text += &format!(
        "error of the device's predictions {of} (RMSE): {}\n\
         link errors {}, lost bytes {}; stack {} bytes, static RAM {} bytes\n",
        errors.rmse().map_or("-".into(), figure),
        report.link_errors,
        report.queue_overflows,
        report.stack_bytes,
        report.ram_bytes
    );
    for line in &report.log {
        text += &format!("device: {line}\n");
    }
    Output { text, code: code(report) }
}
