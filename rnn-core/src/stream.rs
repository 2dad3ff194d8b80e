//! The stream: one sample in, the prediction of the next one out, for ever.

use crate::cell::Cell;
use crate::forecast::{self, Forecaster, Memory, Running};
use crate::kernel::{Arithmetic, Columns, Inference, Work};
use crate::network::{Network, NetworkRef, Shaped, ShapedRef};
use crate::text;

/// A predictor over a model of I channels and H hidden units.
///
/// W = 0: the state is carried from sample to sample, one step of the network each. W > 0: every
/// prediction starts from rest and takes W steps over the last W samples (the windowed way; W times
/// the work, W I floats more).
///
/// Samples and predictions are in the channels' units. A value that isn't finite counts as missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictor<'m, C: Cell<f32, I, H>, const I: usize, const H: usize, const W: usize> {
    model: &'m Forecaster<C, I, H>,
    memory: C::Memory,
    last: [f32; I],
    scratch: [f32; I],
    recent: [[f32; I]; W],
    filled: usize,
}

/// A network in the middle of a stream, used where its parameters lie: a [`NetworkRef`], or a [`ShapedRef`].
#[derive(Debug)]
pub struct InPlace<'a, N> {
    /// The network.
    pub network: N,
    /// [`Shape::memory`](crate::network::Shape::memory) numbers.
    pub memory: &'a mut [f32],
}

macro_rules! running {
    ($network:ty, $($shape:ident: $bound:path)?, $flat:expr) => {
        impl<$($shape: $bound)?> Running for InPlace<'_, $network> {
            #[inline(always)]
            fn rest(&mut self) {
                self.memory.iter_mut().for_each(|number| *number = 0.0);
            }
            #[inline(always)]
            fn step(&mut self, u: &[f32]) {
                self.network.step::<Inference>(Columns::Values(u), self.memory);
            }
            #[inline(always)]
            fn step_symbol(&mut self, symbol: u16) {
                self.network.step::<Inference>(Columns::Symbols(&[symbol]), self.memory);
            }
            #[inline(always)]
            fn read(&mut self, o: &mut [f32]) {
                let network = $flat(&self.network);
                network.readout().forward::<Inference>(network.h(self.memory), o);
            }
        }
    };
}

running!(NetworkRef<'_, f32>, , NetworkRef::clone);
running!(ShapedRef<'_, S, f32>, S: Shaped, ShapedRef::flat);

/// The network of a predictor with its memory.
struct Live<'a, C: Cell<f32, I, H>, const I: usize, const H: usize> {
    network: &'a Network<f32, C, I, H, I>,
    memory: &'a mut C::Memory,
}

impl<C: Cell<f32, I, H>, const I: usize, const H: usize> Running for Live<'_, C, I, H> {
    #[inline(always)]
    fn rest(&mut self) {
        *self.memory = C::rest();
    }
    #[inline(always)]
    fn step(&mut self, u: &[f32]) {
        let Live { network, memory } = self;
        let x = Columns::Values(u);
        Inference::run(&mut CellStep { cell: &network.cell, x, memory: &mut **memory });
    }
    #[inline(always)]
    fn step_symbol(&mut self, symbol: u16) {
        let Live { network, memory } = self;
        let x = Columns::Symbols(&[symbol]);
        Inference::run(&mut CellStep { cell: &network.cell, x, memory: &mut **memory });
    }
    #[inline(always)]
    fn read(&mut self, o: &mut [f32]) {
        self.network.readout.view().forward::<Inference>(C::h(self.memory), o);
    }
}

/// One step of a predictor's cell.
struct CellStep<'a, C, M, const I: usize, const H: usize> {
    cell: &'a C,
    x: Columns<'a, f32>,
    memory: &'a mut M,
}

impl<C: Cell<f32, I, H>, const I: usize, const H: usize> Work<f32>
    for CellStep<'_, C, C::Memory, I, H>
{
    type Output = ();
    const KNOWS_SIZES: bool = true;

    #[inline(always)]
    fn run<A: Arithmetic<f32>>(&mut self) {
        self.cell.step::<A>(self.x, self.memory);
    }
}

impl<'m, C: Cell<f32, I, H>, const I: usize, const H: usize, const W: usize>
    Predictor<'m, C, I, H, W>
{
    /// Starts from the state at rest with no sample seen.
    pub fn new(model: &'m Forecaster<C, I, H>) -> Self {
        Predictor {
            model,
            memory: C::rest(),
            last: [f32::NAN; I],
            scratch: [0.0; I],
            recent: [[0.0; I]; W],
            filled: 0,
        }
    }

    /// Takes one sample, returns the prediction of the next one.
    #[inline]
    pub fn step(&mut self, sample: &[f32; I]) -> [f32; I] {
        let mut prediction = [0.0; I];
        let Forecaster { network, channels, mode } = self.model;
        let memory = Memory {
            last: &mut self.last,
            scratch: &mut self.scratch,
            recent: self.recent.as_flattened_mut(),
            filled: &mut self.filled,
        };
        let mut live = Live { network, memory: &mut self.memory };
        forecast::step(&mut live, channels, *mode, memory, sample, &mut prediction);
        prediction
    }

    /// Back to rest, as if no sample had come.
    pub fn restart(&mut self) {
        self.memory = C::rest();
        self.last = [f32::NAN; I];
        self.filled = 0;
    }

    /// h_t of the uppermost cell.
    pub fn state(&self) -> &[f32; H] {
        C::h(&self.memory)
    }

    /// Recursive forecast: predicts sample after sample, each prediction fed back as the next input,
    /// starting with `prediction`, the last one that [`step`](Self::step) returned. The predictor
    /// itself stays where it is.
    pub fn forecast(&self, prediction: [f32; I]) -> Forecast<'m, C, I, H, W> {
        Forecast { predictor: self.clone(), next: prediction }
    }
}

/// An endless recursive forecast; see [`Predictor::forecast`].
#[derive(Clone, Debug)]
pub struct Forecast<'m, C: Cell<f32, I, H>, const I: usize, const H: usize, const W: usize> {
    predictor: Predictor<'m, C, I, H, W>,
    next: [f32; I],
}

impl<C: Cell<f32, I, H>, const I: usize, const H: usize, const W: usize> Iterator
    for Forecast<'_, C, I, H, W>
{
    type Item = [f32; I];

    fn next(&mut self) -> Option<[f32; I]> {
        let prediction = self.next;
        self.next = self.predictor.step(&prediction);
        Some(prediction)
    }
}

/// A network on text in the middle of it: I symbols, H hidden units.
#[derive(Clone, Debug, PartialEq)]
pub struct Writer<'m, C: Cell<f32, I, H>, const I: usize, const H: usize> {
    network: &'m Network<f32, C, I, H, I>,
    memory: C::Memory,
    o: [f32; I],
}

impl<'m, C: Cell<f32, I, H>, const I: usize, const H: usize> Writer<'m, C, I, H> {
    /// Starts from the state at rest.
    pub fn new(network: &'m Network<f32, C, I, H, I>) -> Self {
        Writer { network, memory: C::rest(), o: [0.0; I] }
    }

    /// Reads a symbol and chooses the next one; see [`text::choose`].
    #[inline]
    pub fn step(&mut self, symbol: u16, temperature: f32, random: f32) -> u16 {
        let Writer { network, memory, o } = self;
        text::step(&mut Live { network, memory }, symbol, o, temperature, random)
    }

    /// What the last step's outputs were, in front of the softmax.
    pub fn output(&self) -> &[f32; I] {
        &self.o
    }
}
