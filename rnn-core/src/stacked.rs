//! The weights of several gates as one matrix, so that one product computes them all.

use nalgebra::SMatrix;

use crate::scalar::Scalar;

/// G blocks of R x C over one another: a column-major matrix of G R rows and C columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stacked<T, const G: usize, const R: usize, const C: usize>(pub [[[T; R]; G]; C]);

impl<T: Scalar, const G: usize, const R: usize, const C: usize> Stacked<T, G, R, C> {
    /// All zeros.
    pub const fn zeros() -> Self {
        Stacked([[[T::ZERO; R]; G]; C])
    }

    /// The blocks, the uppermost first.
    pub fn from_blocks(blocks: &[SMatrix<T, R, C>; G]) -> Self {
        let mut stacked = Self::zeros();
        for (c, column) in stacked.0.iter_mut().enumerate() {
            for (to, from) in column.iter_mut().zip(blocks) {
                crate::cell::copy(from.as_slice().get(c * R..).unwrap_or_default(), to);
            }
        }
        stacked
    }

    /// The blocks, the uppermost first.
    pub fn blocks(&self) -> [SMatrix<T, R, C>; G] {
        let mut blocks: [SMatrix<T, R, C>; G] = [SMatrix::from_element(T::ZERO); G];
        for (g, block) in blocks.iter_mut().enumerate() {
            let columns = self.0.iter().filter_map(|column| column.get(g));
            for (to, from) in block.as_mut_slice().iter_mut().zip(columns.flatten().copied()) {
                *to = from;
            }
        }
        blocks
    }

    /// G R x C values, column-major.
    #[inline(always)]
    pub const fn as_slice(&self) -> &[T] {
        self.0.as_flattened().as_flattened()
    }

    /// The same, to be changed.
    #[inline(always)]
    pub const fn as_mut_slice(&mut self) -> &mut [T] {
        self.0.as_flattened_mut().as_flattened_mut()
    }
}
