use std::path::PathBuf;

use anyhow::Result;
use clap::CommandFactory;
use clap::error::ErrorKind;
use rnn_train_host::atomic::write_atomically;
use rnn_train_host::export;
use rnn_train_host::model::Model;
use serde_json::json;

use super::Output;

/// Write a model in another form.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Model file.
    model: PathBuf,
    /// The form.
    #[arg(long, value_enum)]
    to: Form,
    /// Where to write it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// safetensors: name of the module with all recurrent layers, or one for each layer, with commas
    /// between [default: an imported model's own, else rnn, or rnn.0,rnn.1... where the layers differ]
    #[arg(long, value_name = "NAME")]
    recurrent: Option<String>,
    /// safetensors: name of the linear module [default: an imported model's own, else fc]
    #[arg(long, value_name = "NAME")]
    linear: Option<String>,
    /// safetensors: tensors only, without the metadata that `rnn import` reads.
    #[arg(long)]
    plain: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    /// Rust source for a crate that depends on rnn-core.
    Rust,
    /// PyTorch's names and layout of nn.RNN, nn.GRU, nn.LSTM with nn.Linear.
    Safetensors,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    let Arguments { model, to, out, recurrent, linear, plain, json } = arguments;
    let names = recurrent.is_some() || linear.is_some();
    if matches!(to, Form::Rust) && (names || *plain) {
        let message = "--recurrent, --linear and --plain go with --to safetensors only";
        crate::Command::command().error(ErrorKind::ArgumentConflict, message).exit();
    }
    let model = Model::load(model)?;
    let bytes = match to {
        Form::Rust => export::rust(&model)?.into_bytes(),
        Form::Safetensors => {
            let (recurrent, linear) = (recurrent.clone(), linear.clone());
            export::safetensors(&model, export::Options { recurrent, linear, plain: *plain })?
        }
    };
    write_atomically(out, |file| Ok(file.write_all(&bytes)?))?;
    if matches!(to, Form::Safetensors) && (model.watch.is_some() || model.header.hand_over) {
        say!(
            "note: {}: what the stream is watched for, and whether the state is handed over, aren't in it; keep the model file for `rnn detect`",
            out.display()
        );
    }
    if *json {
        return Ok(json!({ "out": out, "bytes": bytes.len() }).into());
    }
    Ok(format!("{} written, {} bytes\n", out.display(), bytes.len()).into())
}
