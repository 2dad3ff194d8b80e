//! Back-propagation through time in memory of fixed size.
//!
//! The recurrence unrolled, y_T = f(... f(f(h_0, x_1), x_2) ..., x_T), is a deep network whose layers
//! share their weights; the gradient is the sum over all the places where a weight is used
//! (P. J. Werbos, "Backpropagation through time", Proc. IEEE 78, 1990).

use crate::kernel::Inference;
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

/// What a sequence of T steps leaves behind for its backward pass: h_t, o_t's error and z_t's error.
///
/// (2 H + 2 O) T numbers, no heap. One value serves any number of sequences.
#[derive(Clone, Debug)]
pub struct Bptt<T, const H: usize, const O: usize, const STEPS: usize> {
    h: [[T; H]; STEPS],
    y: [[T; O]; STEPS],
    d_o: [[T; O]; STEPS],
    d: [[T; H]; STEPS],
}

impl<T: Scalar, const H: usize, const O: usize, const STEPS: usize> Default
    for Bptt<T, H, O, STEPS>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Scalar, const H: usize, const O: usize, const STEPS: usize> Bptt<T, H, O, STEPS> {
    /// An empty workspace.
    pub const fn new() -> Self {
        Bptt {
            h: [[T::ZERO; H]; STEPS],
            y: [[T::ZERO; O]; STEPS],
            d_o: [[T::ZERO; O]; STEPS],
            d: [[T::ZERO; H]; STEPS],
        }
    }

    /// Runs the sequence from `h_0`; returns y_1 ... y_T.
    pub fn forward<const I: usize>(
        &mut self,
        network: &Network<T, I, H, O>,
        x: &[[T; I]; STEPS],
        h_0: &[T; H],
    ) -> &[[T; O]; STEPS] {
        network.view().forward::<Inference>(
            1,
            x.as_flattened(),
            h_0,
            self.h.as_flattened_mut(),
            self.y.as_flattened_mut(),
        );
        &self.y
    }

    /// h_T of the last forward pass: pass it as the next sequence's h_0 to carry the state on.
    /// `None` for a sequence of no steps.
    pub fn last_state(&self) -> Option<&[T; H]> {
        self.h.last()
    }

    /// h_1 ... h_T of the last forward pass.
    pub fn states(&self) -> &[[T; H]; STEPS] {
        &self.h
    }

    /// dL/dz_1 ... dL/dz_T of the last backward pass.
    pub fn errors(&self) -> &[[T; H]; STEPS] {
        &self.d
    }

    /// Forward and backward pass. The loss is the mean over the labelled steps of the mean squared
    /// error (linear head) or of the cross-entropy (softmax head); its gradient is written to
    /// `gradient`. `truncation` = k lets an error travel back through blocks of at most k steps
    /// (k >= T: the full gradient). `targets` of steps without a label are not read.
    #[allow(clippy::too_many_arguments)]
    pub fn gradient<const I: usize>(
        &mut self,
        network: &Network<T, I, H, O>,
        x: &[[T; I]; STEPS],
        h_0: &[T; H],
        targets: &[[T; O]; STEPS],
        labels: Labels,
        truncation: usize,
        gradient: &mut Network<T, I, H, O>,
    ) -> T {
        self.forward(network, x, h_0);
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
        network.view().backward::<Inference>(
            1,
            truncation,
            x.as_flattened(),
            h_0,
            self.h.as_flattened(),
            self.d_o.get(first..).unwrap_or_default().as_flattened(),
            self.d.as_flattened_mut(),
            gradient.view_mut(),
        );
        loss
    }
}
