//! Numbers that start where a cache line does: vectors as long as a line then never lie in two.

use std::ops::{Deref, DerefMut};

/// Numbers of a cache line.
const LINE: usize = 16;

/// A slice of zeros to begin with, of fixed length.
#[derive(Debug)]
pub struct Aligned {
    numbers: Vec<f32>,
    first: usize,
    length: usize,
}

impl Aligned {
    /// So many zeros.
    pub fn new(length: usize) -> Self {
        let numbers = vec![0.0; length + LINE];
        let first = numbers.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        Aligned { numbers, first, length }
    }
}

impl From<&[f32]> for Aligned {
    fn from(numbers: &[f32]) -> Self {
        let mut aligned = Aligned::new(numbers.len());
        aligned.copy_from_slice(numbers);
        aligned
    }
}

impl From<Vec<f32>> for Aligned {
    fn from(numbers: Vec<f32>) -> Self {
        numbers.as_slice().into()
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        (**self).into()
    }
}

impl PartialEq for Aligned {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[self.first..][..self.length]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.first..][..self.length]
    }
}

impl AsRef<[f32]> for Aligned {
    fn as_ref(&self) -> &[f32] {
        self
    }
}

impl AsMut<[f32]> for Aligned {
    fn as_mut(&mut self) -> &mut [f32] {
        self
    }
}
