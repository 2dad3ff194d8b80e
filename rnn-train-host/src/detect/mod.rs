//! A log run past its watch, as a device would run it: what doesn't fit, what is broken, and how that
//! agrees with what is known.

pub mod labels;

use anyhow::{Result, ensure};
use rnn_core::watch::Verdict;
use rnn_core::watch::guard::{Fault, Sight};

use crate::data::Table;
use crate::device::stream::Sent;
use crate::model::Model;
use crate::watch::{Watching, sent};

/// What became of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What was predicted for it, channel by channel; NaN for the first.
    pub predicted: Vec<f32>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why values weren't admitted.
    pub faults: Vec<Option<Fault>>,
}

impl Row {
    /// Whether the row doesn't fit, for another threshold than the model's.
    pub fn is_alarm(&self, threshold: f32) -> bool {
        self.verdict.out_of_range || self.verdict.score > threshold
    }
}

/// Runs every row past the watch of `model`.
///
/// # Errors
/// When the model doesn't say what is watched for.
pub fn detect(model: &Model, table: &Table) -> Result<Vec<Row>> {
    ensure!(
        model.watch.is_some(),
        "the model doesn't say what is usual in its stream, so nothing can be unusual; `rnn train` and `rnn tune` write models that do",
    );
    let mut watching = Watching::new(model);
    let judged = (0..table.rows().len()).map(|t| {
        let Sent { values, elapsed } = sent(table, t);
        let predicted = watching.expected().to_vec();
        let verdict = watching.step(values.as_deref(), elapsed);
        Row { predicted, verdict, faults: watching.faults().to_vec() }
    });
    Ok(judged.collect())
}

/// The rows, from `first` on, in which an alarm starts: the first after at least `silence` rows without
/// one.
pub fn alarms(rows: &[Row], threshold: f32, silence: usize, first: usize) -> Vec<usize> {
    let mut last = None;
    let mut starts = Vec::new();
    for (t, row) in rows.iter().enumerate().skip(first) {
        if row.is_alarm(threshold) {
            if last.is_none_or(|last| t - last > silence) {
                starts.push(t);
            }
            last = Some(t);
        }
    }
    starts
}

/// How often each kind of fault was told, those that were, over all channels; and the rows for which a
/// channel was blind.
pub fn faults(rows: &[Row]) -> (Vec<(Fault, usize)>, usize) {
    let count = |kind: Fault| {
        rows.iter().flat_map(|row| &row.faults).filter(|fault| **fault == Some(kind)).count()
    };
    let counts = Fault::ALL.into_iter().map(|kind| (kind, count(kind)));
    let blind = rows.iter().filter(|row| row.verdict.sight == Sight::Blind).count();
    (counts.filter(|(_, count)| *count > 0).collect(), blind)
}
