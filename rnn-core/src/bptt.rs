//! Back-propagation through time in memory of fixed size.
//!
//! The recurrence unrolled, y_T = f(... f(f(h_0, x_1), x_2) ..., x_T), is a deep network whose layers
//! share their weights; the gradient is the sum over all the places where a weight is used
//! (P. J. Werbos, "Backpropagation through time", Proc. IEEE 78, 1990).

use crate::cell::Cell;
use crate::kernel::{Columns, Inference};
use crate::loss::{cross_entropy, mse, mse_gradient, softmax_cross_entropy_gradient};
use crate::network::{Head, Network};
use crate::parameters::Parameters;
use crate::scalar::Scalar;

/// Which steps of a sequence have a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// The last step alone (many-to-one).
    Last,
    /// Every step (many-to-many).
    Every,
    /// All but the first so many, which only warm the state up.
    After(usize),
}

/// What a sequence of T steps leaves behind for its backward pass: the cell's trace, y_t, o_t's error
/// and h_t's. No heap; one value serves any number of sequences.
#[derive(Clone, Debug)]
pub struct Bptt<T, C, const I: usize, const H: usize, const O: usize, const STEPS: usize>
where
    T: Scalar,
    C: Cell<T, I, H>,
{
    trace: C::Trace<STEPS>,
    y: [[T; O]; STEPS],
    d_o: [[T; O]; STEPS],
    d: [[T; H]; STEPS],
}

impl<T, C, const I: usize, const H: usize, const O: usize, const STEPS: usize> Default
    for Bptt<T, C, I, H, O, STEPS>
where
    T: Scalar,
    C: Cell<T, I, H>,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<T, C, const I: usize, const H: usize, const O: usize, const STEPS: usize>
    Bptt<T, C, I, H, O, STEPS>
where
    T: Scalar,
    C: Cell<T, I, H>,
{
    /// An empty workspace.
    pub fn new() -> Self {
        Bptt {
            trace: C::trace(),
            y: [[T::ZERO; O]; STEPS],
            d_o: [[T::ZERO; O]; STEPS],
            d: [[T::ZERO; H]; STEPS],
        }
    }

    /// Runs the sequence from the state in `start`; returns y_1 ... y_T.
    pub fn forward(
        &mut self,
        network: &Network<T, C, I, H, O>,
        x: &[[T; I]; STEPS],
        start: &C::Memory,
    ) -> &[[T; O]; STEPS] {
        network.cell.forward(Columns::Values(x.as_flattened()), start, &mut self.trace);
        let y = self.y.as_flattened_mut();
        network.readout.view().forward::<Inference>(C::states(&self.trace).as_flattened(), y);
        network.head.apply(y, O);
        &self.y
    }

    /// Copies the state after the last forward pass into `memory`: the next sequence's start, to carry
    /// the state on.
    pub fn last_state(&self, memory: &mut C::Memory) {
        C::last_state(&self.trace, memory);
    }

    /// h_1 ... h_T of the last forward pass.
    pub fn states(&self) -> &[[T; H]; STEPS] {
        C::states(&self.trace)
    }

    /// What the last backward pass left where dL/dh_1 ... dL/dh_T came in (Elman: dL/dz_t).
    pub fn errors(&self) -> &[[T; H]; STEPS] {
        &self.d
    }

    /// Forward and backward pass. The loss is the mean over the labelled steps of the mean squared
    /// error (linear head) or of the cross-entropy (softmax head); its gradient is written to
    /// `gradient`. `truncation` = k lets an error travel back through blocks of at most k steps
    /// (k >= T: the full gradient). `targets` of steps without a label are not read.
    #[allow(clippy::too_many_arguments)]
    pub fn gradient(
        &mut self,
        network: &Network<T, C, I, H, O>,
        x: &[[T; I]; STEPS],
        start: &C::Memory,
        targets: &[[T; O]; STEPS],
        labels: Labels,
        truncation: usize,
        gradient: &mut Network<T, C, I, H, O>,
    ) -> T {
        self.forward(network, x, start);
        let first = match labels {
            Labels::Last => STEPS.saturating_sub(1),
            Labels::Every => 0,
            Labels::After(warm_up) => warm_up.min(STEPS),
        };
        let scale = T::ONE / T::from_f64((STEPS - first).max(1) as f64);
        let mut loss = T::ZERO;
        let outputs = self.y.iter().zip(targets).zip(&mut self.d_o).skip(first);
        for ((y, target), d_o) in outputs {
            match network.head {
                Head::Linear => {
                    loss += scale * mse(y, target);
                    mse_gradient(y, target, d_o);
                }
                Head::Softmax => {
                    loss += scale * cross_entropy(y, target);
                    softmax_cross_entropy_gradient(y, target, d_o);
                }
            }
            d_o.iter_mut().for_each(|d| *d *= scale);
        }
        for tensor in gradient.tensors_mut() {
            tensor.fill(T::ZERO);
        }
        self.d = [[T::ZERO; H]; STEPS];
        network.readout.view().backward::<Inference>(
            C::states(&self.trace).get(first..).unwrap_or_default().as_flattened(),
            self.d_o.get(first..).unwrap_or_default().as_flattened(),
            gradient.readout.view_mut(),
            self.d.get_mut(first..).unwrap_or_default().as_flattened_mut(),
            &mut [],
        );
        let x = Columns::Values(x.as_flattened());
        let (trace, d) = (&mut self.trace, &mut self.d);
        network.cell.backward(x, start, trace, truncation, d, &mut [], &mut gradient.cell);
        loss
    }
}
