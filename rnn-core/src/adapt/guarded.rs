//! Learning behind a watch.

use super::{Adapter, Event, Frozen, Learner};
use crate::watch::guard::Fault;
use crate::watch::{Verdict, Watch, Watcher};

/// An [`Adapter`] behind its [`Watch`]: what isn't let in reaches neither a network's state nor its
/// weights. An alarm alone keeps nothing out, for what is new is what there is to learn.
#[derive(Clone)]
pub struct Guarded<L: Learner<Sample = [f32; I]>, const I: usize> {
    adapter: Adapter<L>,
    watcher: Watcher<I>,
}

impl<L: Learner<Sample = [f32; I]>, const I: usize> Guarded<L, I> {
    /// Before the first sample, with an adapter at rest.
    pub fn new(adapter: Adapter<L>, watch: &Watch<I>) -> Self {
        Guarded { adapter, watcher: Watcher::new(watch) }
    }

    /// Judges a sample, `elapsed` sampling periods after the last call, predicts the next one from what
    /// is admitted of it, and learns from it where it is sound; see [`Watcher::judge`] and
    /// [`Adapter::step`].
    pub fn step<'m>(
        &mut self,
        frozen: impl Into<Frozen<'m, L>>,
        sample: Option<&[f32; I]>,
        elapsed: f32,
    ) -> (Verdict, Option<Event>)
    where
        L: 'm,
    {
        let Guarded { adapter, watcher } = self;
        let verdict = watcher.judge(sample, elapsed);
        if verdict.restart {
            adapter.rest();
        }
        let mut event = None;
        if verdict.step {
            event = adapter.step(frozen, watcher.admitted(), !verdict.is_sound(watcher.faults()));
            watcher.expect(*adapter.prediction());
        }
        (verdict, event)
    }

    /// Starts anew from the weights of another model, before the first sample; see [`Adapter::start`].
    pub fn start(&mut self, frozen: &L::Weights, watch: &Watch<I>) {
        self.adapter.start(frozen);
        self.watcher = Watcher::new(watch);
    }

    /// Goes on with the weights of another model; see [`Adapter::go_on`].
    pub fn go_on(&mut self, frozen: &L::Weights, watch: &Watch<I>) {
        self.adapter.go_on(frozen);
        self.watcher.watch_for(watch);
    }

    /// The prediction of the next sample; NaN before the first.
    pub fn prediction(&self) -> &[f32; I] {
        self.watcher.expected()
    }

    /// Why a value of the last sample wasn't admitted.
    pub fn faults(&self) -> &[Option<Fault>; I] {
        self.watcher.faults()
    }

    /// What learns.
    pub fn adapter(&self) -> &Adapter<L> {
        &self.adapter
    }
}
