//! A model beside the machine's log, sample by sample: what it has said, and how good that was.

use super::machine::{self, TROUBLES};
use anyhow::Result;
use rnn_core::adapt::Event;
use rnn_core::watch::Verdict;
use rnn_core::watch::guard::Sight;
use rnn_train_host::adapt::Twin;
use rnn_train_host::device::Line;
use rnn_train_host::device::stream::{Sent, Session, Told};
use rnn_train_host::metrics::Errors;
use rnn_train_host::model::Model;
use std::ops::Range;

/// An alarm, or a fault, is over after so many samples without one.
const SILENCE: usize = 24;

/// What became of a sample.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// The prediction of it, made with the one before.
    pub(crate) predicted: f32,
    /// Its reading, and whether that was let in by a watch that sees clearly.
    truth: f32,
    sound: bool,
    faulty: bool,
    alarm: bool,
    event: Option<Event>,
}

impl Row {
    fn new(truth: f32, predicted: f32, told: &Told) -> Self {
        let Verdict { step, sight, alarm, .. } = told.verdict;
        let faulty = told.faults.iter().any(|fault| *fault != 0);
        let sound = step && sight == Sight::Clear && !faulty;
        Self { predicted, truth, sound, faulty, alarm, event: told.event }
    }
}

/// What became of all samples from one on.
pub(crate) struct Run {
    /// Of the first sample.
    pub(crate) start: usize,
    pub(crate) rows: Vec<Row>,
    /// Between the device and this machine.
    pub(crate) differing_bits: u64,
}

impl Run {
    pub(crate) fn new(start: usize) -> Self {
        Self { start, rows: Vec::new(), differing_bits: 0 }
    }

    pub(crate) fn end(&self) -> usize {
        self.start + self.rows.len()
    }

    /// Streams the next samples, up to `end`, through a device that is at rest and runs `model`, and compares every
    /// bit of what it says with what this machine makes of them, learning as it learns.
    pub(crate) fn stream<L: Line>(
        &mut self,
        session: &mut Session<L>,
        model: &Model,
        readings: &[f32],
        end: usize,
    ) -> Result<()> {
        let samples = &readings[self.end()..end];
        let sent = samples.iter().map(|&reading| Sent::timeless(&[reading]));
        let mut twin = Twin::new(model, session.info().learning)?;
        let (mut readings, mut predicted) = (samples.iter(), f32::NAN);
        let judge = |sent: &Sent| twin.judge(sent);
        let comparison = session.compare(sent, judge, |seen| {
            let truth = readings.next().copied().unwrap_or(f32::NAN);
            self.rows.push(Row::new(truth, predicted, seen.told));
            predicted = seen.told.prediction[0];
            Ok(())
        })?;
        self.differing_bits += comparison.differing_bits;
        Ok(())
    }

    /// The samples of these that are there.
    fn range(&self, samples: Range<usize>) -> impl Iterator<Item = (usize, &Row)> {
        let rows = self.rows.iter().enumerate().map(|(i, row)| (self.start + i, row));
        rows.filter(move |(t, _)| samples.contains(t))
    }

    /// The error over these samples, those in trouble aside.
    pub(crate) fn rmse(&self, samples: Range<usize>) -> f64 {
        let rows = self
            .range(samples)
            .filter(|(t, row)| row.sound && row.predicted.is_finite() && !machine::is_troubled(*t));
        let errors: Errors = rows.map(|(_, row)| (row.truth, f64::from(row.predicted))).collect();
        errors.rmse().unwrap_or(f64::NAN)
    }

    /// Where alarms begin, among these samples.
    pub(crate) fn alarms(&self, samples: Range<usize>) -> Vec<usize> {
        self.begin(samples, |row| row.alarm)
    }

    /// Where values begin that weren't let in.
    pub(crate) fn faults(&self, samples: Range<usize>) -> Vec<usize> {
        self.begin(samples, |row| row.faulty)
    }

    fn begin(&self, samples: Range<usize>, is: fn(&Row) -> bool) -> Vec<usize> {
        let (mut last, mut starts) = (None, Vec::new());
        for (t, _) in self.range(samples).filter(|(_, row)| is(row)) {
            if last.is_none_or(|last| t - last > SILENCE) {
                starts.push(t);
            }
            last = Some(t);
        }
        starts
    }

    /// Alarms, among these samples, about nothing.
    pub(crate) fn false_alarms(&self, samples: Range<usize>) -> usize {
        self.alarms(samples).into_iter().filter(|t| !machine::is_troubled(*t)).count()
    }

    /// Of the troubles that began among these samples: how many were told, by an alarm or as a fault; and how many
    /// there were.
    pub(crate) fn found(&self, samples: Range<usize>) -> (usize, usize) {
        let mut troubles = (0, 0);
        for i in (0..TROUBLES.len()).filter(|&i| samples.contains(&TROUBLES[i].1)) {
            troubles.1 += 1;
            let mut rows = self.range(machine::window(i));
            troubles.0 += usize::from(rows.any(|(_, row)| row.alarm || row.faulty));
        }
        troubles
    }

    /// What happened to the networks, and when.
    pub(crate) fn events(&self) -> impl Iterator<Item = (usize, Event)> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(i, row)| Some((self.start + i, row.event?)))
    }
}
