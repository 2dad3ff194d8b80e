//! Reproducible random numbers: SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014).

use crate::scalar::Scalar;

/// A generator with 64 bits of state. The same seed gives the same numbers everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Starts at `seed`; every value is a good one.
    pub const fn new(seed: u64) -> Self {
        SplitMix64(seed)
    }

    /// Where it stands: `new` of it goes on from here.
    pub const fn state(&self) -> u64 {
        self.0
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    pub const fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0 ... n - 1; 0 for n = 0. The bias is below n / 2^64.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// Fills with values uniform in +-`bound`.
    pub fn fill_uniform<T: Scalar>(&mut self, bound: T, values: &mut [T]) {
        for value in values {
            *value = T::from_f64(2.0 * self.uniform() - 1.0) * bound;
        }
    }
}
