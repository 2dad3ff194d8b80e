//! Numbers that start where a cache line does: vectors as long as a line then never lie in two.

use std::ops::{Deref, DerefMut};

/// Numbers of a cache line.
const LINE: usize = 16;

/// A slice of fixed length.
#[derive(Debug)]
pub struct Aligned<T = f32> {
    numbers: Vec<T>,
    first: usize,
    length: usize,
    lead: usize,
}

impl Aligned {
    /// So many zeros.
    pub fn new(length: usize) -> Self {
        Self::zeros(0, length)
    }
}

impl<T: Copy + Default> Aligned<T> {
    /// These numbers; the line starts behind the first `lead` of them.
    pub fn behind(lead: usize, numbers: &[T]) -> Self {
        let mut aligned = Self::zeros(lead, numbers.len());
        aligned.copy_from_slice(numbers);
        aligned
    }

    fn zeros(lead: usize, length: usize) -> Self {
        let numbers = vec![T::default(); length + LINE];
        let behind = numbers.as_ptr().wrapping_add(lead);
        let first = behind.align_offset(LINE * size_of::<T>()).min(LINE);
        Aligned { numbers, first, length, lead }
    }
}

impl<T: Copy + Default> From<&[T]> for Aligned<T> {
    fn from(numbers: &[T]) -> Self {
        Aligned::behind(0, numbers)
    }
}

impl<T: Copy + Default> From<Vec<T>> for Aligned<T> {
    fn from(numbers: Vec<T>) -> Self {
        numbers.as_slice().into()
    }
}

impl<T: Copy + Default> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        Aligned::behind(self.lead, self)
    }
}

impl<T: PartialEq> PartialEq for Aligned<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.numbers[self.first..][..self.length]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_starts_behind_the_lead() {
        for lead in [0, 1, 15, 16, 35] {
            let aligned = Aligned::behind(lead, &[7; 40]);
            for numbers in [&aligned, &aligned.clone()] {
                assert_eq!(numbers[lead..].as_ptr() as usize % 64, 0);
                assert_eq!(**numbers, [7; 40]);
            }
        }
    }
}
