use std::borrow::Cow;

use rnn_core::adapt::{Adapter, Event, Frozen};
use rnn_core::model_file::Header;
use rnn_core::watch::Verdict;

use super::Part;
use crate::aligned::Aligned;
use crate::device::stream::{Sent, Told};
use crate::model::Model;
use crate::watch::Watcher;

/// A model that learns behind its watch, in the middle of a stream: [`rnn_core::adapt::Guarded`] for shapes
/// known at run time.
#[derive(Clone)]
pub struct Adapting<'m, P: Part> {
    model: &'m Model,
    frozen: Cow<'m, Aligned>,
    adapter: Adapter<P>,
    watcher: Watcher<'m>,
    /// Of the model whose state goes on.
    header: Header,
}

impl<'m, P: Part> Adapting<'m, P> {
    /// Before the first sample, over blocks of `steps` >= 1 samples. A model of `f32` that carries its state on.
    pub fn new(model: &'m Model, steps: usize) -> Self {
        let frozen: Cow<'_, Aligned> = P::frozen(model);
        let sample = vec![0.0; model.header.inputs];
        let adapter = Adapter::<P>::with(|| P::of(model, steps), &*frozen, sample);
        Adapting { model, frozen, adapter, watcher: Watcher::new(model), header: model.header }
    }

    /// Goes on with another model, as a device does to which it is uploaded: learning starts anew, from the
    /// state that there is, or, if the model doesn't take that over, from rest.
    pub fn take_over(&mut self, model: &'m Model) {
        self.model = model;
        self.frozen = P::frozen(model);
        if model.header.takes_state_of(&self.header) {
            self.adapter.go_on(&self.frozen);
            self.watcher.watch_for(model);
        } else {
            self.adapter.start(&self.frozen);
            self.watcher = Watcher::new(model);
        }
        self.header = model.header;
    }

    /// Judges a sample, `elapsed` periods after the last call, predicts the next one from what is
    /// admitted of it, and learns from it where it is sound. `None`: none came when it was due.
    pub fn step(&mut self, sent: &Sent) -> (Verdict, Option<Event>) {
        let Adapting { model, frozen, adapter, watcher, .. } = self;
        let verdict = watcher.judge(sent.values.as_deref(), sent.elapsed);
        if verdict.restart {
            adapter.rest();
        }
        let mut event = None;
        if verdict.step {
            let flagged = !verdict.is_sound(watcher.faults());
            let (mode, _) = model.mode_and_target();
            let (fixed, channels) = (P::fixed(model), &model.channels);
            let frozen = Frozen { fixed, weights: &**frozen, channels, mode };
            // The adapter wants the type that it keeps its samples in.
            event = adapter.step(frozen, &watcher.admitted().to_vec(), flagged);
            watcher.expect(adapter.prediction());
        }
        (verdict, event)
    }

    /// The same, as a device tells it.
    pub fn judge(&mut self, sent: &Sent) -> Told {
        let (verdict, event) = self.step(sent);
        let faults = self.watcher.faults().iter().map(|fault| fault.map_or(0, |fault| fault as u8));
        Told {
            verdict,
            event,
            adapted: self.adapter.is_adapted(),
            faults: faults.collect(),
            prediction: self.expected().to_vec(),
        }
    }

    /// The prediction of the next sample; NaN before the first.
    pub fn expected(&self) -> &[f32] {
        self.watcher.expected()
    }

    /// Whether all of the last sample was let in, `verdict` being that on it.
    pub(super) fn is_sound(&self, verdict: &Verdict) -> bool {
        verdict.is_sound(self.watcher.faults())
    }

    /// What learns.
    pub fn adapter(&self) -> &Adapter<P> {
        &self.adapter
    }
}
