//! A network that goes on learning from the samples; see [`rnn_core::adapt`]. The frozen weights are those
//! of the model file, where it lies in the flash.

#[cfg_attr(learns = "whole", path = "learner/whole.rs")]
#[cfg_attr(learns = "readout", path = "learner/readout.rs")]
mod part;

use crate::numbers::Embedded;
use crate::{CHANNELS, Model, OUTPUTS};
use rnn_core::adapt::flat::Plan;
use rnn_core::adapt::{Adapter, Event, Frozen};
use rnn_core::gru::Reset;
use rnn_core::kernel::{Columns, Inference};
use rnn_core::layers::{Kind, Layer};
use rnn_core::link::Learning;
use rnn_core::network::{Shape, Shaped, ShapedRef};

const SHAPE: Shape = Embedded::SHAPE;

/// T, as `RNN_ADAPT` says.
const BLOCK: usize = match u16::from_str_radix(env!("ADAPT_BLOCK"), 10) {
    Ok(block) => block as usize,
    Err(_) => panic!("the build script lets no such block through"),
};

/// What the host is told.
pub(crate) const LEARNING: Option<Learning> =
    Some(Learning { part: part::PART, block: BLOCK as u16 });

/// What became of the networks with a sample, and whether the weights that have predicted are others than
/// the file's.
pub(crate) type Learnt = (Option<Event>, bool);

/// What the host is told of it.
pub(crate) fn told(learnt: Learnt) -> (Option<Event>, bool) {
    learnt
}

/// The sizes of this image.
pub(crate) struct Sizes;

impl Plan for Sizes {
    type Parameters = [f32; part::PARAMETERS];
    type Memory = [f32; SHAPE.memory()];
    type Sample = [f32; CHANNELS];
    type Room = [f32; part::ROOM];

    #[inline(always)]
    fn shape(&self) -> Shape {
        SHAPE
    }
    #[inline(always)]
    fn steps(&self) -> usize {
        BLOCK
    }
    #[inline(always)]
    fn memory(&self) -> Self::Memory {
        [0.0; _]
    }
    #[inline(always)]
    fn room(&self, _: usize) -> Self::Room {
        [0.0; _]
    }
    #[inline(always)]
    fn step<'m>(&self, parameters: &[f32], u: &[f32], memory: &'m mut [f32]) -> &'m [f32] {
        match ShapedRef::<Embedded, f32>::new(parameters) {
            Some(network) => network.step::<Inference>(Columns::Values(u), memory),
            None => &[],
        }
    }
}

/// What is to be done with the next model.
#[derive(Clone, Copy)]
enum Next {
    Start,
    GoOn,
    Nothing,
}

/// The networks of a stream.
pub(crate) struct Network {
    adapter: Adapter<part::Learner>,
    next: Next,
}

/// Active weights, shadow, gradient, and the state of learning.
const _: () = {
    let Layer { kind, inputs, hidden } = SHAPE.layers.get(0, SHAPE.inputs);
    if SHAPE.layers.count() == 1 && inputs == 1 && hidden <= 16 && BLOCK <= 16 {
        assert!(match kind {
            Kind::Elman(_) => size_of::<Network>() <= 12 * 1024,
            Kind::Gru(Reset::After | Reset::Before) => size_of::<Network>() <= 24 * 1024,
            Kind::Lstm => true,
        });
    }
};

impl Network {
    /// At rest, before it has seen its model.
    #[inline(never)] // As all who call it.
    pub(crate) fn start() -> Self {
        let learner = || part::Learner::new(Sizes);
        Network { adapter: Adapter::with(learner, &[0.0; _], [0.0; _]), next: Next::Start }
    }

    /// Back to the start, of another model perhaps.
    pub(crate) fn restart(&mut self) {
        self.next = Next::Start;
    }

    /// Another model runs from now on, from the state that there is; learning starts anew.
    pub(crate) fn go_on(&mut self) {
        if let Next::Nothing = self.next {
            self.next = Next::GoOn;
        }
    }

    /// Back to rest.
    pub(crate) fn rest(&mut self) {
        self.adapter.rest();
    }

    /// Where no step is made.
    pub(crate) fn idle(&self) -> Learnt {
        (None, self.adapter.is_adapted())
    }

    /// Takes a sample, and learns from it where it is `sound`.
    #[inline(always)]
    pub(crate) fn step(
        &mut self,
        Model { words, scales }: Model<'_>,
        sample: &[f32; CHANNELS],
        sound: bool,
    ) -> ([f32; OUTPUTS], Learnt) {
        let Network { adapter, next } = self;
        let (channels, mode) = scales.parts();
        let Some((fixed, weights)) = part::of(words) else {
            return ([f32::NAN; OUTPUTS], (None, false));
        };
        match core::mem::replace(next, Next::Nothing) {
            Next::Start => adapter.start(weights),
            Next::GoOn => adapter.go_on(weights),
            Next::Nothing => {}
        }
        let event = learn(adapter, Frozen { fixed, weights, channels, mode }, sample, sound);
        (*adapter.prediction(), (event, adapter.is_adapted()))
    }
}

/// One step of the networks, with what is learnt: a function of its own in every image, whose calls and
/// stack are checked.
#[inline(never)]
fn learn(
    adapter: &mut Adapter<part::Learner>,
    frozen: Frozen<'_, part::Learner>,
    sample: &[f32; CHANNELS],
    sound: bool,
) -> Option<Event> {
    adapter.step(frozen, sample, !sound)
}
