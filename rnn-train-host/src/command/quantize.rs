use std::path::PathBuf;

use anyhow::{Result, bail};
use rnn_core::model_file::{Numbers, Task};
use rnn_core::quant::block::{Layout, Width};
use rnn_train_host::atomic::check_writable;
use rnn_train_host::data::{Part, Table};
use rnn_train_host::eval::{Question, evaluate};
use rnn_train_host::model::Model;
use rnn_train_host::quantize::quantize;
use rnn_train_host::report::figure;
use rnn_train_host::text::eval::bits_per_symbol;
use rnn_train_host::text::{Corpus, unit};
use serde_json::json;

use super::{Output, read_for};

/// Above this multiple of the f32 model's error on the validation part a model of integers is refused.
const LIMIT: f64 = 1.05;

/// Turn a model into one of integers, and measure what that costs.
///
/// The inputs' scales come from the training part; the errors are taken on validation and test. A
/// model whose validation error rises by more than 5 % is not written.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Model file, of f32.
    model: PathBuf,
    /// CSV file with the model's columns; for a model of text the text.
    data: PathBuf,
    /// Bits of the weights; the states have 16 in both.
    #[arg(long, value_enum)]
    format: Format,
    /// The chip that the weights are laid out for; every chip reads every layout.
    #[arg(long, value_enum, default_value_t = Chip::M4)]
    chip: Chip,
    /// Write the model however large its error.
    #[arg(long)]
    force: bool,
    /// Where to write the model.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// 8-bit weights.
    W8a16,
    /// 16-bit weights.
    W16a16,
}

#[derive(Debug, Clone, Copy, PartialEq, clap::ValueEnum)]
enum Chip {
    /// Cortex-M0, M0+, M23.
    M0,
    /// Cortex-M3.
    M3,
    /// Cortex-M4, M4F.
    M4,
    /// Cortex-M7.
    M7,
    /// Cortex-M33 with the DSP extension.
    M33,
    /// Cortex-M55 with Helium.
    M55,
    /// A computer.
    Host,
}

impl Chip {
    fn layout(self) -> Layout {
        match self {
            Chip::M0 | Chip::M3 | Chip::M55 => Layout::Rows,
            Chip::M4 | Chip::M7 | Chip::M33 => Layout::Pairs,
            Chip::Host => Layout::Panels,
        }
    }
}

/// What the errors are measured on.
enum Data {
    Log(Table),
    Text(Corpus),
}

impl Data {
    /// RMSE of the next sample, or bits per symbol.
    fn error(&self, model: &Model, part: Part) -> Result<f64> {
        match self {
            Data::Log(table) => {
                let question = Question { part, steps: 1, season: None };
                Ok(evaluate(model, table, question)?.network.rmse)
            }
            Data::Text(corpus) => bits_per_symbol(model, corpus, part),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    let Arguments { model: path, data, format, chip, force, out, json } = arguments;
    check_writable(out)?;
    let float = Model::load(path)?;
    let (data, what) = match float.header.task {
        Task::Forecast { .. } => (Data::Log(read_for(path, data)?.1), "RMSE"),
        Task::Text(_) => (Data::Text(Corpus::read(data, unit(&float)?)?), "bits per symbol"),
    };
    let table = match &data {
        Data::Log(table) => Some(table),
        Data::Text(_) => None,
    };
    let width = match format {
        Format::W8a16 => Width::Eight,
        Format::W16a16 => Width::Sixteen,
    };
    let integer = quantize(&float, table, width, chip.layout())?;
    let errors = |part| anyhow::Ok([data.error(&float, part)?, data.error(&integer, part)?]);
    let (validation, test) = (errors(Part::Validation)?, errors(Part::Test)?);
    let ratio = |[float, integer]: [f64; 2]| if integer == float { 1.0 } else { integer / float };
    let refused = ratio(validation).is_nan() || ratio(validation) > LIMIT;
    if refused && !force {
        bail!(
            "on the validation part the {what} rises from {} to {}, {:.3} times; more than {LIMIT} times is refused: try w16a16, train with more weight decay, or --force",
            figure(validation[0]),
            figure(validation[1]),
            ratio(validation)
        );
    }
    integer.save(out)?;
    let bytes = [&float, &integer].map(|model| 4 * model.header.tensor_words());
    if *json {
        let errors = |errors: [f64; 2]| json!({ "float": errors[0], "integer": errors[1], "ratio": ratio(errors) });
        return Ok(json!({
            "out": out, "format": Numbers::to_string(&integer.header.numbers), "error": what,
            "validation": errors(validation), "test": errors(test),
            "bytes": { "float": bytes[0], "integer": bytes[1] },
        })
        .into());
    }
    let mut text =
        format!("{:17}{:>12}{:>12}   ratio\n", what, "f32", integer.header.numbers.to_string());
    for (name, errors) in [("validation part", validation), ("test part", test)] {
        let [float, integer] = errors.map(figure);
        text += &format!("{name:17}{float:>12}{integer:>12}   {:.4}\n", ratio(errors));
    }
    text += &format!(
        "{:17}{:>12}{:>12}   {:.4}\n",
        "bytes of weights",
        bytes[0],
        bytes[1],
        bytes[1] as f64 / bytes[0] as f64
    );
    if refused {
        text += "\nThe error is above the limit; the model was written because of --force.\n";
    }
    Ok((text + &format!("\nModel: {}\n", out.display())).into())
}
