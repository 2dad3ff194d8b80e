use std::path::PathBuf;

use anyhow::Result;
use rnn_train_host::atomic::write_atomically;
use rnn_train_host::export;
use rnn_train_host::model::Model;

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
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    /// Rust source for a crate that depends on rnn-core.
    Rust,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Output> {
    let model = Model::load(&arguments.model)?;
    let Form::Rust = arguments.to;
    let source = export::rust(&model);
    write_atomically(&arguments.out, |file| Ok(file.write_all(source.as_bytes())?))?;
    Ok(format!("{} written, {} bytes of source\n", arguments.out.display(), source.len()).into())
}
