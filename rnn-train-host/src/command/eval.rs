use std::num::NonZero;
use std::path::PathBuf;

use anyhow::Result;
use rnn_train_host::data::Part;
use rnn_train_host::eval::{Question, evaluate};
use rnn_train_host::report;

use super::{Output, read_for};

/// Compare a model with simple forecasts on a part of a log.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Model file.
    model: PathBuf,
    /// CSV file with the model's columns.
    data: PathBuf,
    /// Rows to score: the last 15 %, the first 70 %, those in between, or all.
    #[arg(long, value_enum, default_value_t = Part::Test)]
    part: Part,
    /// Samples ahead; the model reads its own predictions from the second on.
    #[arg(long, value_name = "N", default_value = "1")]
    steps: NonZero<usize>,
    /// Samples per season [default: found in the training part]
    #[arg(long, value_name = "N")]
    season: Option<NonZero<usize>>,
    /// Draw predictions, truth and errors to this SVG file.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    let (model, table) = read_for(&arguments.model, &arguments.data)?;
    let question = Question {
        part: arguments.part,
        steps: arguments.steps.get(),
        season: arguments.season.map(NonZero::get),
    };
    let evaluation = evaluate(&model, &table, question)?;
    if let Some(path) = &arguments.picture {
        report::picture(&evaluation, path)?;
    }
    if arguments.json {
        return Ok(report::json(&evaluation).into());
    }
    let mut text = report::text(&evaluation);
    if let Some(path) = &arguments.picture {
        text += &format!("\nPicture: {}\n", path.display());
    }
    Ok(text.into())
}
