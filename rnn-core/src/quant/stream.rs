//! A network of integers in the middle of a stream.

use super::fixed::O_BITS;
use super::network::{Inputs, IntegerNetwork};
use crate::forecast::Running;

/// A network with its memory, between the scaled numbers of a sample and integers.
#[derive(Debug)]
pub struct Live<'a> {
    /// The network.
    pub network: IntegerNetwork<'a>,
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
