//! Derivatives of activations and losses against central differences (f64, relative tolerance 1e-6
//! beside 1e-11 for rounding), and the f32 activations against their own derivatives.

use crate::reference::derivative;
use rnn_core::Scalar;
use rnn_core::activation::{Activation, approx, softmax, softmax_backward, softmax_jacobian};
use rnn_core::loss::{
    cross_entropy, cross_entropy_gradient, mse, mse_gradient, softmax_cross_entropy_gradient,
};
use rnn_core::random::SplitMix64;

const STEP: f64 = 1e-3;
const N: usize = 5;

type Function = fn(f64) -> f64;

fn assert_close(got: f64, numeric: f64) {
    let tolerance = 1e-6 * got.abs().max(numeric.abs()) + 1e-11;
    assert!((got - numeric).abs() <= tolerance, "{got:e}, numerically {numeric:e}");
}

fn assert_all_close(got: &[f64], numeric: &[f64]) {
    assert_eq!(got.len(), numeric.len());
    got.iter().zip(numeric).for_each(|(&got, &numeric)| assert_close(got, numeric));
}

fn random(seed: u64, bound: f64) -> [f64; N] {
    let mut values = [0.0; N];
    SplitMix64::new(seed).fill_uniform(bound, &mut values);
    values
}

/// `point` with `delta` added to its component `i`.
fn moved(mut point: [f64; N], i: usize, delta: f64) -> [f64; N] {
    point[i] += delta;
    point
}

/// The gradient of `f` at `point`.
fn numeric_gradient(point: [f64; N], f: impl Fn([f64; N]) -> f64) -> [f64; N] {
    core::array::from_fn(|i| derivative(STEP, |delta| f(moved(point, i, delta))))
}

/// Three distributions on N points: a soft one, one-hot, and one with a single zero.
const TARGETS: [[f64; N]; 3] =
    [[0.1, 0.2, 0.3, 0.25, 0.15], [0.0, 0.0, 1.0, 0.0, 0.0], [0.4, 0.0, 0.1, 0.2, 0.3]];

fn softmax_of(mut z: [f64; N]) -> [f64; N] {
    softmax(&mut z);
    z
}

#[test]
fn activations() {
    let exact: [(Activation, Function); 3] = [
        (Activation::Tanh, f64::tanh),
        (Activation::Sigmoid, |z| 1.0 / (1.0 + (-z).exp())),
        (Activation::Relu, |z| z.max(0.0)),
    ];
    for (activation, exact) in exact {
        // Odd hundredths: relu's kink at 0 is not among them.
        for z in (-399..400).step_by(2).map(|i| f64::from(i) * 0.01) {
            let mut h = [z];
            activation.apply(&mut h);
            assert!((h[0] - exact(z)).abs() < 1e-15, "{activation:?} of {z}");
            let mut d = [1.5];
            activation.backward(&h, &mut d);
            assert_close(d[0], 1.5 * derivative(STEP, |delta| exact(z + delta)));
        }
    }
}

#[test]
fn relu_has_the_slope_0_at_its_kink() {
    let mut d = [3.0];
    Activation::Relu.backward(&[0.0], &mut d);
    assert_eq!(d, [0.0]);
}

#[test]
fn softmax_and_its_full_jacobian() {
    let z = random(1, 2.0);
    let p = softmax_of(z);
    let sum: f64 = z.iter().map(|z| z.exp()).sum();
    p.iter().zip(z).for_each(|(&p, z)| assert!((p - z.exp() / sum).abs() < 1e-15));

    let mut jacobian = [[0.0; N]; N];
    softmax_jacobian(&p, jacobian.as_flattened_mut());
    for (j, column) in jacobian.iter().enumerate() {
        for (i, &entry) in column.iter().enumerate() {
            assert_close(entry, derivative(STEP, |delta| softmax_of(moved(z, j, delta))[i]));
        }
        // Probabilities sum to 1 however z moves.
        assert!(column.iter().sum::<f64>().abs() < 1e-15);
    }

    // softmax_backward is the product with the transposed Jacobian.
    let dp = random(2, 1.0);
    let product = jacobian.map(|column| column.iter().zip(dp).map(|(j, d)| j * d).sum());
    let mut dz = dp;
    softmax_backward(&p, &mut dz);
    assert_all_close(&dz, &product);
    let linear = |z: [f64; N]| softmax_of(z).iter().zip(dp).map(|(p, d)| p * d).sum();
    assert_all_close(&dz, &numeric_gradient(z, linear));
}

#[test]
fn mean_squared_error() {
    let (y, target) = (random(3, 1.0), random(4, 1.0));
    let naive = y.iter().zip(target).map(|(y, t)| (y - t).powi(2)).sum::<f64>() / N as f64;
    assert!((mse(&y, &target) - naive).abs() < 1e-15);
    let mut dy = [0.0; N];
    mse_gradient(&y, &target, &mut dy);
    assert_all_close(&dy, &numeric_gradient(y, |y| mse(&y, &target)));
}

#[test]
fn cross_entropy_of_probabilities() {
    let p = softmax_of(random(5, 1.5));
    for target in TARGETS {
        let naive: f64 = p.iter().zip(target).map(|(p, t)| -t * p.ln()).sum();
        assert!((cross_entropy(&p, &target) - naive).abs() < 1e-14);
        let mut dp = [0.0; N];
        cross_entropy_gradient(&p, &target, &mut dp);
        assert_all_close(&dp, &numeric_gradient(p, |p| cross_entropy(&p, &target)));
    }
}

#[test]
fn softmax_and_cross_entropy_together() {
    let z = random(6, 2.0);
    let p = softmax_of(z);
    for target in TARGETS {
        let mut dz = [0.0; N];
        softmax_cross_entropy_gradient(&p, &target, &mut dz);
        assert_all_close(&dz, &numeric_gradient(z, |z| cross_entropy(&softmax_of(z), &target)));
        // The same by the chain rule: Jacobian^T dL/dp.
        let mut chained = [0.0; N];
        cross_entropy_gradient(&p, &target, &mut chained);
        softmax_backward(&p, &mut chained);
        assert_all_close(&dz, &chained);
    }
}

/// Largest difference between sigma'(h) as written in the backward pass and the central difference
/// of the f32 `sigma` itself with step 1/64, over +-8.
///
/// What is to be expected: an error e of sigma shows as e 64, the cut-off of the difference is at
/// most step^2 / 6 times the third derivative (2 for tanh), 8.2e-5.
fn inconsistency(activation: Activation, sigma: fn(f32) -> f32) -> f32 {
    let step = 1.0 / 64.0;
    let difference = |z: f32| {
        let mut slope = [1.0];
        activation.backward(&[sigma(z)], &mut slope);
        (slope[0] - (sigma(z + step) - sigma(z - step)) / (2.0 * step)).abs()
    };
    (-8192..=8192).map(|i| difference(i as f32 / 1024.0)).fold(0.0, f32::max)
}

#[test]
fn f32_activations_agree_with_their_derivatives() {
    let table = inconsistency(Activation::Tanh, approx::tanh_table);
    assert!(table <= 2.0e-4, "tanh by table {table:e}");
    // Only training has it.
    #[cfg(feature = "std")]
    {
        let rational = inconsistency(Activation::Tanh, approx::tanh_rational);
        assert!(rational <= 9.0e-5, "rational tanh {rational:e}");
    }
    let sigmoid = inconsistency(Activation::Sigmoid, |z| approx::sigmoid(z, approx::tanh_table));
    assert!(sigmoid <= 7.0e-5, "sigmoid by table {sigmoid:e}");
    let exact = inconsistency(Activation::Tanh, |z| f64::from(z).tanh() as f32);
    assert!(exact <= 8.2e-5, "what the difference itself leaves {exact:e}");
}

#[test]
fn f32_softmax_survives_large_inputs() {
    let mut p = [1e30f32, -1e30, 0.0];
    softmax(&mut p);
    assert!(p.iter().all(|p| p.is_finite()) && (p[0] - 1.0).abs() < 1e-6, "{p:?}");
    assert!(cross_entropy(&p, &[0.0, 1.0, 0.0]).is_finite());
    assert!(<f32 as Scalar>::ln(0.0).is_finite());
}
