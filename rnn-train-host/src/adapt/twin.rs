use anyhow::{Context, Result};
use rnn_core::link::{self, Learning};

use super::{Adapting, Readout, Whole, can_learn};
use crate::device::stream::{Sent, Told};
use crate::model::Model;
use crate::watch::Watching;

/// A device's twin on this machine: what the device does with the samples, whether it learns or not, with the
/// same bits.
#[derive(Clone)]
pub enum Twin<'m> {
    /// It doesn't learn.
    Frozen(Box<Watching<'m>>),
    /// All of its network learns.
    Whole(Box<Adapting<'m, Whole>>),
    /// Its readout learns.
    Readout(Box<Adapting<'m, Readout>>),
}

impl<'m> Twin<'m> {
    /// Before the first sample; `learning` as the device says.
    ///
    /// # Errors
    /// Where the model can't learn.
    pub fn new(model: &'m Model, learning: Option<Learning>) -> Result<Self> {
        let Some(Learning { part, block }) = learning else {
            return Ok(Twin::Frozen(Watching::new(model).into()));
        };
        let block = usize::from(block);
        can_learn(model, block).context("the device says that it learns")?;
        Ok(match part {
            link::Part::Whole => Twin::Whole(Adapting::new(model, block).into()),
            link::Part::Readout => Twin::Readout(Adapting::new(model, block).into()),
        })
    }

    /// What the device makes of a sample.
    pub fn judge(&mut self, sent: &Sent) -> Told {
        match self {
            Twin::Frozen(watching) => watching.judge(sent),
            Twin::Whole(adapting) => adapting.judge(sent),
            Twin::Readout(adapting) => adapting.judge(sent),
        }
    }

    /// Goes on with another model, as a device does to which it is uploaded.
    pub fn take_over(&mut self, model: &'m Model) {
        match self {
            Twin::Frozen(watching) => watching.take_over(model),
            Twin::Whole(adapting) => adapting.take_over(model),
            Twin::Readout(adapting) => adapting.take_over(model),
        }
    }
}
