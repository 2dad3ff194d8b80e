//! Weights for the jobs: their values don't matter, but the compiler must not know them.

use nalgebra::{ArrayStorage, SMatrix};
use rnn_core::random::SplitMix64;
use rnn_core::stacked::Stacked;

/// A source of weights, uniform in +-1/8.
pub(crate) struct Weights(SplitMix64);

impl Weights {
    pub(crate) const fn new(seed: u64) -> Self {
        Weights(SplitMix64::new(seed))
    }

    /// R x C
    pub(crate) const fn matrix<const R: usize, const C: usize>(&mut self) -> SMatrix<f32, R, C> {
        let mut columns = [[0.0; R]; C];
        self.fill(columns.as_flattened_mut());
        SMatrix::from_array_storage(ArrayStorage(columns))
    }

    /// G blocks of R x C over one another.
    pub(crate) const fn stacked<const G: usize, const R: usize, const C: usize>(
        &mut self,
    ) -> Stacked<f32, G, R, C> {
        let mut stacked = Stacked::zeros();
        self.fill(stacked.as_mut_slice());
        stacked
    }

    const fn fill(&mut self, values: &mut [f32]) {
        let mut i = 0;
        while i < values.len() {
            values[i] = (self.0.uniform() as f32 - 0.5) * 0.25;
            i += 1;
        }
    }
}
