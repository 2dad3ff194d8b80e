//! Training of small recurrent networks on a CSV log: the library behind the `rnn` command.
//!
//! A log becomes a [`data::Table`]; [`train::train`] makes [`model::Model`]s of it; [`eval`] says
//! how they do beside the [`baseline`]s, [`report`] shows it, and [`device`] runs them on a chip.

pub mod adapt;
pub mod aligned;
pub mod atomic;
pub mod baseline;
pub mod chips;
pub mod data;
pub mod detect;
pub mod device;
pub mod eval;
pub mod export;
pub mod import;
pub mod live;
pub mod metrics;
pub mod model;
pub mod pytorch;
pub mod quantize;
pub mod report;
pub mod requirements;
pub mod text;
pub mod train;
pub mod tune;
pub mod watch;
