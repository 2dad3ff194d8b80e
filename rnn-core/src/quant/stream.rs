//! A network of integers in the middle of a stream.

use core::marker::PhantomData;

use super::fixed::O_BITS;
use super::network::{Inputs, IntegerNetwork};
use crate::forecast::{self, Memory, Running};
use crate::model_file::ModelFile;
use crate::scaling::{Channel, Mode};
use crate::text;

/// A network with its memory, between the scaled numbers of a sample and integers.
#[derive(Debug)]
pub struct Live<'a> {
    /// The network.
    pub network: &'a IntegerNetwork<'a>,
    /// [`Plan::memory`](super::Plan::memory) words.
    pub memory: &'a mut [i32],
    /// Room for the inputs, I values.
    pub x: &'a mut [i16],
    /// Room for the outputs, I values.
    pub o: &'a mut [i32],
}

impl Running for Live<'_> {
    #[inline(always)]
    fn rest(&mut self) {
        self.memory.iter_mut().for_each(|word| *word = 0);
    }
    #[inline(always)]
    fn step(&mut self, u: &[f32]) {
        for (i, (x, &u)) in self.x.iter_mut().zip(u).enumerate() {
            *x = self.network.number(i, u);
        }
        self.network.step(Inputs::Values(self.x), self.memory);
    }
    #[inline(always)]
    fn step_symbol(&mut self, symbol: u16) {
        self.network.step(Inputs::Symbol(symbol), self.memory);
    }
    #[inline(always)]
    fn read(&mut self, o: &mut [f32]) {
        self.network.read(self.memory, self.o);
        o.iter_mut().zip(&*self.o).for_each(|(o, &sum)| *o = output(sum));
    }
}

/// An output of the readout as a number: the division by a power of two is exact.
#[inline(always)]
pub fn output(o: i32) -> f32 {
    o as f32 * (1.0 / (1u32 << O_BITS) as f32)
}

/// A network that is known when a program is compiled: from there on the compiler knows its cells and
/// sizes, and only their code is left.
pub trait Embedded {
    /// The network, its words in a `static`.
    const NETWORK: IntegerNetwork<'static>;
}

const fn fits<N: Embedded>(inputs: usize, memory: usize) {
    let plan = N::NETWORK.plan();
    assert!(plan.inputs == inputs && plan.memory() == memory, "the sizes are the network's");
}

/// A predictor over a forecaster of integers: I channels, a memory of M words, windows of W samples
/// (0: the state is carried). [`stream::Predictor`](crate::stream::Predictor) says what it does.
#[derive(Clone, Debug)]
pub struct Predictor<N, const I: usize, const M: usize, const W: usize> {
    channels: &'static [Channel; I],
    mode: Mode,
    memory: [i32; M],
    last: [f32; I],
    scratch: [f32; I],
    recent: [[f32; I]; W],
    filled: usize,
    x: [i16; I],
    o: [i32; I],
    network: PhantomData<N>,
}

impl<N: Embedded, const I: usize, const M: usize, const W: usize> Predictor<N, I, M, W> {
    /// Another I or M than the network's doesn't compile.
    const FITS: () = fits::<N>(I, M);

    /// Starts from rest with no sample seen.
    pub const fn new(channels: &'static [Channel; I], mode: Mode) -> Self {
        let () = Self::FITS;
        Predictor {
            channels,
            mode,
            memory: [0; M],
            last: [f32::NAN; I],
            scratch: [0.0; I],
            recent: [[0.0; I]; W],
            filled: 0,
            x: [0; I],
            o: [0; I],
            network: PhantomData,
        }
    }

    /// Takes one sample, returns the prediction of the next one.
    #[inline]
    pub fn step(&mut self, sample: &[f32; I]) -> [f32; I] {
        let mut prediction = [0.0; I];
        let memory = Memory {
            last: &mut self.last,
            scratch: &mut self.scratch,
            recent: self.recent.as_flattened_mut(),
            filled: &mut self.filled,
        };
        let mut live =
            Live { network: &N::NETWORK, memory: &mut self.memory, x: &mut self.x, o: &mut self.o };
        forecast::step(&mut live, self.channels, self.mode, memory, sample, &mut prediction);
        prediction
    }

    /// Back to rest, as if no sample had come.
    pub fn restart(&mut self) {
        self.memory = [0; M];
        self.last = [f32::NAN; I];
        self.filled = 0;
    }

    /// Runs a file's self-test samples and counts the predictions whose bits differ.
    pub fn self_test(mut self, file: &ModelFile<'_>) -> usize {
        let mut tests = file.self_tests();
        let mut wrong = 0;
        for _ in 0..file.header.self_tests {
            let pairs: [(f32, f32); I] = core::array::from_fn(|_| tests.next().unwrap_or_default());
            let prediction = self.step(&pairs.map(|(sample, _)| sample));
            let mut both = pairs.iter().zip(&prediction);
            wrong += usize::from(both.any(|((_, e), p)| e.to_bits() != p.to_bits()));
        }
        wrong
    }
}

/// A network of integers on text: I symbols, a memory of M words. [`stream::Writer`](crate::stream::Writer)
/// says what it does.
#[derive(Clone, Debug)]
pub struct Writer<N, const I: usize, const M: usize> {
    memory: [i32; M],
    sums: [i32; I],
    o: [f32; I],
    network: PhantomData<N>,
}

impl<N: Embedded, const I: usize, const M: usize> Writer<N, I, M> {
    /// Another I or M than the network's doesn't compile.
    const FITS: () = fits::<N>(I, M);

    /// Starts from the state at rest.
    pub const fn new() -> Self {
        let () = Self::FITS;
        Writer { memory: [0; M], sums: [0; I], o: [0.0; I], network: PhantomData }
    }

    /// Reads a symbol and chooses the next one; see [`text::choose`].
    #[inline]
    pub fn step(&mut self, symbol: u16, temperature: f32, random: f32) -> u16 {
        let Writer { memory, sums, o, .. } = self;
        let mut live = Live { network: &N::NETWORK, memory, x: &mut [], o: sums };
        text::step(&mut live, symbol, o, temperature, random)
    }

    /// What the last step's outputs were, in front of the softmax.
    pub fn output(&self) -> &[f32; I] {
        &self.o
    }
}

impl<N: Embedded, const I: usize, const M: usize> Default for Writer<N, I, M> {
    fn default() -> Self {
        Self::new()
    }
}
