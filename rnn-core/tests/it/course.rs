//! The course, worked: the recurrence unrolled, a forecast that feeds itself, the gradients written
//! out term by term, and numbers that can be followed on paper.

use nalgebra::{Matrix2, RowVector2, SMatrix, SVector, Vector2};
use rnn_core::activation::{Activation, softmax, softmax_backward, softmax_jacobian};
use rnn_core::bptt::{Bptt, Labels};
use rnn_core::elman::Elman;
use rnn_core::feed_forward::FeedForward;
use rnn_core::forecast::Forecaster;
use rnn_core::loss::{
    cross_entropy, cross_entropy_gradient, mse, mse_gradient, softmax_cross_entropy_gradient,
};
use rnn_core::network::{ElmanNetwork, Head, Network};
use rnn_core::optimizer::Adam;
use rnn_core::scaling::{Channel, Mode};
use rnn_core::stream::Predictor;

fn assert_close<const N: usize>(got: [f64; N], wanted: [f64; N], tolerance: f64) {
    let close = got.iter().zip(wanted).all(|(g, w)| (g - w).abs() <= tolerance);
    assert!(close, "{got:?}, wanted {wanted:?}");
}

/// y_4 = f(f(f(f(h_0, x_1), x_2), x_3), x_4): nested calls, four steps and one pass over T = 4 are
/// the same bits.
#[test]
fn unrolled_four_times() {
    let network = ElmanNetwork::<f32, 2, 6, 1>::random(1);
    let [x_1, x_2, x_3, x_4] = [[0.5, -0.1], [0.6, 0.3], [0.7, -0.2], [0.72, 0.9]];
    let h_0 = [0.1, -0.2, 0.3, -0.4, 0.5, -0.6];

    let f = |h: [f32; 6], x: [f32; 2]| {
        let mut memory = [h, [0.0; 6]];
        network.step(&x, &mut memory);
        memory[0]
    };
    let nested = f(f(f(f(h_0, x_1), x_2), x_3), x_4);

    let mut memory = [h_0, [0.0; 6]];
    let mut y_4 = [0.0];
    for x in [x_1, x_2, x_3, x_4] {
        y_4 = network.step(&x, &mut memory);
    }
    let [h, _] = memory;
    assert_eq!(nested.map(f32::to_bits), h.map(f32::to_bits));

    let mut bptt = Bptt::<f32, Elman<f32, 2, 6>, 2, 6, 1, 4>::new();
    let y = bptt.forward(&network, &[x_1, x_2, x_3, x_4], &[h_0, [0.0; 6]]);
    assert_eq!(y[3].map(f32::to_bits), y_4.map(f32::to_bits));
    assert_eq!(bptt.states()[3].map(f32::to_bits), h.map(f32::to_bits));
}

/// [0.5, 0.6, 0.7] -> 0.72, then [0.6, 0.7, 0.72] -> 0.724, then [0.7, 0.72, 0.724] -> 0.7248.
///
/// The network is written by hand: unit 1 holds x_t, unit 2 what unit 1 held before, x_{t-1}, and
/// the readout continues a fifth of the last step: y = x_t + 0.2 (x_t - x_{t-1}).
#[test]
fn forecast_fed_with_its_own_predictions() {
    let mut network = ElmanNetwork::<f32, 1, 2, 1>::zeros();
    network.cell.activation = Activation::Relu;
    network.cell.w_xh = Vector2::new(1.0, 0.0);
    network.cell.w_hh = Matrix2::new(0.0, 0.0, 1.0, 0.0);
    network.readout.w = RowVector2::new(1.2, -0.2);
    let model = Forecaster { network, channels: [Channel::IDENTITY], mode: Mode::Raw };

    let afresh = |window: [f32; 3]| {
        let mut predictor = Predictor::<Elman<f32, 1, 2>, 1, 2, 3>::new(&model);
        window.map(|x| predictor.step(&[x])[0])[2]
    };
    let y_1 = afresh([0.5, 0.6, 0.7]);
    let y_2 = afresh([0.6, 0.7, y_1]);
    let y_3 = afresh([0.7, y_1, y_2]);
    assert_close([y_1, y_2, y_3].map(f64::from), [0.72, 0.724, 0.7248], 1e-6);

    let mut predictor = Predictor::<Elman<f32, 1, 2>, 1, 2, 3>::new(&model);
    let [.., last] = [0.5, 0.6, 0.7].map(|x| predictor.step(&[x]));
    let recursive: Vec<[f32; 1]> = predictor.forecast(last).take(3).collect();
    assert_eq!(recursive, [[y_1], [y_2], [y_3]]);
}

/// T = 3, one label at the end, J = mse(y_3, target), y_3 = W_hy h_3 + b_y.
///
/// W is used in every step, so dJ/dW has one term for each, k = 1 ... 3. With
/// D_j = diag(1 - h_j^2) and dh_j/dh_{j-1} = D_j W_hh, as columns:
///
/// - e_3 = D_3 dJ/dh_3, e_2 = D_2 W_hh^T D_3 dJ/dh_3, e_1 = D_1 W_hh^T D_2 W_hh^T D_3 dJ/dh_3;
/// - dJ/dW_hh = e_3 h_2^T + e_2 h_1^T + e_1 h_0^T;
/// - dJ/dW_xh = e_3 x_3^T + e_2 x_2^T + e_1 x_1^T: the same errors, with what W_xh was multiplied by.
#[test]
fn gradients_of_three_steps_written_out() {
    let network = ElmanNetwork::<f64, 2, 3, 2>::random(7);
    let x = [[0.5, -0.3], [0.6, 0.8], [-0.7, 0.2]];
    let h_0 = [0.3, -0.1, 0.4];
    let target = [0.2, -0.5];

    let [x_1, x_2, x_3] = x.map(SVector::<f64, 2>::from);
    let (w_xh, w_hh, b) =
        (network.cell.w_xh, network.cell.w_hh, network.cell.b.unwrap_or_default());
    let w_hy = network.readout.w;
    let f = |h: SVector<f64, 3>, x: SVector<f64, 2>| (w_xh * x + w_hh * h + b).map(f64::tanh);
    let h_0_column = SVector::<f64, 3>::from(h_0);
    let h_1 = f(h_0_column, x_1);
    let h_2 = f(h_1, x_2);
    let h_3 = f(h_2, x_3);
    let y_3 = w_hy * h_3 + network.readout.b;
    let dj_dy = y_3 - SVector::from(target); // (2/n) (y - t) with n = 2
    let dj_dh_3 = w_hy.transpose() * dj_dy;
    let diagonal =
        |h: SVector<f64, 3>| SMatrix::<f64, 3, 3>::from_diagonal(&h.map(|h| 1.0 - h * h));
    let (d_1, d_2, d_3) = (diagonal(h_1), diagonal(h_2), diagonal(h_3));
    let w_t = w_hh.transpose();

    let term_3 = d_3 * dj_dh_3 * h_2.transpose();
    let term_2 = d_2 * w_t * d_3 * dj_dh_3 * h_1.transpose();
    let term_1 = d_1 * w_t * d_2 * w_t * d_3 * dj_dh_3 * h_0_column.transpose();
    let dj_dw_hh = term_3 + term_2 + term_1;

    let term_3 = d_3 * dj_dh_3 * x_3.transpose();
    let term_2 = d_2 * w_t * d_3 * dj_dh_3 * x_2.transpose();
    let term_1 = d_1 * w_t * d_2 * w_t * d_3 * dj_dh_3 * x_1.transpose();
    let dj_dw_xh = term_3 + term_2 + term_1;

    let mut gradient = Network::zeros();
    let mut bptt = Bptt::<f64, Elman<f64, 2, 3>, 2, 3, 2, 3>::new();
    let targets = [[0.0; 2], [0.0; 2], target];
    let start = [h_0, [0.0; 3]];
    bptt.gradient(&network, &x, &start, &targets, Labels::Last, 3, &mut gradient);
    assert!((gradient.cell.w_hh - dj_dw_hh).amax() < 1e-15);
    assert!((gradient.cell.w_xh - dj_dw_xh).amax() < 1e-15);
    assert!(dj_dw_hh.amax() > 1e-2 && term_1.amax() > 1e-3);

    // Cut after two steps, the term of k = 1 is missing, and nothing else.
    bptt.gradient(&network, &x, &start, &targets, Labels::Last, 2, &mut gradient);
    assert!((gradient.cell.w_xh - (term_3 + term_2)).amax() < 1e-15);
}

/// x = (0.5, 0), one label 1 at the end, h_0 = 0, J = (y_2 - 1)^2; five decimals by a calculator.
#[test]
fn two_units_on_paper() {
    let mut network = ElmanNetwork::<f64, 1, 2, 1>::zeros();
    network.cell.w_xh = Vector2::new(1.0, -0.5);
    network.cell.w_hh = Matrix2::new(0.5, 0.0, 1.0, 0.0);
    network.readout.w = RowVector2::new(2.0, 1.0);
    let mut bptt = Bptt::<f64, Elman<f64, 1, 2>, 1, 2, 1, 2>::new();
    let mut gradient = Network::zeros();
    let targets = [[0.0], [1.0]];
    let x = [[0.5], [0.0]];
    let loss =
        bptt.gradient(&network, &x, &network.rest(), &targets, Labels::Last, 2, &mut gradient);
    let near = |got: &[f64], wanted: &[f64]| {
        assert_eq!(got.len(), wanted.len());
        got.iter().zip(wanted).for_each(|(&g, &w)| assert_close([g], [w], 6e-6));
    };

    // z_1 = (0.5, -0.25), z_2 = (0.5 0.46212, 1 0.46212) = (0.23106, 0.46212)
    near(&bptt.states()[0], &[0.46212, -0.24492]);
    near(&bptt.states()[1], &[0.22703, 0.43181]);
    // y_2 = 2 0.22703 + 0.43181 = 0.88587, J = 0.11413^2
    near(&[loss], &[0.01302]);
    // dJ/dy = -0.22825, times h_2
    near(gradient.readout.b.as_slice(), &[-0.22825]);
    near(gradient.readout.w.as_slice(), &[-0.05182, -0.09856]);
    // dJ/dh_2 = (2, 1) dJ/dy = (-0.45651, -0.22825), times 1 - h_2^2 = (0.94846, 0.81354)
    near(&bptt.errors()[1], &[-0.43298, -0.18569]);
    // dJ/dh_1 = W_hh^T dJ/dz_2 = (0.5 -0.43298 - 0.18569, 0) = (-0.40218, 0), times 1 - h_1^2
    near(&bptt.errors()[0], &[-0.31629, 0.0]);
    // dJ/dW_hh = dJ/dz_2 h_1^T (h_0 = 0), column by column
    near(gradient.cell.w_hh.as_slice(), &[-0.20009, -0.08581, 0.10604, 0.04548]);
    // dJ/dW_xh = dJ/dz_1 0.5 + dJ/dz_2 0
    near(gradient.cell.w_xh.as_slice(), &[-0.15815, 0.0]);
    // dJ/db = dJ/dz_1 + dJ/dz_2
    near(gradient.cell.b.unwrap_or_default().as_slice(), &[-0.74927, -0.18569]);
}

#[test]
fn derivatives_by_hand() {
    // mse: ((1 - 0)^2 + (3 - 1)^2) / 2, slopes 2/2 (1, 2)
    assert_close([mse(&[1.0, 3.0], &[0.0, 1.0])], [2.5], 0.0);
    let mut dy = [0.0; 2];
    mse_gradient(&[1.0, 3.0], &[0.0, 1.0], &mut dy);
    assert_close(dy, [1.0, 2.0], 0.0);

    // sigmoid(0) = 1/2 and sigmoid(ln 3) = 3/4; slopes 1/4 and 3/16
    let ln_3 = 3.0f64.ln();
    let mut h = [0.0, ln_3];
    Activation::Sigmoid.apply(&mut h);
    assert_close(h, [0.5, 0.75], 1e-15);
    let mut slope = [1.0; 2];
    Activation::Sigmoid.backward(&h, &mut slope);
    assert_close(slope, [0.25, 0.1875], 1e-15);

    // softmax(0, ln 3) = (1, 3) / 4; Jacobian p_i (delta_ij - p_j): 3/16 and -3/16
    let mut p = [0.0, ln_3];
    softmax(&mut p);
    assert_close(p, [0.25, 0.75], 1e-15);
    let mut jacobian = [0.0; 4];
    softmax_jacobian(&p, &mut jacobian);
    assert_close(jacobian, [0.1875, -0.1875, -0.1875, 0.1875], 1e-15);

    // cross-entropy with the first one true: -ln 1/4; slopes -1 / (1/4) and 0; through softmax p - t
    let target = [1.0, 0.0];
    assert_close([cross_entropy(&p, &target)], [4.0f64.ln()], 1e-15);
    let mut d = [0.0; 2];
    cross_entropy_gradient(&p, &target, &mut d);
    assert_close(d, [-4.0, 0.0], 1e-14);
    softmax_backward(&p, &mut d);
    assert_close(d, [-0.75, 0.75], 1e-15);
    softmax_cross_entropy_gradient(&p, &target, &mut d);
    assert_close(d, [-0.75, 0.75], 1e-15);
}

/// "the cat sat on the mat": what follows "the" depends on what was before it.
const WORDS: [&str; 6] = ["the", "cat", "sat", "on", "the", "mat"];
const VOCABULARY: [&str; 5] = ["the", "cat", "sat", "on", "mat"];

fn one_hot(word: &str) -> [f32; 5] {
    VOCABULARY.map(|known| if known == word { 1.0 } else { 0.0 })
}

#[test]
fn the_next_word() {
    let words = WORDS.map(one_hot);
    let [x @ .., _] = words;
    let [_, targets @ ..] = words;
    let mut network = ElmanNetwork::<f32, 5, 8, 5>::random(3);
    network.head = Head::Softmax;
    let mut gradient = network;
    let mut adam = Adam::new(Network::zeros());
    let mut bptt = Bptt::<f32, Elman<f32, 5, 8>, 5, 8, 5, 5>::new();
    let mut train = |network: &mut ElmanNetwork<f32, 5, 8, 5>| {
        let loss =
            bptt.gradient(network, &x, &network.rest(), &targets, Labels::Every, 5, &mut gradient);
        adam.update(network, &gradient, 0.05);
        loss
    };
    let first = train(&mut network);
    // An untrained network spreads its guesses over five words: about ln 5 nats each.
    assert!((first - 5.0f32.ln()).abs() < 0.3, "{first}");
    let last = (0..200).map(|_| train(&mut network)).last();
    assert!(last.is_some_and(|loss| loss < 0.05), "{last:?}");

    let mut memory = network.rest();
    for (x, target) in x.iter().zip(&targets) {
        let p = network.step(x, &mut memory);
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let of_the_next: f32 = p.iter().zip(target).map(|(p, t)| p * t).sum();
        assert!(of_the_next > 0.9, "{p:?}");
    }
}

/// The network without memory sees "the" twice with two different successors: one half each.
#[test]
fn the_next_word_without_memory() {
    let words = WORDS.map(one_hot);
    let mut network = FeedForward::<f32, 5, 8, 5>::random(Activation::Tanh, Head::Softmax, 3);
    let mut adam = Adam::new(FeedForward::zeros(Activation::Tanh, Head::Softmax));
    for _ in 0..300 {
        let mut gradient = FeedForward::zeros(Activation::Tanh, Head::Softmax);
        for pair in words.windows(2) {
            let (h, p) = network.forward(&pair[0]);
            let mut d = [0.0; 5];
            softmax_cross_entropy_gradient(&p, &pair[1], &mut d);
            network.backward(&pair[0], &h, &d, &mut gradient);
        }
        adam.update(&mut network, &gradient, 0.05);
    }
    let (_, after_the) = network.forward(&one_hot("the"));
    assert!(
        (after_the[1] - 0.5).abs() < 0.05 && (after_the[4] - 0.5).abs() < 0.05,
        "{after_the:?}"
    );
}
