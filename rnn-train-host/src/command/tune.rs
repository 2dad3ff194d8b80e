use std::num::NonZero;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rnn_core::scaling::Mode;
use rnn_train_host::data::Part;
use rnn_train_host::eval::{Evaluation, Question, evaluate};
use rnn_train_host::report::{self, figure};
use rnn_train_host::train;
use rnn_train_host::tune::picture::picture;
use rnn_train_host::tune::{Effort, Finalist, Found, Ingredient, Limits, Options, tune};
use rnn_train_host::watch::Watch;
use serde_json::json;

use super::watch::WatchArguments;
use super::{INTERRUPTED, Output, kind_name, mode_name, progress_bar, show, stop, threads};

/// Steps of the recursive forecasts that the chosen network is tested on.
const AHEAD: usize = 10;
/// Lines of the table.
const SHOWN: usize = 12;

/// Search for the best network that fits a chip: cells, sizes, windows, modes, step sizes, seeds.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("effort").required(true).args(["budget", "candidates"])))]
pub(crate) struct Arguments {
    #[command(flatten)]
    columns: super::Columns,
    /// Time for the search, as 90s or 5m.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    budget: Option<Duration>,
    /// Networks to try, instead of a time: the result is the same on every machine.
    #[arg(long, value_name = "N")]
    candidates: Option<NonZero<usize>>,
    /// Most flash that the model may need, as 32k or 1M; code comes on top.
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "512k")]
    flash: usize,
    /// Most RAM that the model may need.
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "64k")]
    ram: usize,
    /// Draw error against size to this SVG file.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Folder in which the search's state is kept; after a crash the same command goes on there. With
    /// --candidates only: what a budget buys depends on the machine.
    #[arg(long, value_name = "DIR", conflicts_with = "budget")]
    checkpoint: Option<PathBuf>,
    /// Seed of everything that is drawn.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// On a device, let the model go on from the state of the one that it replaces, if that one has the
    /// same shape; else it starts from rest.
    #[arg(long)]
    hand_over: bool,
    /// Where to write the model.
    #[arg(long, value_name = "FILE", default_value = "model.rnn")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    watch: WatchArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    let table = arguments.columns.read()?;
    let watched_for = arguments.watch.options();
    watched_for.check(&table.channels)?;
    let effort = match (arguments.budget, arguments.candidates) {
        (Some(budget), _) => Effort::Budget(budget),
        (None, count) => Effort::Candidates(count.map_or(1, NonZero::get)),
    };
    let options = Options {
        effort,
        limits: Limits { flash: Some(arguments.flash), ram: Some(arguments.ram) },
        train: train::Options {
            kind: None,
            layers: 1,
            hidden: None,
            window: None,
            windowed: false,
            mode: None,
            epochs: None,
            rate: None,
            decay: None,
            dropout: 0.0,
            seed: arguments.seed,
            threads: threads(arguments.threads),
            checkpoint: arguments.checkpoint.clone(),
        },
    };
    ensure!(
        arguments.picture.as_ref() != Some(&arguments.out),
        "the model and the picture would both be written to {}: name two files",
        arguments.out.display()
    );
    let files = [Some(&arguments.out), arguments.picture.as_ref()];
    files
        .into_iter()
        .flatten()
        .try_for_each(|path| rnn_train_host::atomic::check_writable(path))?;

    let started = Instant::now();
    let bar = progress_bar("searching");
    let found = tune(&table, &options, stop(), &|progress| show(&bar, progress));
    bar.finish_and_clear();
    let found = found?;
    // What is usual there says the network that hasn't seen the validation part.
    let watch = Watch::fit(&found.finalists[0].model, &table, &watched_for)?;
    let mut model = found.model().clone();
    model.set_watch(watch);
    model.header.hand_over = arguments.hand_over;
    model.save(&arguments.out)?;
    if let Some(path) = &arguments.picture {
        picture(&found, &arguments.columns.target, path)?;
    }
    // The one look at the test part.
    let test = |steps| evaluate(&model, &table, Question { part: Part::Test, steps, season: None });
    let one = test(1)?;
    let ahead = test(AHEAD).ok();

    let stopped = stop().was_asked();
    let code = if stopped { INTERRUPTED } else { 0 };
    let seconds = started.elapsed().as_secs_f64();
    if arguments.json {
        let finalists: Vec<_> = found.finalists.iter().map(describe).collect();
        let output = Output::from(json!({
            "model": arguments.out,
            "stopped": stopped,
            "rows": table.rows().len(),
            "channels": table.channels,
            "seconds": seconds,
            "tried": found.tried.len(),
            "chosen": finalists[0],
            "finalists": finalists,
            "test": report::json(&one),
            "test_ahead": ahead.as_ref().map(report::json),
        }));
        return Ok(Output { code, ..output });
    }
    let mut text = format!(
        "{}: {} rows, reads {}, predicts {}\n{} networks tried in {seconds:.0} s\n\n",
        arguments.columns.data.display(),
        table.rows().len(),
        table.channels.join(", "),
        arguments.columns.target,
        found.tried.len(),
    );
    text += &candidates(&found);
    text += "\nThe test part, looked at once:\n\n";
    text += &report::text(&one);
    if let Some(ahead) = &ahead {
        text += &format!("\n{}", beside(ahead));
    }
    text += &format!("\n{} written.\n", arguments.out.display());
    if let Some(path) = &arguments.picture {
        text += &format!("Picture: {}\n", path.display());
    }
    if stopped {
        text += "Stopped early: this is the best so far.\n";
    }
    Ok(Output { text, code })
}

/// The best finalists, the chosen one first.
fn candidates(found: &Found) -> String {
    let shown = &found.finalists[..SHOWN.min(found.finalists.len())];
    let names: Vec<String> = shown.iter().map(name).collect();
    let width = names.iter().map(String::len).max().unwrap_or_default();
    let mut text = format!(
        "{:width$}  {:>10}  {:>10}  {:>8}  {:>8}\n",
        "chosen first; RMSE on the validation part", "1 step", "10 steps", "flash", "RAM"
    );
    for (name, Finalist { rmse, ahead, needs, .. }) in names.iter().zip(shown) {
        let (rmse, ahead) = (figure(*rmse), figure(*ahead));
        let (flash, ram) = (needs.flash, needs.ram);
        text += &format!("{name:width$}  {rmse:>10}  {ahead:>10}  {flash:>8}  {ram:>8}\n");
    }
    text
}

/// What a finalist is made of: `difference gru 24 + gru 16, residual linear 10`.
pub(super) fn name(finalist: &Finalist) -> String {
    let mut groups: Vec<(Mode, String)> = Vec::new();
    for part in &finalist.parts {
        let mode = part.mode();
        let part = match part {
            Ingredient::Trained(setting) => {
                format!("{} {}", kind_name(setting.kind), setting.hidden)
            }
            Ingredient::Linear(regression) => format!("linear {}", regression.lags),
        };
        match groups.iter_mut().find(|(of, _)| *of == mode) {
            Some((_, parts)) => *parts += &format!(" + {part}"),
            None => groups.push((mode, format!("{} {part}", mode_name(mode)))),
        }
    }
    groups.into_iter().map(|(_, parts)| parts).collect::<Vec<_>>().join(", ")
}

fn describe(finalist: &Finalist) -> serde_json::Value {
    json!({
        "mode": mode_name(finalist.model.mode_and_target().0),
        "parts": name(finalist),
        "validation_rmse": finalist.rmse,
        "validation_rmse_ahead": Some(finalist.ahead).filter(|ahead| ahead.is_finite()),
        "flash": finalist.needs.flash,
        "ram": finalist.needs.ram,
    })
}

/// Recursive forecasts beside the baselines' on the same origins, in a line each.
fn beside(ahead: &Evaluation) -> String {
    let mut text = format!("The next {AHEAD} samples, each fed back as the next input:\n\n");
    let rivals = ahead.rivals().map(|rival| (rival.name.as_str(), rival.score.rmse));
    let rows: Vec<(&str, f64)> =
        [("this network", ahead.network.rmse)].into_iter().chain(rivals).collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    text += &format!("{:width$}  {:>10}\n", "", "RMSE");
    for (name, rmse) in rows {
        text += &format!("{name:width$}  {:>10}\n", figure(rmse));
    }
    text
}

/// A time as `90s`, `5m`, `1h` or a plain number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let seconds = with_unit(text, &units).filter(|seconds| *seconds <= 1e6);
    let time = seconds.map(Duration::from_secs_f64);
    time.ok_or_else(|| format!("'{text}' is no time; write it as 90s, 5m or 1h"))
}

/// A size as `32k`, `1M` or a plain number of bytes.
fn bytes(text: &str) -> Result<usize, String> {
    let units = [("k", 1024.0), ("K", 1024.0), ("M", 1024.0 * 1024.0)];
    let bytes = with_unit(text, &units).filter(|bytes| *bytes <= 1e12);
    let size = bytes.map(|bytes| bytes as usize);
    size.ok_or_else(|| format!("'{text}' is no size; write it as 32k, 1M or 32768"))
}

/// A number above 0 with one of these units, or none.
fn with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let unit = units.iter().find_map(|&(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (digits, factor) = unit.unwrap_or((text, 1.0));
    let number: f64 = digits.trim().parse().ok()?;
    Some(number * factor).filter(|value| value.is_finite() && *value > 0.0)
}
