use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rnn_train_host::atomic::check_writable;
use rnn_train_host::import::{self, Imported};
use rnn_train_host::pytorch::{Description, ModeName, Nonlinearity, Scale, TaskName};
use serde::Deserialize;
use serde_json::json;

use super::{Output, kind_name, mode_name};

/// Twice what the largest model file has.
const LONGEST: u64 = 1 << 31;

/// Make a model file of a network that PyTorch trained.
///
/// FILE is a safetensors file with the state of an nn.RNN, nn.GRU or nn.LSTM with an nn.Linear on top:
/// safetensors.torch.save_file(model.state_dict(), FILE). It has to predict every one of its inputs, as
/// many outputs as inputs. Without scales the network reads and predicts the series as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Safetensors file.
    file: PathBuf,
    /// Where to write the model.
    #[arg(long, value_name = "MODEL")]
    out: PathBuf,
    /// What the network reads and predicts [default: raw]
    #[arg(long, value_enum)]
    mode: Option<ModeName>,
    /// Names of the channels, in the order of the network's inputs [default: x0,x1...]
    #[arg(long, value_name = "A,B", value_delimiter = ',', conflicts_with = "scale")]
    names: Option<Vec<String>>,
    /// The channel that is scored [default: the first]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// CSV file of names and scales, a line per channel: name,mean,std, and for residuals and
    /// differences difference_mean,difference_std.
    #[arg(long, value_name = "FILE")]
    scale: Option<PathBuf>,
    /// Mean of each channel's level: a StandardScaler's mean_ [default: 0]
    #[arg(long, value_name = "A,B", value_delimiter = ',', conflicts_with = "scale")]
    #[arg(requires = "std", allow_hyphen_values = true)]
    mean: Option<Vec<f32>>,
    /// Standard deviation of each channel's level: a StandardScaler's scale_ [default: 1]
    #[arg(long, value_name = "A,B", value_delimiter = ',', requires = "mean")]
    std: Option<Vec<f32>>,
    /// Mean of each channel's differences from sample to sample, for residuals and differences.
    #[arg(long, value_name = "A,B", value_delimiter = ',', requires_all = ["mean", "difference_std"])]
    #[arg(allow_hyphen_values = true)]
    difference_mean: Option<Vec<f32>>,
    /// Standard deviation of each channel's differences.
    #[arg(long, value_name = "A,B", value_delimiter = ',', requires = "difference_mean")]
    difference_std: Option<Vec<f32>>,
    /// Start every prediction from a zero state and run over the last T samples, as in training on
    /// windows [default: the state is carried]
    #[arg(long, value_name = "T")]
    window: Option<usize>,
    /// Of an nn.RNN [default: tanh]
    #[arg(long, value_enum)]
    nonlinearity: Option<Nonlinearity>,
    /// Name of the recurrent module, or of several that read one another, with commas between.
    #[arg(long, value_name = "NAME")]
    recurrent: Option<String>,
    /// Name of the linear module on top.
    #[arg(long, value_name = "NAME")]
    linear: Option<String>,
    /// What the network predicts; a text's symbols are one-hot inputs [default: forecast]
    #[arg(long, value_enum)]
    task: Option<TaskName>,
    /// JSON file with a text model's symbols: an array of strings, the first one for what is unknown.
    #[arg(long, value_name = "FILE", requires = "task")]
    #[arg(conflicts_with_all = ["names", "scale", "mean", "mode", "target"])]
    symbols: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    let Arguments { file, out, .. } = arguments;
    check_writable(out)?;
    let options = description(arguments)?;
    let bytes = read(file)?;
    let shown = || file.display().to_string();
    let Imported { model, notes } = import::safetensors(&bytes, options).with_context(shown)?;
    model.save(out)?;
    for note in &notes {
        say!("note: {}: {note}", file.display());
    }
    let shape = model.header.shape();
    if arguments.json {
        let layers: Vec<_> = shape
            .layers()
            .map(|layer| json!({ "cell": kind_name(layer.kind), "hidden": layer.hidden }))
            .collect();
        return Ok(json!({
            "model": out, "layers": layers, "channels": model.names,
            "parameters": shape.parameters(), "notes": notes,
        })
        .into());
    }
    let layers: Vec<String> = shape
        .layers()
        .map(|layer| format!("{} of {} units", kind_name(layer.kind), layer.hidden))
        .collect();
    let mode = mode_name(model.mode_and_target().0);
    let reads = match model.channels.len() {
        0 => format!("{} symbols", model.names.len()),
        _ => format!("{}, {mode}", model.names.join(", ")),
    };
    Ok(format!("{} written: {}; reads {reads}\n", out.display(), layers.join(", ")).into())
}

/// The whole file, if a network of a model's size may be in it.
fn read(path: &Path) -> Result<Vec<u8>> {
    let shown = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(shown)?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).with_context(shown)?;
    ensure!(bytes.len() as u64 <= LONGEST, "{} is too long for a model", path.display());
    Ok(bytes)
}

/// The options as the import takes them.
fn description(arguments: &Arguments) -> Result<Description> {
    let mut names = arguments.names.clone();
    let mut scales = None;
    if let Some(path) = &arguments.scale {
        let (named, scaled) = scale_file(path)?;
        (names, scales) = (Some(named), Some(scaled));
    } else if let (Some(mean), Some(std)) = (&arguments.mean, &arguments.std) {
        let differences = [&arguments.difference_mean, &arguments.difference_std];
        for list in [Some(std), differences[0].as_ref(), differences[1].as_ref()] {
            let counts = list.map_or(mean.len(), Vec::len);
            ensure!(
                counts == mean.len(),
                "--mean has {} numbers and another list of scales {counts}; there is one for each channel",
                mean.len()
            );
        }
        let [means, stds] = differences;
        let at = |list: &Option<Vec<f32>>, i: usize| list.as_ref().map(|list| list[i]);
        let scale = |(i, (&mean, &std))| Scale {
            mean,
            std,
            difference_mean: at(means, i),
            difference_std: at(stds, i),
        };
        scales = Some(mean.iter().zip(std).enumerate().map(scale).collect());
    }
    if let Some(path) = &arguments.symbols {
        let shown = || format!("{}: a JSON array of strings is expected", path.display());
        let text =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        names = Some(serde_json::from_slice(&text).with_context(shown)?);
    }
    Ok(Description {
        task: arguments.task,
        mode: arguments.mode,
        target: arguments.target.clone(),
        names,
        scales,
        window: arguments.window,
        nonlinearity: arguments.nonlinearity,
        recurrent: arguments.recurrent.clone(),
        linear: arguments.linear.clone(),
        ..Description::default()
    })
}

/// A line of the file of scales.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleLine {
    name: String,
    mean: f32,
    std: f32,
    difference_mean: Option<f32>,
    difference_std: Option<f32>,
}

fn scale_file(path: &Path) -> Result<(Vec<String>, Vec<Scale>)> {
    let shown = || {
        format!(
            "{}: the columns are name,mean,std, and difference_mean,difference_std where the network predicts differences",
            path.display()
        )
    };
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).with_context(shown)?;
    let lines: Vec<ScaleLine> =
        reader.deserialize().collect::<Result<_, _>>().with_context(shown)?;
    let split = |line| {
        let ScaleLine { name, mean, std, difference_mean, difference_std } = line;
        (name, Scale { mean, std, difference_mean, difference_std })
    };
    Ok(lines.into_iter().map(split).unzip())
}
