//! A watch in the middle of a stream, alone and in front of a predictor.

use std::borrow::Cow;

use rnn_core::model_file::Header;
use rnn_core::watch::guard::{Clock, Fault};
use rnn_core::watch::{self, Memory, Sample, Verdict};

use super::Watch;
use crate::device::stream::{Sent, Told};
use crate::model::{Model, Predictor};

/// [`rnn_core::watch::Watcher`] for any number of channels: the same function on owned memory.
#[derive(Debug, Clone)]
pub struct Watcher<'m> {
    watch: Cow<'m, Watch>,
    clock: Clock,
    memory: Vec<Memory>,
    expected: Vec<f32>,
    admitted: Vec<f32>,
    faults: Vec<Option<Fault>>,
}

impl<'m> Watcher<'m> {
    /// Before the first sample. A model that doesn't say what is watched for lets in what is a number.
    pub fn new(model: &'m Model) -> Self {
        let channels = model.header.inputs;
        let watch = watch_of(model);
        Watcher {
            clock: Clock::new(&watch.rules),
            memory: watch.channels.iter().map(Memory::new).collect(),
            watch,
            expected: vec![f32::NAN; channels],
            admitted: vec![0.0; channels],
            faults: vec![None; channels],
        }
    }

    /// Watches from now on for what another model, of as many channels, says.
    pub fn watch_for(&mut self, model: &'m Model) {
        self.watch = watch_of(model);
    }

    /// Judges a sample, `elapsed` periods after the last call. `None`: none came when it was due.
    pub fn judge(&mut self, values: Option<&[f32]>, elapsed: f32) -> Verdict {
        let Watcher { watch, clock, memory, expected, admitted, faults } = self;
        let sample = Sample { values, elapsed, expected, admitted, faults };
        watch::judge(&watch.rules, watch.threshold, &watch.channels, clock, memory, sample)
    }

    /// What the network reads.
    pub fn admitted(&self) -> &[f32] {
        &self.admitted
    }

    /// Why values of the last sample weren't admitted.
    pub fn faults(&self) -> &[Option<Fault>] {
        &self.faults
    }

    /// The network's last prediction; NaN before the first.
    pub fn expected(&self) -> &[f32] {
        &self.expected
    }

    /// Notes what the network has predicted.
    pub fn expect(&mut self, prediction: &[f32]) {
        self.expected.copy_from_slice(prediction);
    }
}

/// What a model says is watched for.
fn watch_of(model: &Model) -> Cow<'_, Watch> {
    let none = || Cow::Owned(Watch::none(model.header.inputs));
    model.watch.as_ref().map_or_else(none, Cow::Borrowed)
}

/// A model's predictor with its watch, in the middle of a stream.
#[derive(Debug, Clone)]
pub struct Watching<'m> {
    header: Header,
    watcher: Watcher<'m>,
    predictor: Predictor<'m>,
}

impl<'m> Watching<'m> {
    /// Before the first sample; see [`Watcher::new`].
    pub fn new(model: &'m Model) -> Self {
        Watching {
            header: model.header,
            watcher: Watcher::new(model),
            predictor: model.predictor(),
        }
    }

    /// Goes on with another model, as a device does to which it is uploaded: from the state that there is,
    /// or, if it doesn't take that over, from rest.
    pub fn take_over(&mut self, model: &'m Model) {
        if model.header.takes_state_of(&self.header) {
            self.header = model.header;
            self.watcher.watch_for(model);
            self.predictor.go_on(model);
        } else {
            *self = Watching::new(model);
        }
    }

    /// Judges a sample, `elapsed` periods after the last call, and makes a step on what is admitted of
    /// it. `None`: none came when it was due.
    pub fn step(&mut self, values: Option<&[f32]>, elapsed: f32) -> Verdict {
        let Watching { watcher, predictor, .. } = self;
        let verdict = watcher.judge(values, elapsed);
        if verdict.restart {
            predictor.restart();
        }
        if verdict.step {
            watcher.expect(predictor.step(watcher.admitted()));
        }
        verdict
    }

    /// The same for what would be sent to a device.
    pub fn judge(&mut self, sent: &Sent) -> Told {
        let verdict = self.step(sent.values.as_deref(), sent.elapsed);
        let faults = self.faults().iter().map(|fault| fault.map_or(0, |fault| fault as u8));
        Told {
            verdict,
            event: None,
            adapted: false,
            faults: faults.collect(),
            prediction: self.expected().to_vec(),
        }
    }

    /// The prediction of the next sample.
    pub fn expected(&self) -> &[f32] {
        self.watcher.expected()
    }

    /// Why values of the last sample weren't admitted.
    pub fn faults(&self) -> &[Option<Fault>] {
        self.watcher.faults()
    }
}
