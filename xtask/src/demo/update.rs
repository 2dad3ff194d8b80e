//! The update: a model uploaded to the emulated chip in the middle of its work, the power cut in the middle of that.

use super::machine::DAY;
use super::run::Run;
use crate::board::MAIN;
use crate::power::Power;
use anyhow::{Context, Result, bail, ensure};
use rnn_core::link::Slot;
use rnn_train_host::device::stream::{ANSWER_WITHIN, Session};
use rnn_train_host::model::Model;
use std::path::Path;

/// From here on the chip is watched.
const START: usize = 55 * DAY;
/// The power is cut: the 57th day, at noon.
pub(crate) const CUT: usize = 56 * DAY + DAY / 2;
/// The upload is repeated: six hours later.
pub(crate) const UPDATED: usize = CUT + DAY / 4;

/// What has been seen.
pub(crate) struct Update {
    /// The new model's file, bytes; how many of them had come when the power was cut.
    pub(crate) bytes: usize,
    pub(crate) cut_at: usize,
    /// Where the new model runs from.
    pub(crate) slot: Slot,
    /// From [`START`] to the log's end: the old model, after the cut again, then the new one.
    pub(crate) run: Run,
}

/// Plays it.
///
/// # Errors
/// When anything but the old model runs before the update, and after the cut; when anything but the new one
/// does after the update, and after another cut.
pub(crate) fn play(firmware: &Path, old: &Model, new: &Model, readings: &[f32]) -> Result<Update> {
    let file = new.to_bytes()?;
    let (mut qemu, mut power) = Power::on(MAIN, firmware)?;
    let mut run = Run::new(START);

    let mut session = Session::open(qemu.serial())?;
    session.expect_model(old.info()?)?;
    run.stream(&mut session, old, readings, CUT)?;
    let mut cut_at = None;
    let upload = session.upload(&file, |sent| {
        if 2 * sent >= file.len() {
            power.cut()?;
            cut_at = Some(sent);
            bail!("the power is cut");
        }
        Ok(())
    });
    let Some(cut_at) = cut_at else {
        upload.context("before the power was cut")?;
        bail!("the upload ended before the power was cut");
    };

    let mut session = Session::open(qemu.serial()).context("after the power was cut")?;
    session.expect_model(old.info()?).context("the old model doesn't come back")?;
    run.stream(&mut session, old, readings, UPDATED)?;
    session.upload(&file, |_| Ok(()))?;
    session.expect_model(new.info()?)?;
    run.stream(&mut session, new, readings, readings.len())?;

    power.cut()?;
    let session = Session::open(qemu.serial()).context("after the power was cut again")?;
    session.expect_model(new.info()?).context("the new model doesn't stay")?;
    let slot = session.info().slot.context("the new model runs from no slot")?;
    session.quit()?;
    qemu.wait(ANSWER_WITHIN)?.check()?;
    ensure!(run.end() == readings.len(), "the stream ended at {}", run.end());
    Ok(Update { bytes: file.len(), cut_at, slot, run })
}
