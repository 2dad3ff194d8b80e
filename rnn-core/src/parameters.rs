//! What an optimiser sees of a network: a list of tensors.

/// Something made of tensors, in a fixed order.
pub trait Parameters<T: 'static> {
    /// The tensors, each as its values.
    fn tensors(&self) -> impl Iterator<Item = &[T]>;
    /// The tensors, to be changed.
    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut [T]>;
}

/// Flat parameters are a single tensor.
impl<T: 'static, P: AsRef<[T]> + AsMut<[T]>> Parameters<T> for P {
    fn tensors(&self) -> impl Iterator<Item = &[T]> {
        core::iter::once(self.as_ref())
    }
    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        core::iter::once(self.as_mut())
    }
}
