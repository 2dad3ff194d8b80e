//! Dense layer: o = W h + b.

use nalgebra::{SMatrix, SVector};

use crate::kernel::{Arithmetic, Columns, FEW, Product, Work, add_columns};
use crate::parameters::Parameters;
use crate::scalar::Scalar;

/// A dense layer of fixed size: W is O x H, b has O values.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "std", repr(C, align(64)))] // A vector of a host lies in one cache line.
pub struct Dense<T, const H: usize, const O: usize> {
    /// W, O x H.
    pub w: SMatrix<T, O, H>,
    /// b, O values.
    pub b: SVector<T, O>,
}

impl<T: Scalar, const H: usize, const O: usize> Dense<T, H, O> {
    /// All zeros.
    pub fn zeros() -> Self {
        Dense { w: SMatrix::from_element(T::ZERO), b: SVector::from_element(T::ZERO) }
    }

    /// A view of the weights.
    #[inline(always)]
    pub fn view(&self) -> DenseRef<'_, T> {
        DenseRef { inputs: H, outputs: O, w: self.w.as_slice(), b: self.b.as_slice() }
    }

    /// A view of what a gradient is added to.
    #[inline(always)]
    pub fn view_mut(&mut self) -> DenseMut<'_, T> {
        DenseMut { w: self.w.as_mut_slice(), b: self.b.as_mut_slice() }
    }
}

impl<T: Scalar, const H: usize, const O: usize> Parameters<T> for Dense<T, H, O> {
    fn tensors(&self) -> impl Iterator<Item = &[T]> {
        let DenseRef { w, b, .. } = self.view();
        [w, b].into_iter()
    }
    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let DenseMut { w, b } = self.view_mut();
        [w, b].into_iter()
    }
}

/// A dense layer whose tensors lie elsewhere. W is outputs x inputs, column-major.
#[derive(Clone, Copy, Debug)]
pub struct DenseRef<'a, T> {
    /// Columns of W.
    pub inputs: usize,
    /// Rows of W.
    pub outputs: usize,
    /// W, outputs x inputs.
    pub w: &'a [T],
    /// b, outputs values.
    pub b: &'a [T],
}

/// The gradients of a dense layer, laid out as in [`DenseRef`].
#[derive(Debug)]
pub struct DenseMut<'a, T> {
    /// dL/dW.
    pub w: &'a mut [T],
    /// dL/db.
    pub b: &'a mut [T],
}

impl<T: Scalar> DenseRef<'_, T> {
    /// o = W h + b, a column per sample: h is inputs x n, o is outputs x n.
    #[inline(always)]
    pub fn forward<A: Arithmetic<T>>(self, h: &[T], o: &mut [T]) {
        A::run(&mut Forward { layer: self, h, o });
    }

    /// From dL/do: dL/dW += sum_n do_n h_n^T, dL/db += sum_n do_n, dL/dh += W^T dL/do. `space` is
    /// scratch of [`space`](Self::space) values.
    #[inline(always)]
    pub fn backward<A: Arithmetic<T>>(
        self,
        h: &[T],
        d_o: &[T],
        gradient: DenseMut<'_, T>,
        dh: &mut [T],
        space: &mut [T],
    ) {
        self.backward_onto::<A>(h, d_o, gradient, dh, true, space);
    }

    /// The same; dL/dh = W^T dL/do where nothing is `held`.
    #[inline(always)]
    pub(crate) fn backward_onto<A: Arithmetic<T>>(
        self,
        h: &[T],
        d_o: &[T],
        gradient: DenseMut<'_, T>,
        dh: &mut [T],
        held: bool,
        space: &mut [T],
    ) {
        A::outer(gradient.w, d_o, self.outputs, Columns::Values(h), self.inputs);
        add_columns(gradient.b, d_o);
        let w = A::transposed(self.w, self.outputs, self.inputs, space);
        A::backward(dh, held, w, self.outputs, self.inputs, d_o, None);
    }

    /// Values of scratch that `backward` needs.
    pub fn space<A: Arithmetic<T>>(self) -> usize {
        A::transposed_len(self.outputs, self.inputs)
    }
}

/// [`DenseRef::forward`].
struct Forward<'a, T> {
    layer: DenseRef<'a, T>,
    h: &'a [T],
    o: &'a mut [T],
}

impl<T: Scalar> Work<T> for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic<T>>(&mut self) {
        let Forward { layer: DenseRef { inputs, outputs, w, b }, h, o } = self;
        if *outputs < FEW {
            A::readout(o, *outputs, b, w, h, *inputs);
        } else {
            A::affine(o, *outputs, b, Product::new(w, h, *inputs), Product::NONE);
        }
    }
}
