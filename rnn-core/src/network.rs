//! Cells with a dense readout: o_t = W_hy h_t + b_y, y_t = o_t or softmax(o_t).

use crate::activation::softmax;
use crate::cell::{Cell, Errors, Sequence, take};
use crate::dense::{Dense, DenseMut, DenseRef};
use crate::elman::Elman;
use crate::gru::Gru;
use crate::kernel::{Arithmetic, Columns, Inference, Work};
use crate::layers::{Layer, LayerRef};
use crate::lstm::Lstm;
use crate::parameters::Parameters;
use crate::random::SplitMix64;
use crate::scalar::Scalar;

mod shape;
mod shaped;

pub use shape::Shape;
pub use shaped::{Shaped, ShapedRef};

/// What stands behind the readout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// y = o
    Linear,
    /// y = softmax(o)
    Softmax,
}

impl Head {
    /// Turns each column of `o` (`outputs` x n) into y.
    #[inline(always)]
    pub fn apply<T: Scalar>(self, o: &mut [T], outputs: usize) {
        if self == Head::Softmax {
            o.chunks_exact_mut(outputs.max(1)).for_each(softmax);
        }
    }
}

/// A recurrent network of fixed size: a cell (or a [`Stack`](crate::cell::Stack) of them) with I
/// inputs and H hidden units, O outputs. Its gradient, and an optimiser's moments, have the same type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network<T, C, const I: usize, const H: usize, const O: usize> {
    /// h_t from x_t and h_{t-1}.
    pub cell: C,
    /// o_t = W_hy h_t + b_y
    pub readout: Dense<T, H, O>,
    /// Linear or softmax.
    pub head: Head,
}

/// A network with an Elman cell.
pub type ElmanNetwork<T, const I: usize, const H: usize, const O: usize> =
    Network<T, Elman<T, I, H>, I, H, O>;
/// A network with a GRU, reset after.
pub type GruNetwork<T, const I: usize, const H: usize, const O: usize> =
    Network<T, Gru<T, I, H>, I, H, O>;
/// A network with an LSTM cell.
pub type LstmNetwork<T, const I: usize, const H: usize, const O: usize> =
    Network<T, Lstm<T, I, H>, I, H, O>;

impl<T: Scalar, C: Cell<T, I, H>, const I: usize, const H: usize, const O: usize>
    Network<T, C, I, H, O>
{
    /// All zeros: tanh, with bias, linear output.
    pub fn zeros() -> Self {
        Network { cell: C::zeros(), readout: Dense::zeros(), head: Head::Linear }
    }

    /// Every parameter uniform in +-1/sqrt(H), the same for the same seed on every machine.
    pub fn random(seed: u64) -> Self {
        let mut network = Self::zeros();
        let bound = T::ONE / T::from_f64(H as f64).sqrt();
        let mut random = SplitMix64::new(seed);
        for tensor in network.tensors_mut() {
            random.fill_uniform(bound, tensor);
        }
        network
    }

    /// The memory that a stream starts with: the cell's, all zeros.
    pub fn rest(&self) -> C::Memory {
        C::rest()
    }

    /// One step of inference: takes x_t, moves the state from t - 1 to t, returns y_t.
    #[inline]
    pub fn step(&self, x: &[T; I], memory: &mut C::Memory) -> [T; O] {
        self.step_in::<Inference>(x, memory)
    }

    /// The same in any arithmetic: in `Training` (feature `std`), with the multiply-adds of a laptop,
    /// it is faster there, but its last bits aren't a chip's.
    #[inline]
    pub fn step_in<A: Arithmetic<T>>(&self, x: &[T; I], memory: &mut C::Memory) -> [T; O] {
        A::run(&mut NetworkStep { network: self, x, memory })
    }
}

/// [`Network::step`].
struct NetworkStep<'a, T, C, M, const I: usize, const H: usize, const O: usize> {
    network: &'a Network<T, C, I, H, O>,
    x: &'a [T; I],
    memory: &'a mut M,
}

impl<T, C, const I: usize, const H: usize, const O: usize> Work<T>
    for NetworkStep<'_, T, C, C::Memory, I, H, O>
where
    T: Scalar,
    C: Cell<T, I, H>,
{
    type Output = [T; O];
    const KNOWS_SIZES: bool = true;

    #[inline(always)]
    fn run<A: Arithmetic<T>>(&mut self) -> [T; O] {
        let NetworkStep { network, x, memory } = self;
        let mut y = [T::ZERO; O];
        network.cell.step::<A>(Columns::Values(*x), memory);
        network.readout.view().forward::<A>(C::h(memory), &mut y);
        network.head.apply(&mut y, O);
        y
    }
}

impl<T: Scalar, C: Parameters<T>, const I: usize, const H: usize, const O: usize> Parameters<T>
    for Network<T, C, I, H, O>
{
    fn tensors(&self) -> impl Iterator<Item = &[T]> {
        self.cell.tensors().chain(self.readout.tensors())
    }

    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        self.cell.tensors_mut().chain(self.readout.tensors_mut())
    }
}

/// A network of any shape, on flat parameters: those of the layers in the order of
/// [`Layer::tensors`], then W_hy and b_y.
#[derive(Clone, Copy, Debug)]
pub struct NetworkRef<'a, T> {
    shape: Shape,
    parameters: &'a [T],
}

/// Where the passes of [`NetworkRef`] leave and find their numbers; n = T B samples, all layers'
/// parts one after the other.
#[derive(Debug)]
pub struct Workspace<'a, T> {
    /// [`Shape::cache`] x n.
    pub cache: &'a mut [T],
    /// What h of the layers below the uppermost is multiplied by on its way up (dropout: 0 or
    /// 1 / (1 - p)), [`Shape::units`] x n without the uppermost's; empty for no dropout.
    pub masks: &'a [T],
    /// Room for what comes out of that, of the same length.
    pub masked: &'a mut [T],
}

/// What the backward pass of [`NetworkRef`] needs beside.
#[derive(Debug)]
pub struct BackwardSpace<'a, T> {
    /// [`Shape::units`] x n: dL/dh_t of all layers.
    pub d: &'a mut [T],
    /// [`NetworkRef::space`] values.
    pub space: &'a mut [T],
}

impl<'a, T: Scalar> NetworkRef<'a, T> {
    /// `None` when the parameters aren't as many as [`Shape::parameters`].
    pub fn new(shape: Shape, parameters: &'a [T]) -> Option<Self> {
        (parameters.len() == shape.parameters()).then_some(NetworkRef { shape, parameters })
    }

    /// The sizes.
    pub fn shape(self) -> Shape {
        self.shape
    }

    /// The layers, from the inputs upwards.
    pub fn layers(self) -> impl Iterator<Item = LayerRef<'a, T>> {
        (0..self.shape.layers.count()).filter_map(move |i| self.layer(i))
    }

    /// Layer `i`, if there is one.
    pub fn layer(self, i: usize) -> Option<LayerRef<'a, T>> {
        let shape = self.shape;
        let (from, to) = (shape.layer_parameters(i), shape.layer_parameters(i + 1));
        shape.layers.get(i, shape.inputs).view(self.parameters.get(from..to)?)
    }

    /// The readout.
    #[inline(always)]
    pub fn readout(&self) -> DenseRef<'a, T> {
        let (inputs, outputs) = (self.shape.layers.hidden(), self.shape.outputs);
        let rest = last(self.parameters, outputs * (inputs + 1));
        let (w, b) = rest.split_at_checked(outputs * inputs).unwrap_or_default();
        DenseRef { inputs, outputs, w, b }
    }

    /// One step of every layer; `memory` holds [`Shape::memory`] numbers. Returns h_t of the
    /// uppermost.
    #[inline(always)]
    pub fn step<'m, A: Arithmetic<T>>(&self, x: Columns<'_, T>, memory: &'m mut [T]) -> &'m [T] {
        A::run(&mut LayerSteps { network: self, x, memory })
    }

    /// h of the uppermost layer in the memory of a stream.
    #[inline(always)]
    pub fn h<'m>(&self, memory: &'m [T]) -> &'m [T] {
        uppermost(self.shape, memory)
    }

    /// Runs T steps; `o` takes the outputs (in front of the head) of the last o.len() / (O B) steps:
    /// one block is many-to-one, T blocks are many-to-many, in between the first steps only warm the
    /// state up. `sequence.start` is [`Shape::state`] x B, layer after layer.
    pub fn forward<A: Arithmetic<T>>(
        self,
        sequence: Sequence<'_, T>,
        workspace: Workspace<'_, T>,
        o: &mut [T],
    ) {
        let Sequence { batch, mut x, mut start } = sequence;
        let Workspace { mut cache, mut masks, mut masked } = workspace;
        let n = cache.len() / self.shape.cache().max(1);
        let mut h: &[T] = &[];
        for cell in self.layers() {
            let layer = cell.layer();
            let h_0;
            (h_0, start) = start.split_at_checked(layer.state() * batch).unwrap_or_default();
            let cache = take(&mut cache, layer.cache() * n);
            cell.forward::<A>(Sequence { batch, x, start: h_0 }, cache);
            h = part(cache, 0, layer.hidden * n);
            x = Columns::Values(h);
            if let Some((mask, rest)) =
                masks.split_at_checked(h.len()).filter(|_| !masks.is_empty())
            {
                masks = rest;
                let dropped = take(&mut masked, h.len());
                for (to, (&h, &mask)) in dropped.iter_mut().zip(h.iter().zip(mask)) {
                    *to = h * mask;
                }
                x = Columns::Values(dropped);
            }
        }
        let readout = self.readout();
        let scored = o.len() / readout.outputs.max(1) * readout.inputs;
        readout.forward::<A>(last(h, scored), o);
    }

    /// Copies the state after the last step of a [`forward`](Self::forward) into `state`, laid out as
    /// its start.
    pub fn last_state(self, batch: usize, cache: &[T], mut state: &mut [T]) {
        let n = cache.len() / self.shape.cache().max(1);
        for (i, cell) in self.layers().enumerate() {
            let layer = cell.layer();
            let cache = part(cache, self.shape.before(i, Layer::cache) * n, layer.cache() * n);
            let state = take(&mut state, layer.state() * batch);
            cell.last_state(layer.hidden * batch, n / batch.max(1), cache, state);
        }
    }

    /// Adds dL/d(parameters) to the flat `gradient`, from `d_o` = dL/do of the steps that
    /// [`forward`](Self::forward) gave outputs for (with a softmax head: in front of it), over what it
    /// left in `workspace`. `truncation`: see [`Errors`].
    #[allow(clippy::too_many_arguments)] // One name for each tensor of the equations.
    pub fn backward<A: Arithmetic<T>>(
        self,
        sequence: Sequence<'_, T>,
        workspace: Workspace<'_, T>,
        truncation: usize,
        d_o: &[T],
        space: BackwardSpace<'_, T>,
        gradient: &mut [T],
    ) {
        let Sequence { batch, x, start } = sequence;
        let Workspace { cache, masks, masked } = workspace;
        let BackwardSpace { d, space } = space;
        let shape = self.shape;
        let n = cache.len() / shape.cache().max(1);
        for i in (0..shape.layers.count()).rev() {
            let Some(cell) = self.layer(i) else { continue };
            let layer = cell.layer();
            let (cache_below, rest) = split(cache, shape.before(i, Layer::cache) * n);
            let (cache_here, _) = split(rest, layer.cache() * n);
            let (d_below, rest) = split(d, shape.before(i, |layer| layer.hidden) * n);
            let (d_h, _) = split(rest, layer.hidden * n);
            let mut first = 0;
            if i + 1 == shape.layers.count() {
                let scored = d_o.len() / shape.outputs.max(1) * layer.hidden;
                let h = part(cache_here, 0, layer.hidden * n);
                let h = last(h, scored);
                let (_, gradient) = split(gradient, shape.layer_parameters(i + 1));
                let (w, b) = split(gradient, shape.outputs * layer.hidden);
                let steps = n / batch.max(1);
                first =
                    (steps - scored / (layer.hidden * batch).max(1)).min(steps.saturating_sub(1));
                if scored == 0 {
                    split(d_h, first * layer.hidden * batch).1.fill(T::ZERO);
                }
                let (_, d_h) = split(d_h, layer.hidden * n - scored);
                let gradient = DenseMut { w, b };
                self.readout().backward_onto::<A>(h, d_o, gradient, d_h, false, space);
            }
            // What this layer read: the inputs, or the h of the layer below, masked or not.
            let lower = layer.inputs * n;
            let (x, d_x) = if i == 0 {
                (x, &mut [][..])
            } else {
                let at = shape.before(i - 1, |layer| layer.hidden) * n;
                let h = if masks.is_empty() {
                    part(cache_below, shape.before(i - 1, Layer::cache) * n, lower)
                } else {
                    part(masked, at, lower)
                };
                (Columns::Values(h), split(d_below, at).1)
            };
            let start = part(start, shape.before(i, Layer::state) * batch, layer.state() * batch);
            let sequence = Sequence { batch, x, start };
            let (_, gradient) = split(gradient, shape.layer_parameters(i));
            let (gradient, _) = split(gradient, layer.parameters());
            d_x.fill(T::ZERO);
            let errors = Errors { truncation, d: d_h, first, dx: &mut *d_x, space: &mut *space };
            cell.backward::<A>(sequence, cache_here, errors, gradient);
            if i > 0 && !masks.is_empty() {
                let mask = part(masks, shape.before(i - 1, |layer| layer.hidden) * n, lower);
                d_x.iter_mut().zip(mask).for_each(|(d, &mask)| *d *= mask);
            }
        }
    }

    /// Values of scratch that [`backward`](Self::backward) needs.
    pub fn space<A: Arithmetic<T>>(self) -> usize {
        let layers = self.layers().map(LayerRef::space::<A>).fold(0, usize::max);
        layers.max(self.readout().space::<A>())
    }
}

/// [`NetworkRef::step`].
struct LayerSteps<'a, 'm, T> {
    network: &'a NetworkRef<'a, T>,
    x: Columns<'a, T>,
    memory: &'m mut [T],
}

impl<'m, T: Scalar> Work<T> for LayerSteps<'_, 'm, T> {
    type Output = &'m [T];

    #[inline(always)]
    fn run<A: Arithmetic<T>>(&mut self) -> &'m [T] {
        let LayerSteps { network, x, memory } = self;
        let mut rest = core::mem::take(memory);
        let (shape, mut parameters) = (&network.shape, network.parameters);
        let mut below: &[T] = &[];
        for i in 0..shape.layers.count() {
            let layer = shape.layers.get(i, shape.inputs);
            let memory = take(&mut rest, layer.memory());
            let own;
            (own, parameters) = parameters.split_at_checked(layer.parameters()).unwrap_or_default();
            let x = if i == 0 { *x } else { Columns::Values(below) };
            below = layer_step::<T, A>(layer, own, x, memory);
        }
        below
    }
}

/// One step of a layer with these parameters and this memory; h_t.
#[inline(always)]
fn layer_step<'m, T: Scalar, A: Arithmetic<T>>(
    layer: Layer,
    parameters: &[T],
    x: Columns<'_, T>,
    memory: &'m mut [T],
) -> &'m [T] {
    if let Some(cell) = layer.view(parameters) {
        cell.step::<A>(x, memory);
    }
    memory.get(..layer.hidden).unwrap_or_default()
}

/// Both sides of `at`; what is missing is empty.
fn split<T>(values: &mut [T], at: usize) -> (&mut [T], &mut [T]) {
    values.split_at_mut_checked(at).unwrap_or_default()
}

/// `count` values from `from` on; empty where there aren't as many.
fn part<T>(values: &[T], from: usize, count: usize) -> &[T] {
    values.get(from..from + count).unwrap_or_default()
}

/// h of the uppermost layer in the memory of a stream.
#[inline(always)]
pub(crate) fn uppermost<T>(shape: Shape, memory: &[T]) -> &[T] {
    let uppermost = shape.layers.get(shape.layers.count(), shape.inputs);
    part(last(memory, uppermost.memory()), 0, uppermost.hidden)
}

/// The last `count` values.
pub(crate) fn last<T>(values: &[T], count: usize) -> &[T] {
    values.get(values.len().saturating_sub(count)..).unwrap_or_default()
}
