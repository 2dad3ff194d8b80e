//! Optimisers: SGD, momentum, Adam; clipping of the gradient by its norm.
//!
//! An optimiser's memory has the type of the parameters: no heap, size known at compile time.

use crate::kernel::Elementwise;
use crate::parameters::Parameters;
use crate::scalar::Scalar;

/// Euclidean norm of all tensors together, summed in order.
pub fn norm<T: Scalar>(tensors: &impl Parameters<T>) -> T {
    let squares = tensors.tensors().flatten().fold(T::ZERO, |s, &v| s + v * v);
    squares.sqrt()
}

/// Scales the gradient to norm `limit` when it is longer; returns the norm that it had.
pub fn clip_norm<T: Scalar>(gradient: &mut impl Parameters<T>, limit: T) -> T {
    let norm = norm(gradient);
    if norm > limit {
        let scale = limit / norm;
        gradient.tensors_mut().flatten().for_each(|g| *g *= scale);
    }
    norm
}

/// Gradient descent: p -= lr g.
pub fn sgd<T: Scalar, P: Parameters<T>>(parameters: &mut P, gradient: &P, lr: T) {
    for (p, g) in parameters.tensors_mut().zip(gradient.tensors()) {
        for (p, &g) in p.iter_mut().zip(g) {
            *p -= lr * g;
        }
    }
}

/// Gradient descent with momentum (B. T. Polyak, 1964): v = mu v + g, p -= lr v.
#[derive(Clone, Debug, PartialEq)]
pub struct Momentum<T, P> {
    /// mu, often 0.9.
    pub mu: T,
    velocity: P,
}

impl<T: Scalar, P: Parameters<T>> Momentum<T, P> {
    /// `zeros`: parameters of the network's shape, all 0.
    pub fn new(mu: T, zeros: P) -> Self {
        Momentum { mu, velocity: zeros }
    }

    /// One update.
    pub fn update(&mut self, parameters: &mut P, gradient: &P, lr: T) {
        for (v, g) in self.velocity.tensors_mut().zip(gradient.tensors()) {
            for (v, &g) in v.iter_mut().zip(g) {
                *v = self.mu * *v + g;
            }
        }
        sgd(parameters, &self.velocity, lr);
    }
}

/// Adam (D. P. Kingma, J. Ba, ICLR 2015, algorithm 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Adam<T, P> {
    /// Decay of the first moment, 0.9 by default.
    pub beta_1: T,
    /// Decay of the second moment, 0.999 by default.
    pub beta_2: T,
    /// Added to the root of the second moment, 1e-8 by default.
    pub epsilon: T,
    /// m, the running mean of the gradient.
    pub first: P,
    /// v, the running mean of its square.
    pub second: P,
    /// beta_1^t and beta_2^t.
    pub powers: [T; 2],
}

impl<T: Scalar, P: Parameters<T> + Clone> Adam<T, P> {
    /// `zeros`: parameters of the network's shape, all 0.
    pub fn new(zeros: P) -> Self {
        Adam {
            beta_1: T::from_f64(0.9),
            beta_2: T::from_f64(0.999),
            epsilon: T::from_f64(1e-8),
            first: zeros.clone(),
            second: zeros,
            powers: [T::ONE; 2],
        }
    }

    /// One update: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2,
    /// p -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon), with r = sqrt(1 - b2^t) as
    /// p -= (lr r / (1 - b1^t)) m / (sqrt(v) + r epsilon): one root and one division for each.
    pub fn update(&mut self, parameters: &mut P, gradient: &P, lr: T) {
        let (b1, b2) = (self.beta_1, self.beta_2);
        self.powers = [self.powers[0] * b1, self.powers[1] * b2];
        let correction = (T::ONE - self.powers[1]).sqrt();
        let step = lr * correction / (T::ONE - self.powers[0]);
        let epsilon = correction * self.epsilon;
        let moments = self.first.tensors_mut().zip(self.second.tensors_mut());
        let tensors = parameters.tensors_mut().zip(gradient.tensors()).zip(moments);
        for ((p, g), (m, v)) in tensors {
            T::wide(Update { p, g, m, v, b1, b2, step, epsilon });
        }
    }
}

/// [`Adam::update`] of one tensor.
struct Update<'a, T> {
    p: &'a mut [T],
    g: &'a [T],
    m: &'a mut [T],
    v: &'a mut [T],
    b1: T,
    b2: T,
    step: T,
    epsilon: T,
}

impl<T: Scalar> Elementwise for Update<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Update { p, g, m, v, b1, b2, step, epsilon } = self;
        for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
            *m = b1 * *m + (T::ONE - b1) * g;
            *v = b2 * *v + (T::ONE - b2) * g * g;
            *p -= step * *m / (v.sqrt() + epsilon);
        }
    }
}
