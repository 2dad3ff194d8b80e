//! A network of integers in the middle of a stream.

use super::fixed::O_BITS;
use super::network::{Inputs, IntegerNetwork};
use crate::forecast::{self, Memory, Running};
use crate::model_file::{ModelFile, Task};
use crate::scaling::{Channel, Mode};

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

/// A predictor over a forecaster of integers: I channels, a memory of M words, windows of W samples
/// (0: the state is carried). [`stream::Predictor`](crate::stream::Predictor) says what it does.
#[derive(Clone, Debug)]
pub struct Predictor<'m, const I: usize, const M: usize, const W: usize> {
    network: IntegerNetwork<'m>,
    channels: &'m [Channel; I],
    mode: Mode,
    memory: [i32; M],
    last: [f32; I],
    scratch: [f32; I],
    recent: [[f32; I]; W],
    filled: usize,
    x: [i16; I],
    o: [i32; I],
}

impl<'m, const I: usize, const M: usize, const W: usize> Predictor<'m, I, M, W> {
    /// Starts from rest with no sample seen. `None` when the file isn't a forecaster of integers with
    /// these sizes, or doesn't lie on a 4-byte boundary.
    pub fn new(file: &ModelFile<'m>, channels: &'m [Channel; I]) -> Option<Self> {
        let Task::Forecast { mode, .. } = file.header.task else { return None };
        let network = file.integer_network()?;
        if file.header.inputs != I || network.plan().memory() != M || file.header.window != W {
            return None;
        }
        Some(Predictor {
            network,
            channels,
            mode,
            memory: [0; M],
            last: [f32::NAN; I],
            scratch: [0.0; I],
            recent: [[0.0; I]; W],
            filled: 0,
            x: [0; I],
            o: [0; I],
        })
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
        let mut live = Live {
            network: &self.network,
            memory: &mut self.memory,
            x: &mut self.x,
            o: &mut self.o,
        };
        forecast::step(&mut live, self.channels, self.mode, memory, sample, &mut prediction);
        prediction
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
