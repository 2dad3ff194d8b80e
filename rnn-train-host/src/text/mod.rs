//! Text: a network that reads a symbol after the other and says how probable every next one is.
//!
//! A file becomes a text ([`corpus`]), the text [`Tokens`], the tokens numbers of a [`Vocabulary`];
//! [`train`] makes a model of them, [`eval`] says how many bits a symbol costs it beside
//! [`ngram`]s, [`generate`] lets it write. [`examples`] are the next-word pairs of a textbook.

pub mod corpus;
pub mod eval;
pub mod examples;
pub mod generate;
mod look;
pub mod ngram;
pub mod reader;
mod streams;
mod tokens;
pub mod train;
mod trainee;
mod vocabulary;

pub use corpus::Corpus;
pub use tokens::{Tokens, join};
pub use vocabulary::{Cut, UNKNOWN, Vocabulary};

use anyhow::{Result, bail};
use rnn_core::model_file::{Task, Unit};

use crate::model::Model;

/// What a symbol of a text model is.
///
/// # Errors
/// A model that forecasts a series.
pub fn unit(model: &Model) -> Result<Unit> {
    match model.header.task {
        Task::Text(unit) => Ok(unit),
        Task::Forecast { .. } => {
            bail!("this model forecasts a series; use `rnn eval` or `rnn forecast`")
        }
    }
}
