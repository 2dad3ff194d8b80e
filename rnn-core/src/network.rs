//! An Elman cell with a dense readout: o_t = W_hy h_t + b_y, y_t = o_t or softmax(o_t).

use crate::activation::softmax;
use crate::dense::{Dense, DenseMut, DenseRef};
use crate::elman::{Elman, ElmanMut, ElmanRef};
use crate::kernel::{Arithmetic, Inference};
use crate::parameters::Parameters;
use crate::random::SplitMix64;
use crate::scalar::Scalar;

/// What stands behind the readout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// y = o
    Linear,
    /// y = softmax(o)
    Softmax,
}

impl Head {
    /// Turns each column of `o` (`outputs` x n) into y.
    #[inline(always)]
    pub fn apply<T: Scalar>(self, o: &mut [T], outputs: usize) {
        if self == Head::Softmax {
            o.chunks_exact_mut(outputs.max(1)).for_each(softmax);
        }
    }
}

/// A recurrent network of fixed size: I inputs, H hidden units, O outputs. Its gradient, and an
/// optimiser's moments, have the same type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network<T, const I: usize, const H: usize, const O: usize> {
    /// h_t = sigma(W_xh x_t + W_hh h_{t-1} + b)
    pub cell: Elman<T, I, H>,
    /// o_t = W_hy h_t + b_y
    pub readout: Dense<T, H, O>,
    /// Linear or softmax.
    pub head: Head,
}

impl<T: Scalar, const I: usize, const H: usize, const O: usize> Network<T, I, H, O> {
    /// Number of parameters of a cell with bias.
    pub const PARAMETERS: usize = H * I + H * H + H + O * H + O;

    /// All zeros: tanh, with bias, linear output.
    pub fn zeros() -> Self {
        Network { cell: Elman::zeros(), readout: Dense::zeros(), head: Head::Linear }
    }

    /// Every parameter uniform in +-1/sqrt(H), the same for the same seed on every machine.
    pub fn random(seed: u64) -> Self {
        let mut network = Self::zeros();
        let bound = T::ONE / T::from_f64(H as f64).sqrt();
        let mut random = SplitMix64::new(seed);
        for tensor in network.tensors_mut() {
            random.fill_uniform(bound, tensor);
        }
        network
    }

    /// A view of the weights.
    #[inline(always)]
    pub fn view(&self) -> NetworkRef<'_, T> {
        NetworkRef { cell: self.cell.view(), readout: self.readout.view(), head: self.head }
    }

    /// A view of what a gradient is added to.
    #[inline(always)]
    pub fn view_mut(&mut self) -> NetworkMut<'_, T> {
        NetworkMut { cell: self.cell.view_mut(), readout: self.readout.view_mut() }
    }

    /// One step of inference: takes x_t, moves the state from h_{t-1} to h_t, returns y_t.
    #[inline]
    pub fn step(&self, x: &[T; I], h: &mut [T; H]) -> [T; O] {
        let mut h_t = [T::ZERO; H];
        let mut y = [T::ZERO; O];
        self.view().forward::<Inference>(1, x, h, &mut h_t, &mut y);
        *h = h_t;
        y
    }
}

impl<T: Scalar, const I: usize, const H: usize, const O: usize> Parameters<T>
    for Network<T, I, H, O>
{
    fn tensors(&self) -> impl Iterator<Item = &[T]> {
        let NetworkRef { cell, readout, .. } = self.view();
        [cell.w_xh, cell.w_hh, cell.b, readout.w, readout.b].into_iter()
    }

    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let NetworkMut { cell, readout } = self.view_mut();
        [cell.w_xh, cell.w_hh, cell.b, readout.w, readout.b].into_iter()
    }
}

/// The sizes of a network known at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// I
    pub inputs: usize,
    /// H
    pub hidden: usize,
    /// O
    pub outputs: usize,
}

impl Shape {
    /// Lengths of W_xh, W_hh, b, W_hy, b_y, in the order in which flat parameters hold them.
    pub const fn lengths(self) -> [usize; 5] {
        let Shape { inputs: i, hidden: h, outputs: o } = self;
        [h * i, h * h, h, o * h, o]
    }

    /// Number of parameters.
    pub const fn parameters(self) -> usize {
        let [a, b, c, d, e] = self.lengths();
        a + b + c + d + e
    }
}

/// A network whose tensors lie elsewhere: in flash, or in a trainer's flat vector.
#[derive(Clone, Copy, Debug)]
pub struct NetworkRef<'a, T> {
    /// The recurrent cell.
    pub cell: ElmanRef<'a, T>,
    /// The readout.
    pub readout: DenseRef<'a, T>,
    /// Linear or softmax.
    pub head: Head,
}

/// The gradient of a network, laid out as in [`NetworkRef`].
#[derive(Debug)]
pub struct NetworkMut<'a, T> {
    /// Of the recurrent cell.
    pub cell: ElmanMut<'a, T>,
    /// Of the readout.
    pub readout: DenseMut<'a, T>,
}

impl<'a, T: Scalar> NetworkRef<'a, T> {
    /// A tanh network with a linear readout on flat parameters in the order of [`Shape::lengths`];
    /// `None` when their number isn't [`Shape::parameters`].
    pub fn from_flat(shape: Shape, flat: &'a [T]) -> Option<Self> {
        let [l_xh, l_hh, l_b, l_hy, l_y] = shape.lengths();
        let (w_xh, rest) = flat.split_at_checked(l_xh)?;
        let (w_hh, rest) = rest.split_at_checked(l_hh)?;
        let (b, rest) = rest.split_at_checked(l_b)?;
        let (w, b_y) = rest.split_at_checked(l_hy)?;
        let Shape { inputs, hidden, outputs } = shape;
        let activation = crate::activation::Activation::Tanh;
        (b_y.len() == l_y).then_some(NetworkRef {
            cell: ElmanRef { inputs, hidden, activation, w_xh, w_hh, b },
            readout: DenseRef { inputs: hidden, outputs, w, b: b_y },
            head: Head::Linear,
        })
    }

    /// Runs T steps from `h_0` on a batch of B. x is T x (I x B), `h` takes h_1 ... h_T.
    ///
    /// `y` takes the outputs of the last y.len() / (O B) steps: one block is many-to-one, T blocks
    /// are many-to-many, in between the first steps only warm the state up.
    #[inline(always)]
    pub fn forward<A: Arithmetic<T>>(
        self,
        batch: usize,
        x: &[T],
        h_0: &[T],
        h: &mut [T],
        y: &mut [T],
    ) {
        self.cell.forward::<A>(batch, x, h_0, h);
        let outputs = self.readout.outputs;
        let scored = last_columns(h, self.cell.hidden, y.len() / outputs.max(1));
        self.readout.forward::<A>(scored, y);
        self.head.apply(y, outputs);
    }

    /// Adds dL/d(parameters) to `gradient`, from `d_o` = dL/do of the steps that
    /// [`forward`](Self::forward) gave outputs for (with a softmax head: in front of it).
    ///
    /// `d` is scratch of h's size and holds dL/dz_t afterwards. `truncation`: see
    /// [`ElmanRef::backward`].
    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // One name for each tensor of the equations.
    pub fn backward<A: Arithmetic<T>>(
        self,
        batch: usize,
        truncation: usize,
        x: &[T],
        h_0: &[T],
        h: &[T],
        d_o: &[T],
        d: &mut [T],
        gradient: NetworkMut<'_, T>,
    ) {
        let NetworkRef { cell, readout, .. } = self;
        d.fill(T::ZERO);
        let columns = d_o.len() / readout.outputs.max(1);
        let skipped = d.len().saturating_sub(columns * cell.hidden);
        let d_h = d.get_mut(skipped..).unwrap_or_default();
        let h_scored = last_columns(h, cell.hidden, columns);
        readout.backward::<A>(h_scored, d_o, gradient.readout, d_h);
        cell.backward::<A>(batch, truncation, x, h_0, h, d, gradient.cell);
    }
}

/// The last `columns` columns of a matrix of `rows` rows.
#[inline(always)]
fn last_columns<T>(matrix: &[T], rows: usize, columns: usize) -> &[T] {
    matrix.get(matrix.len().saturating_sub(columns * rows)..).unwrap_or_default()
}

impl<'a, T: Scalar> NetworkMut<'a, T> {
    /// The mutable counterpart of [`NetworkRef::from_flat`].
    pub fn from_flat(shape: Shape, flat: &'a mut [T]) -> Option<Self> {
        let [l_xh, l_hh, l_b, l_hy, l_y] = shape.lengths();
        let (w_xh, rest) = flat.split_at_mut_checked(l_xh)?;
        let (w_hh, rest) = rest.split_at_mut_checked(l_hh)?;
        let (b, rest) = rest.split_at_mut_checked(l_b)?;
        let (w, b_y) = rest.split_at_mut_checked(l_hy)?;
        (b_y.len() == l_y).then_some(NetworkMut {
            cell: ElmanMut { w_xh, w_hh, b },
            readout: DenseMut { w, b: b_y },
        })
    }
}
