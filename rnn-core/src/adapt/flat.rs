//! What learns, on flat parameters: a network of any shape where its model file lies. A device whose
//! compiler knows the sizes has arrays for memory, a host has vectors; the functions are the same.

use super::learner::{Learner, readout_gradient};
use crate::cell::{Sequence, copy, take};
use crate::dense::{DenseMut, DenseRef};
use crate::kernel::{Columns, Inference};
use crate::loss::mean_mse_gradient;
use crate::network::{BackwardSpace, NetworkRef, Shape, Workspace, last, uppermost};

/// Sizes, and memory for them.
pub trait Plan {
    /// Numbers, as many as they were made for.
    type Parameters: AsRef<[f32]> + AsMut<[f32]> + Clone;
    /// The same for what a network remembers from step to step.
    type Memory: AsRef<[f32]> + AsMut<[f32]> + Clone;
    /// The same for one value per channel.
    type Sample: AsRef<[f32]> + AsMut<[f32]> + Clone;
    /// The same for all else.
    type Room: AsRef<[f32]> + AsMut<[f32]>;

    /// Of the network; as many outputs as inputs.
    fn shape(&self) -> Shape;
    /// T
    fn steps(&self) -> usize;
    /// [`Shape::memory`] zeros.
    fn memory(&self) -> Self::Memory;
    /// So many zeros.
    fn room(&self, numbers: usize) -> Self::Room;
    /// One step of the network with these parameters; h_t. Where the shape is a type, that is
    /// [`ShapedRef::step`](crate::network::ShapedRef::step).
    #[inline(always)]
    fn step<'m>(&self, parameters: &[f32], u: &[f32], memory: &'m mut [f32]) -> &'m [f32] {
        match NetworkRef::new(self.shape(), parameters) {
            Some(network) => network.step::<Inference>(Columns::Values(u), memory),
            None => &[],
        }
    }
}

/// The whole network learns; see [`Whole`](super::Whole).
#[derive(Clone, Debug)]
pub struct Whole<P: Plan> {
    plan: P,
    room: P::Room,
}

/// Numbers of the room of a [`Whole`] over blocks of `steps` samples.
pub const fn room_of_whole(shape: Shape, steps: usize) -> usize {
    let mut room = shape.inputs * (3 * steps + 1);
    let mut i = 0;
    while i < shape.layers.count() {
        let layer = shape.layers.get(i, shape.inputs);
        room += (layer.cache() + layer.hidden) * steps + layer.state();
        i += 1;
    }
    room
}

/// What is in it; I channels, T steps.
struct Parts<'a> {
    /// [`Shape::cache`] x T
    cache: &'a mut [f32],
    /// [`Shape::units`] x T
    d: &'a mut [f32],
    /// The layers' states in front of the block.
    start: &'a mut [f32],
    /// I x T
    u: &'a mut [f32],
    /// I x T
    targets: &'a mut [f32],
    /// o, then dL/do, I x T.
    o: &'a mut [f32],
    /// The inputs of the next step, I.
    sensed: &'a mut [f32],
}

impl<P: Plan> Whole<P> {
    /// Learns blocks of T >= 1 samples.
    pub fn new(plan: P) -> Self {
        let room = plan.room(room_of_whole(plan.shape(), plan.steps()));
        Whole { plan, room }
    }

    #[inline(always)]
    fn parts(&mut self) -> Parts<'_> {
        let (shape, steps, mut room) = (self.plan.shape(), self.plan.steps(), self.room.as_mut());
        let mut part = |numbers| take(&mut room, numbers);
        Parts {
            cache: part(shape.cache() * steps),
            d: part(shape.units() * steps),
            start: part(shape.state()),
            u: part(shape.inputs * steps),
            targets: part(shape.inputs * steps),
            o: part(shape.inputs * steps),
            sensed: part(shape.inputs),
        }
    }
}

impl<P: Plan> Learner for Whole<P> {
    type Weights = P::Parameters;
    type Memory = P::Memory;
    type Sample = P::Sample;
    /// All of it learns.
    type Fixed<'m>
        = ()
    where
        Self: 'm;

    fn steps(&self) -> usize {
        self.plan.steps()
    }
    fn at_rest(&self) -> P::Memory {
        self.plan.memory()
    }
    fn rest(&mut self) {}
    fn sense(&mut self, (): (), u: &P::Sample) {
        copy(u.as_ref(), self.parts().sensed);
    }
    fn step(&self, weights: &P::Parameters, memory: &mut P::Memory, o: &mut P::Sample) {
        let (shape, weights) = (self.plan.shape(), weights.as_ref());
        let sensed = last(self.room.as_ref(), shape.inputs);
        let h = self.plan.step(weights, sensed, memory.as_mut());
        let readout = view(shape, last(weights, shape.outputs * (shape.layers.hidden() + 1)));
        readout.forward::<Inference>(h, o.as_mut());
    }
    fn keep(&mut self, t: usize, target: &P::Sample) {
        let Parts { u, targets, sensed, .. } = self.parts();
        copy(sensed, block_mut(u, t, sensed.len()));
        copy(target.as_ref(), block_mut(targets, t, sensed.len()));
    }
    fn gradient(&mut self, weights: &P::Parameters, start: &P::Memory, to: &mut P::Parameters) {
        let (shape, steps) = (self.plan.shape(), self.plan.steps());
        let Some(network) = NetworkRef::new(shape, weights.as_ref()) else { return };
        let Parts { cache, d, start: states, u, targets, o, .. } = self.parts();
        // A memory is a state with scratch behind it, layer after layer.
        let (mut memory, mut rest) = (start.as_ref(), &mut *states);
        for layer in shape.layers() {
            copy(memory, take(&mut rest, layer.state()));
            memory = memory.get(layer.memory()..).unwrap_or_default();
        }
        let sequence = Sequence { batch: 1, x: Columns::Values(u), start: states };
        let workspace = Workspace { cache: &mut *cache, masks: &[], masked: &mut [] };
        network.forward::<Inference>(sequence, workspace, o);
        mean_mse_gradient(o, targets, shape.outputs);
        let gradient = to.as_mut();
        gradient.fill(0.0);
        let workspace = Workspace { cache, masks: &[], masked: &mut [] };
        let space = BackwardSpace { d, space: &mut [] };
        network.backward::<Inference>(sequence, workspace, steps, o, space, gradient);
    }
}

/// The readout alone learns; see [`Readout`](super::Readout). Its weights are W_hy, b_y.
#[derive(Clone, Debug)]
pub struct Readout<P: Plan> {
    plan: P,
    memory: P::Memory,
    room: P::Room,
}

/// Numbers of the room of a [`Readout`] over blocks of `steps` samples.
pub const fn room_of_readout(shape: Shape, steps: usize) -> usize {
    (shape.layers.hidden() + 2 * shape.outputs) * steps
}

impl<P: Plan> Readout<P> {
    /// Learns blocks of T >= 1 samples.
    pub fn new(plan: P) -> Self {
        let room = plan.room(room_of_readout(plan.shape(), plan.steps()));
        Readout { memory: plan.memory(), plan, room }
    }
}

/// What is in the room of a readout. h: H x T; targets; o, then dL/do: I x T each.
#[inline(always)]
fn parts<'a, P: Plan>(plan: &P, room: &'a mut P::Room) -> [&'a mut [f32]; 3] {
    let (shape, steps, mut room) = (plan.shape(), plan.steps(), room.as_mut());
    let mut part = |numbers| take(&mut room, numbers * steps);
    [part(shape.layers.hidden()), part(shape.outputs), part(shape.outputs)]
}

/// h of the uppermost layer.
#[inline(always)]
fn h<'a, P: Plan>(plan: &P, memory: &'a P::Memory) -> &'a [f32] {
    uppermost(plan.shape(), memory.as_ref())
}

/// A readout on flat weights.
#[inline(always)]
fn view(shape: Shape, weights: &[f32]) -> DenseRef<'_, f32> {
    let (inputs, outputs) = (shape.layers.hidden(), shape.outputs);
    let (w, b) = weights.split_at_checked(inputs * outputs).unwrap_or_default();
    DenseRef { inputs, outputs, w, b }
}

impl<P: Plan> Learner for Readout<P> {
    type Weights = P::Parameters;
    /// The cells' is the same for all.
    type Memory = ();
    type Sample = P::Sample;
    /// All parameters of the network.
    type Fixed<'m>
        = &'m [f32]
    where
        Self: 'm;

    fn steps(&self) -> usize {
        self.plan.steps()
    }
    fn at_rest(&self) {}
    fn rest(&mut self) {
        self.memory = self.plan.memory();
    }
    fn sense(&mut self, parameters: &[f32], u: &P::Sample) {
        self.plan.step(parameters, u.as_ref(), self.memory.as_mut());
    }
    fn step(&self, weights: &P::Parameters, (): &mut (), o: &mut P::Sample) {
        view(self.plan.shape(), weights.as_ref())
            .forward::<Inference>(h(&self.plan, &self.memory), o.as_mut());
    }
    fn keep(&mut self, t: usize, target: &P::Sample) {
        let Readout { plan, memory, room } = self;
        let h = h(plan, memory);
        let [states, targets, _] = parts(plan, room);
        copy(h, block_mut(states, t, h.len()));
        copy(target.as_ref(), block_mut(targets, t, target.as_ref().len()));
    }
    fn gradient(&mut self, weights: &P::Parameters, (): &(), to: &mut P::Parameters) {
        let shape = self.plan.shape();
        let readout = view(shape, weights.as_ref());
        let gradient = to.as_mut().split_at_mut_checked(readout.w.len()).unwrap_or_default();
        let [h, targets, o] = parts(&self.plan, &mut self.room);
        let (w, b) = gradient;
        readout_gradient(readout, h, targets, o, DenseMut { w, b });
    }
}

/// Block `t` of blocks of `length`; empty beyond the end.
#[inline(always)]
fn block_mut(blocks: &mut [f32], t: usize, length: usize) -> &mut [f32] {
    blocks.get_mut(t * length..(t + 1) * length).unwrap_or_default()
}
