//! The naive reference that judges the library: plain loops over rows of numbers, written from the
//! equations and from the order of operations that `rnn_core::kernel` promises.
#![allow(clippy::needless_range_loop)] // An index for each letter of the equations.

pub(crate) mod integers;

use rnn_core::Scalar;
use rnn_core::activation::Activation;
use rnn_core::cell::{Cell, Stack};
use rnn_core::elman::Elman;
use rnn_core::gru::{Gru, Reset, ResetKind};
use rnn_core::kernel::{FEW, PARTIALS};
use rnn_core::layers::{Kind, Layer, Layers};
use rnn_core::lstm::Lstm;
use rnn_core::network::{Head, Network, Shape};
use rnn_core::parameters::Parameters;

/// Rows of numbers.
pub(crate) type Matrix<T> = Vec<Vec<T>>;

/// How acc + a b is rounded: the product first, or once at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rounding {
    Twice,
    Once,
}

/// A scalar with what comparing bits needs.
pub(crate) trait Real: Scalar {
    fn multiply_add(rounding: Rounding, acc: Self, a: Self, b: Self) -> Self;
    /// The bits, all NaNs counted as one.
    fn bits(self) -> u64;
}

macro_rules! real {
    ($type:ty) => {
        impl Real for $type {
            fn multiply_add(rounding: Rounding, acc: Self, a: Self, b: Self) -> Self {
                if rounding == Rounding::Once { a.mul_add(b, acc) } else { acc + a * b }
            }
            fn bits(self) -> u64 {
                if self.is_nan() { u64::MAX } else { self.to_bits().into() }
            }
        }
    };
}
real!(f32);
real!(f64);

/// The bits of many values, to be compared.
pub(crate) fn bits<T: Real>(values: &[T]) -> Vec<u64> {
    values.iter().map(|v| v.bits()).collect()
}

/// The rows of a column-major slice.
pub(crate) fn matrix<T: Copy>(column_major: &[T], rows: usize) -> Matrix<T> {
    (0..rows).map(|i| column_major.iter().copied().skip(i).step_by(rows).collect()).collect()
}

/// The columns of a matrix, one after the other.
pub(crate) fn column_major<T: Copy>(matrix: &Matrix<T>) -> Vec<T> {
    let columns = matrix.first().map_or(0, Vec::len);
    (0..columns).flat_map(|j| matrix.iter().map(move |row| row[j])).collect()
}

/// out = b 1^T + W_1 X_1 + W_2 X_2, every output summed in the order in which it is written here.
pub(crate) fn affine<T: Real>(
    rounding: Rounding,
    b: &[T],
    products: &[(&Matrix<T>, &Matrix<T>)],
    rows: usize,
    batch: usize,
) -> Matrix<T> {
    let mut out = vec![vec![T::ZERO; batch]; rows];
    for i in 0..rows {
        for n in 0..batch {
            let mut acc = if b.is_empty() { T::ZERO } else { b[i] };
            for (w, x) in products {
                for j in 0..x.len() {
                    acc = T::multiply_add(rounding, acc, w[i][j], x[j][n]);
                }
            }
            out[i][n] = acc;
        }
    }
    out
}

/// out = b 1^T + W X with interleaved partial sums, folded by halves; the bias joins at the end.
pub(crate) fn readout<T: Real>(
    rounding: Rounding,
    b: &[T],
    w: &Matrix<T>,
    x: &Matrix<T>,
    batch: usize,
) -> Matrix<T> {
    let mut out = vec![vec![T::ZERO; batch]; w.len()];
    for i in 0..w.len() {
        for n in 0..batch {
            let mut p = [T::ZERO; PARTIALS];
            for j in 0..x.len() {
                p[j % PARTIALS] = T::multiply_add(rounding, p[j % PARTIALS], w[i][j], x[j][n]);
            }
            let mut half = PARTIALS / 2;
            while half > 0 {
                for k in 0..half {
                    p[k] += p[k + half];
                }
                half /= 2;
            }
            out[i][n] = if b.is_empty() { T::ZERO } else { b[i] } + p[0];
        }
    }
    out
}

/// out += W^T D.
pub(crate) fn transpose_multiply<T: Real>(
    rounding: Rounding,
    out: &mut Matrix<T>,
    w: &Matrix<T>,
    d: &Matrix<T>,
) {
    for j in 0..out.len() {
        for n in 0..out[j].len() {
            for i in 0..w.len() {
                out[j][n] = T::multiply_add(rounding, out[j][n], w[i][j], d[i][n]);
            }
        }
    }
}

/// W += D X^T.
pub(crate) fn outer<T: Real>(rounding: Rounding, w: &mut Matrix<T>, d: &Matrix<T>, x: &Matrix<T>) {
    for i in 0..w.len() {
        for j in 0..w[i].len() {
            for n in 0..d[i].len() {
                w[i][j] = T::multiply_add(rounding, w[i][j], d[i][n], x[j][n]);
            }
        }
    }
}

/// The layers of a cell of fixed size.
pub(crate) trait Known<T: Scalar, const I: usize, const H: usize>: Cell<T, I, H> {
    fn layers(&self) -> Vec<Layer>;
}

impl<T: Scalar, const I: usize, const H: usize> Known<T, I, H> for Elman<T, I, H> {
    fn layers(&self) -> Vec<Layer> {
        vec![Layer { kind: Kind::Elman(self.activation), inputs: I, hidden: H }]
    }
}
impl<T: Scalar, R: ResetKind, const I: usize, const H: usize> Known<T, I, H> for Gru<T, I, H, R> {
    fn layers(&self) -> Vec<Layer> {
        vec![Layer { kind: Kind::Gru(R::RESET), inputs: I, hidden: H }]
    }
}
impl<T: Scalar, const I: usize, const H: usize> Known<T, I, H> for Lstm<T, I, H> {
    fn layers(&self) -> Vec<Layer> {
        vec![Layer { kind: Kind::Lstm, inputs: I, hidden: H }]
    }
}
impl<T: Scalar, A, B, const I: usize, const M: usize, const H: usize> Known<T, I, H>
    for Stack<A, B, M>
where
    A: Known<T, I, M>,
    B: Known<T, M, H>,
{
    fn layers(&self) -> Vec<Layer> {
        [self.lower.layers(), self.upper.layers()].concat()
    }
}

/// The same as a run-time shape.
pub(crate) fn shape(layers: &[Layer], outputs: usize) -> Shape {
    let bottom = layers[0];
    let one = Layers::one(bottom.kind, bottom.hidden);
    let layers = layers[1..].iter().fold(one, |layers, layer| {
        layers.with(layer.kind, layer.hidden).expect("no more than there may be")
    });
    Shape { inputs: bottom.inputs, layers, outputs }
}

/// A recurrent network as lists of numbers, in the device's arithmetic.
#[derive(Clone)]
pub(crate) struct Rnn<T> {
    layers: Vec<(Layer, Vec<Vec<T>>)>,
    w_hy: Vec<T>,
    b_y: Vec<T>,
    head: Head,
}

/// What each layer hands to the next step: h, behind it an LSTM's c.
pub(crate) type States<T> = Vec<Vec<T>>;

impl<T: Real> Rnn<T> {
    /// The network with its tensors in the order in which [`Parameters`] lists them.
    pub(crate) fn new(layers: &[Layer], head: Head, network: &impl Parameters<T>) -> Self {
        let mut tensors = network.tensors().map(<[T]>::to_vec);
        let layers = layers
            .iter()
            .map(|&layer| {
                let count = if matches!(layer.kind, Kind::Gru(_)) { 7 } else { 3 };
                (layer, tensors.by_ref().take(count).collect())
            })
            .collect();
        let [w_hy, b_y] = core::array::from_fn(|_| tensors.next().expect("the readout's tensors"));
        Rnn { layers, w_hy, b_y, head }
    }

    /// The same of a network of fixed size.
    pub(crate) fn of<C: Known<T, I, H>, const I: usize, const H: usize, const O: usize>(
        network: &Network<T, C, I, H, O>,
    ) -> Self {
        Self::new(&network.cell.layers(), network.head, network)
    }

    /// The same of flat parameters.
    pub(crate) fn flat(shape: Shape, head: Head, flat: &[T]) -> Self {
        let layers: Vec<Layer> = shape.layers().collect();
        let readout = [(shape.outputs, shape.layers.hidden()), (shape.outputs, 1)];
        let sizes = layers.iter().flat_map(|layer| {
            let count = if matches!(layer.kind, Kind::Gru(_)) { 7 } else { 3 };
            layer.tensors().into_iter().take(count)
        });
        let mut rest = flat;
        let tensors = sizes.chain(readout).map(|(rows, columns)| {
            let (tensor, others) = rest.split_at(rows * columns);
            rest = others;
            tensor.to_vec()
        });
        Self::new(&layers, head, &Tensors(tensors.collect()))
    }

    /// All states 0.
    pub(crate) fn rest(&self) -> States<T> {
        self.layers.iter().map(|(layer, _)| vec![T::ZERO; layer.state()]).collect()
    }

    /// One step. What a layer hands to the one above is multiplied by its mask, where there is one.
    pub(crate) fn step(&self, x: &[T], states: &mut States<T>, masks: &[Vec<T>]) {
        let mut x = x.to_vec();
        for (i, ((layer, tensors), state)) in self.layers.iter().zip(states).enumerate() {
            *state = step(*layer, tensors, &x, state);
            x = state[..layer.hidden].to_vec();
            if let Some(mask) = masks.get(i) {
                x = x.iter().zip(mask).map(|(&h, &mask)| h * mask).collect();
            }
        }
    }

    /// h of the uppermost layer.
    pub(crate) fn h<'s>(&self, states: &'s States<T>) -> &'s [T] {
        let top = self.layers.len() - 1;
        &states[top][..self.layers[top].0.hidden]
    }

    /// z_t = b + W_xh x_t + W_hh h_{t-1} of an Elman cell.
    pub(crate) fn z(&self, x: &[T], h: &[T]) -> Vec<T> {
        let (_, t) = &self.layers[0];
        sum(&t[2], &[(&t[0], x), (&t[1], h)], h.len())
    }

    /// y_t = b_y + W_hy h_t, or its softmax.
    pub(crate) fn output(&self, states: &States<T>) -> Vec<T> {
        let (h, outputs) = (self.h(states), self.b_y.len());
        let o = if outputs < FEW {
            let (w, h) = (matrix(&self.w_hy, outputs), matrix(h, h.len()));
            column_major(&readout(Rounding::Twice, &self.b_y, &w, &h, 1))
        } else {
            sum(&self.b_y, &[(&self.w_hy, h)], outputs)
        };
        if self.head == Head::Linear {
            return o;
        }
        let max = o.iter().fold(o[0], |max, &o| if o > max { o } else { max });
        let e: Vec<T> = o.iter().map(|&o| (o - max).exp()).collect();
        let sum = e.iter().fold(T::ZERO, |sum, &e| sum + e);
        e.iter().map(|&e| e / sum).collect()
    }
}

/// Tensors as lists.
struct Tensors<T>(Vec<Vec<T>>);

impl<T: 'static> Parameters<T> for Tensors<T> {
    fn tensors(&self) -> impl Iterator<Item = &[T]> {
        self.0.iter().map(Vec::as_slice)
    }
    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        self.0.iter_mut().map(Vec::as_mut_slice)
    }
}

/// b + W_1 x_1 + W_2 x_2, summed in that order; every W is column-major.
fn sum<T: Real>(b: &[T], products: &[(&Vec<T>, &[T])], rows: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; rows];
    for i in 0..rows {
        let mut acc = if b.is_empty() { T::ZERO } else { b[i] };
        for (w, x) in products {
            for j in 0..x.len() {
                acc = T::multiply_add(Rounding::Twice, acc, w[j * rows + i], x[j]);
            }
        }
        out[i] = acc;
    }
    out
}

fn sigmoid<T: Real>(z: T) -> T {
    let half = T::from_f64(0.5);
    half + half * (half * z).tanh()
}

/// The equations of each cell, unit by unit: the state after a step.
fn step<T: Real>(layer: Layer, tensors: &[Vec<T>], x: &[T], state: &[T]) -> Vec<T> {
    let units = layer.hidden;
    let (h, c) = state.split_at(units);
    match (layer.kind, tensors) {
        (Kind::Elman(activation), [w_xh, w_hh, b]) => {
            let sigma = |z: T| match activation {
                Activation::Tanh => z.tanh(),
                Activation::Sigmoid => sigmoid(z),
                Activation::Relu if z > T::ZERO => z,
                Activation::Relu => T::ZERO,
            };
            sum(b, &[(w_xh, x), (w_hh, h)], units).into_iter().map(sigma).collect()
        }
        (Kind::Gru(reset), [w_xg, w_xn, w_hg, w_hn, b_g, b_n, b_hn]) => {
            let gates = sum(b_g, &[(w_xg, x), (w_hg, h)], 2 * units);
            let gates: Vec<T> = gates.into_iter().map(sigmoid).collect();
            let (r, z) = gates.split_at(units);
            let n = match reset {
                Reset::After => {
                    let mut n = sum(b_n, &[(w_xn, x)], units);
                    let q = sum(b_hn, &[(w_hn, h)], units);
                    for i in 0..units {
                        n[i] += r[i] * q[i];
                    }
                    n
                }
                Reset::Before => {
                    let q: Vec<T> = (0..units).map(|i| r[i] * h[i]).collect();
                    sum(b_n, &[(w_xn, x), (w_hn, &q)], units)
                }
            };
            let n: Vec<T> = n.into_iter().map(Scalar::tanh).collect();
            (0..units).map(|i| n[i] + z[i] * (h[i] - n[i])).collect()
        }
        (Kind::Lstm, [w_x, w_h, b]) => {
            let z = sum(b, &[(w_x, x), (w_h, h)], 4 * units);
            let (mut h_t, mut c_t) = (vec![T::ZERO; units], vec![T::ZERO; units]);
            for k in 0..units {
                let [i, f, o] = [0, 1, 3].map(|gate| sigmoid(z[gate * units + k]));
                c_t[k] = f * c[k] + i * z[2 * units + k].tanh();
                h_t[k] = o * c_t[k].tanh();
            }
            [h_t, c_t].concat()
        }
        _ => panic!("{layer:?} has other tensors"),
    }
}

/// df/dx at 0 from central differences D(s) = (f(s) - f(-s)) / 2s at steps s, s/2 and s/4, combined
/// so that the errors in s^2 and s^4 cancel: (64 D(s/4) - 20 D(s/2) + D(s)) / 45, error O(s^6).
pub(crate) fn derivative(step: f64, f: impl Fn(f64) -> f64) -> f64 {
    let d = |s: f64| (f(s) - f(-s)) / (2.0 * s);
    (64.0 * d(step / 4.0) - 20.0 * d(step / 2.0) + d(step)) / 45.0
}
