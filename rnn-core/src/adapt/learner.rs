//! What learns: a whole network on its inputs, or the readout alone on h. Either keeps a block of T
//! steps.

use crate::bptt::{Bptt, Labels};
use crate::cell::Cell;
use crate::dense::{Dense, DenseMut, DenseRef};
use crate::kernel::{Columns, Inference};
use crate::loss::mean_mse_gradient;
use crate::network::Network;
use crate::parameters::Parameters;

/// Runs the parameters that are adapted, and finds their gradient over a block of T steps.
pub trait Learner {
    /// The parameters.
    type Weights: Parameters<f32> + Clone;
    /// What a network with these parameters remembers from step to step.
    type Memory: Clone;
    /// One value per channel.
    type Sample: AsRef<[f32]> + AsMut<[f32]> + Clone;
    /// What of the model is run along and never learns.
    type Fixed<'m>: Copy
    where
        Self: 'm;

    /// T
    fn steps(&self) -> usize;
    /// The memory at rest.
    fn at_rest(&self) -> Self::Memory;
    /// Forgets the stream, but not the block.
    fn rest(&mut self);
    /// Takes the scaled inputs of a sample: the next step is made on them.
    fn sense(&mut self, fixed: Self::Fixed<'_>, u: &Self::Sample);
    /// One step of `weights` on what was sensed last; its output goes to `o`.
    fn step(&self, weights: &Self::Weights, memory: &mut Self::Memory, o: &mut Self::Sample);
    /// Keeps what was sensed last, with the output that was wanted, as step `t` < T of the block.
    fn keep(&mut self, t: usize, target: &Self::Sample);
    /// The gradient of the mean squared error over the block, which starts from `start`.
    fn gradient(
        &mut self,
        weights: &Self::Weights,
        start: &Self::Memory,
        gradient: &mut Self::Weights,
    );
}

/// The whole network learns, by back-propagation through the block.
#[derive(Clone, Debug)]
pub struct Whole<C: Cell<f32, I, H>, const I: usize, const H: usize, const T: usize> {
    bptt: Bptt<f32, C, I, H, I, T>,
    sensed: [f32; I],
    u: [[f32; I]; T],
    targets: [[f32; I]; T],
}

impl<C: Cell<f32, I, H>, const I: usize, const H: usize, const T: usize> Whole<C, I, H, T> {
    pub(super) fn new() -> Self {
        const { assert!(T > 0, "a block of at least one step") };
        Whole { bptt: Bptt::new(), sensed: [0.0; I], u: [[0.0; I]; T], targets: [[0.0; I]; T] }
    }
}

impl<C: Cell<f32, I, H>, const I: usize, const H: usize, const T: usize> Learner
    for Whole<C, I, H, T>
{
    type Weights = Network<f32, C, I, H, I>;
    type Memory = C::Memory;
    type Sample = [f32; I];
    /// All of it learns.
    type Fixed<'m>
        = ()
    where
        Self: 'm;

    fn steps(&self) -> usize {
        T
    }
    fn at_rest(&self) -> C::Memory {
        C::rest()
    }
    fn rest(&mut self) {}
    fn sense(&mut self, (): (), u: &[f32; I]) {
        self.sensed = *u;
    }
    fn step(&self, weights: &Self::Weights, memory: &mut C::Memory, o: &mut [f32; I]) {
        *o = weights.step(&self.sensed, memory);
    }
    fn keep(&mut self, t: usize, target: &[f32; I]) {
        if let (Some(u), Some(wanted)) = (self.u.get_mut(t), self.targets.get_mut(t)) {
            (*u, *wanted) = (self.sensed, *target);
        }
    }
    fn gradient(
        &mut self,
        weights: &Self::Weights,
        start: &C::Memory,
        gradient: &mut Self::Weights,
    ) {
        let Whole { bptt, u, targets, .. } = self;
        bptt.gradient(weights, u, start, targets, Labels::Every, T, gradient);
    }
}

/// The readout alone learns, on the h of a cell that stays as it was flashed and is run once for all:
/// the cheap variant, without a way back through time.
#[derive(Clone, Debug)]
pub struct Readout<C: Cell<f32, I, H>, const I: usize, const H: usize, const T: usize> {
    memory: C::Memory,
    h: [[f32; H]; T],
    targets: [[f32; I]; T],
    /// o, then dL/do.
    o: [[f32; I]; T],
}

impl<C: Cell<f32, I, H>, const I: usize, const H: usize, const T: usize> Readout<C, I, H, T> {
    pub(super) fn new() -> Self {
        const { assert!(T > 0, "a block of at least one step") };
        let (targets, o) = ([[0.0; I]; T], [[0.0; I]; T]);
        Readout { memory: C::rest(), h: [[0.0; H]; T], targets, o }
    }
}

impl<C: Cell<f32, I, H>, const I: usize, const H: usize, const T: usize> Learner
    for Readout<C, I, H, T>
{
    type Weights = Dense<f32, H, I>;
    /// The cell's is the same for all.
    type Memory = ();
    type Sample = [f32; I];
    /// The cell.
    type Fixed<'m>
        = &'m C
    where
        Self: 'm;

    fn steps(&self) -> usize {
        T
    }
    fn at_rest(&self) {}
    fn rest(&mut self) {
        self.memory = C::rest();
    }
    fn sense(&mut self, cell: &C, u: &[f32; I]) {
        cell.step::<Inference>(Columns::Values(u), &mut self.memory);
    }
    fn step(&self, weights: &Self::Weights, _: &mut (), o: &mut [f32; I]) {
        weights.view().forward::<Inference>(C::h(&self.memory), o);
    }
    fn keep(&mut self, t: usize, target: &[f32; I]) {
        if let (Some(h), Some(wanted)) = (self.h.get_mut(t), self.targets.get_mut(t)) {
            (*h, *wanted) = (*C::h(&self.memory), *target);
        }
    }
    fn gradient(&mut self, weights: &Self::Weights, _: &(), gradient: &mut Self::Weights) {
        let Readout { h, targets, o, .. } = self;
        readout_gradient(
            weights.view(),
            h.as_flattened(),
            targets.as_flattened(),
            o.as_flattened_mut(),
            gradient.view_mut(),
        );
    }
}

/// The gradient of a readout's mean squared error over T columns of h: H x T; targets and o: O x T.
/// `o` is left as dL/do.
pub fn readout_gradient(
    readout: DenseRef<'_, f32>,
    h: &[f32],
    targets: &[f32],
    o: &mut [f32],
    gradient: DenseMut<'_, f32>,
) {
    readout.forward::<Inference>(h, o);
    mean_mse_gradient(o, targets, readout.outputs);
    gradient.w.fill(0.0);
    gradient.b.fill(0.0);
    readout.backward::<Inference>(h, o, gradient, &mut [], &mut []);
}
