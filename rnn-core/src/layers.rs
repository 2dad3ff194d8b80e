//! Cells whose kind and sizes are known at run time: the trainer's networks, and what a model file
//! describes. The functions are those of the fixed-size cells.

use core::fmt;

use crate::activation::Activation;
use crate::cell::{Errors, Recurrence, Sequence};
use crate::elman::{ElmanMut, ElmanRef};
use crate::gru::{GruMut, GruRef, Reset};
use crate::kernel::{Arithmetic, Columns};
use crate::lstm::{LstmMut, LstmRef};
use crate::scalar::Scalar;

/// Most layers of a [`Stack`](crate::cell::Stack) that a model file holds.
pub const MAX_LAYERS: usize = 16;

/// The kind of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// h = sigma(W_xh x + W_hh h + b); see [`elman`](crate::elman).
    Elman(Activation),
    /// See [`gru`](crate::gru).
    Gru(Reset),
    /// See [`lstm`](crate::lstm).
    Lstm,
}

/// A cell's kind and sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Elman, GRU, LSTM.
    pub kind: Kind,
    /// I
    pub inputs: usize,
    /// H
    pub hidden: usize,
}

/// Most tensors that a cell has.
pub const MAX_TENSORS: usize = 7;

impl Layer {
    /// Rows and columns of the tensors, in the order in which flat parameters hold them; 0 x 0 behind
    /// the last.
    pub const fn tensors(self) -> [(usize, usize); MAX_TENSORS] {
        let Layer { kind, inputs: i, hidden: h } = self;
        let none = (0, 0);
        match kind {
            Kind::Elman(_) => [(h, i), (h, h), (h, 1), none, none, none, none],
            Kind::Gru(reset) => {
                let b_hn = if matches!(reset, Reset::After) { (h, 1) } else { none };
                [(2 * h, i), (h, i), (2 * h, h), (h, h), (2 * h, 1), (h, 1), b_hn]
            }
            Kind::Lstm => [(4 * h, i), (4 * h, h), (4 * h, 1), none, none, none, none],
        }
    }

    /// Number of parameters.
    pub const fn parameters(self) -> usize {
        let tensors = self.tensors();
        let mut sum = 0;
        let mut i = 0;
        while i < MAX_TENSORS {
            sum += tensors[i].0 * tensors[i].1;
            i += 1;
        }
        sum
    }

    /// Numbers of state per sample.
    pub const fn state(self) -> usize {
        self.hidden * if matches!(self.kind, Kind::Lstm) { 2 } else { 1 }
    }

    /// Numbers of memory of a stream: state and scratch.
    pub const fn memory(self) -> usize {
        self.hidden
            * match self.kind {
                Kind::Elman(_) => <ElmanRef<'_, f32> as Recurrence<f32>>::MEMORY,
                Kind::Gru(_) => <GruRef<'_, f32> as Recurrence<f32>>::MEMORY,
                Kind::Lstm => <LstmRef<'_, f32> as Recurrence<f32>>::MEMORY,
            }
    }

    /// Numbers that a step of one sample leaves for its backward pass.
    pub const fn cache(self) -> usize {
        self.hidden
            * match self.kind {
                Kind::Elman(_) => <ElmanRef<'_, f32> as Recurrence<f32>>::CACHE,
                Kind::Gru(_) => <GruRef<'_, f32> as Recurrence<f32>>::CACHE,
                Kind::Lstm => <LstmRef<'_, f32> as Recurrence<f32>>::CACHE,
            }
    }

    /// Multiply-adds of a step.
    pub const fn multiply_adds(self) -> usize {
        let gates = match self.kind {
            Kind::Elman(_) => 1,
            Kind::Gru(_) => 3,
            Kind::Lstm => 4,
        };
        gates * self.hidden * (self.inputs + self.hidden)
    }

    /// The cell on flat parameters, in the order of [`tensors`](Self::tensors); `None` when there are
    /// not [`parameters`](Self::parameters) of them.
    #[inline]
    pub fn view<T: Scalar>(self, mut flat: &[T]) -> Option<LayerRef<'_, T>> {
        let Layer { kind, inputs, hidden } = self;
        let mut parts: [&[T]; MAX_TENSORS] = [&[]; MAX_TENSORS];
        for (part, (rows, columns)) in parts.iter_mut().zip(self.tensors()) {
            (*part, flat) = flat.split_at_checked(rows * columns)?;
        }
        let [a, b, c, d, e, f, g] = parts;
        flat.is_empty().then_some(match kind {
            Kind::Elman(activation) => {
                LayerRef::Elman(ElmanRef { inputs, hidden, activation, w_xh: a, w_hh: b, b: c })
            }
            Kind::Gru(reset) => LayerRef::Gru(GruRef {
                inputs,
                hidden,
                reset,
                w_xg: a,
                w_xn: b,
                w_hg: c,
                w_hn: d,
                b_g: e,
                b_n: f,
                b_hn: g,
            }),
            Kind::Lstm => LayerRef::Lstm(LstmRef { inputs, hidden, w_x: a, w_h: b, b: c }),
        })
    }

    /// The tensors of flat parameters, to be changed; empty ones where there are too few numbers.
    fn split_mut<T>(self, mut flat: &mut [T]) -> [&mut [T]; MAX_TENSORS] {
        self.tensors().map(|(rows, columns)| crate::cell::take(&mut flat, rows * columns))
    }
}

/// The type of the cell of fixed size, as Rust source: `Gru<f32, 1, 32, ResetAfter>`.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Layer { kind, inputs, hidden } = self;
        match kind {
            Kind::Elman(_) => write!(f, "Elman<f32, {inputs}, {hidden}>"),
            Kind::Gru(reset) => write!(f, "Gru<f32, {inputs}, {hidden}, Reset{reset:?}>"),
            Kind::Lstm => write!(f, "Lstm<f32, {inputs}, {hidden}>"),
        }
    }
}

/// A cell of any kind whose tensors lie elsewhere.
#[derive(Clone, Copy, Debug)]
pub enum LayerRef<'a, T> {
    /// Elman
    Elman(ElmanRef<'a, T>),
    /// GRU
    Gru(GruRef<'a, T>),
    /// LSTM
    Lstm(LstmRef<'a, T>),
}

/// The same call for the cell that it is.
macro_rules! with_cell {
    ($layer:expr, $cell:ident => $call:expr) => {
        match $layer {
            LayerRef::Elman($cell) => $call,
            LayerRef::Gru($cell) => $call,
            LayerRef::Lstm($cell) => $call,
        }
    };
}

impl<T: Scalar> LayerRef<'_, T> {
    /// Kind and sizes.
    pub fn layer(self) -> Layer {
        let kind = match self {
            LayerRef::Elman(cell) => Kind::Elman(cell.activation),
            LayerRef::Gru(cell) => Kind::Gru(cell.reset),
            LayerRef::Lstm(_) => Kind::Lstm,
        };
        with_cell!(self, cell => Layer { kind, inputs: cell.inputs, hidden: cell.hidden })
    }

    /// One step; see [`Recurrence::step`].
    #[inline(always)]
    pub fn step<A: Arithmetic<T>>(self, x: Columns<'_, T>, memory: &mut [T]) {
        with_cell!(self, cell => cell.step::<A>(x, memory));
    }

    /// T steps; see [`Recurrence::forward`].
    pub fn forward<A: Arithmetic<T>>(self, sequence: Sequence<'_, T>, cache: &mut [T]) {
        with_cell!(self, cell => cell.forward::<A>(sequence, cache));
    }

    /// The way back; see [`Recurrence::backward`]. `gradient` is flat, in the order of
    /// [`Layer::tensors`].
    pub fn backward<A: Arithmetic<T>>(
        self,
        sequence: Sequence<'_, T>,
        cache: &mut [T],
        errors: Errors<'_, T>,
        gradient: &mut [T],
    ) {
        let [a, b, c, d, e, f, g] = self.layer().split_mut(gradient);
        match self {
            LayerRef::Elman(cell) => {
                cell.backward::<A>(sequence, cache, errors, ElmanMut { w_xh: a, w_hh: b, b: c });
            }
            LayerRef::Gru(cell) => {
                let gradient =
                    GruMut { w_xg: a, w_xn: b, w_hg: c, w_hn: d, b_g: e, b_n: f, b_hn: g };
                cell.backward::<A>(sequence, cache, errors, gradient);
            }
            LayerRef::Lstm(cell) => {
                cell.backward::<A>(sequence, cache, errors, LstmMut { w_x: a, w_h: b, b: c });
            }
        }
    }

    /// The state after the last of `steps` steps; see [`Recurrence::last_state`].
    pub fn last_state(self, units: usize, steps: usize, cache: &[T], state: &mut [T]) {
        fn of<T: Scalar, R: Recurrence<T>>(_: R) -> fn(usize, usize, &[T], &mut [T]) {
            R::last_state
        }
        with_cell!(self, cell => of(cell)(units, steps, cache, state));
    }

    /// Values of scratch that `backward` needs.
    pub fn space<A: Arithmetic<T>>(self) -> usize {
        with_cell!(self, cell => cell.space::<A>())
    }
}

/// The layers of a network, from the inputs upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layers {
    list: [(Kind, usize); MAX_LAYERS],
    count: usize,
}

impl Layers {
    /// A single cell of `hidden` units.
    pub const fn one(kind: Kind, hidden: usize) -> Self {
        let mut list = [(Kind::Lstm, 0); MAX_LAYERS];
        list[0] = (kind, hidden);
        Layers { list, count: 1 }
    }

    /// The same with another cell on top; `None` when there are [`MAX_LAYERS`] already.
    pub const fn with(mut self, kind: Kind, hidden: usize) -> Option<Self> {
        let (_, free) = match self.list.split_at_mut_checked(self.count) {
            Some(parts) => parts,
            None => return None,
        };
        match free {
            [first, ..] => *first = (kind, hidden),
            [] => return None,
        }
        self.count += 1;
        Some(self)
    }

    /// How many, at least 1.
    #[inline(always)]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Kind and sizes of layer `i` of a network with so many inputs; the uppermost for an `i` beyond.
    #[inline(always)]
    pub const fn get(&self, i: usize, inputs: usize) -> Layer {
        let i = if i < self.count { i } else { self.count - 1 };
        let (kind, hidden) = self.entry(i);
        Layer { kind, inputs: if i == 0 { inputs } else { self.entry(i - 1).1 }, hidden }
    }

    /// Entry i of the list, without a panic for one that there isn't.
    #[inline(always)]
    const fn entry(&self, i: usize) -> (Kind, usize) {
        match self.list.split_at_checked(i) {
            Some((_, [entry, ..])) => *entry,
            _ => (Kind::Lstm, 0),
        }
    }

    /// All of them.
    pub fn iter(&self, inputs: usize) -> impl DoubleEndedIterator<Item = Layer> + use<> {
        let layers = *self;
        (0..self.count).map(move |i| layers.get(i, inputs))
    }

    /// H of the uppermost.
    #[inline(always)]
    pub const fn hidden(&self) -> usize {
        self.get(self.count, 0).hidden
    }
}
