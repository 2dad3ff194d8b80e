//! Optimisers against their formulas, and a small network that learns a sine: the same bits for the
//! same seed, in debug and release.

use rnn_core::bptt::{Bptt, Labels};
use rnn_core::elman::Elman;
use rnn_core::network::ElmanNetwork;
use rnn_core::optimizer::{Adam, Momentum, clip_norm, norm, sgd};
use rnn_core::parameters::Parameters;

const GRADIENTS: [[f64; 2]; 3] = [[0.5, -2.0], [1.0, 0.25], [-0.125, 4.0]];

#[test]
fn gradient_descent() {
    let mut p = [1.0, -1.0];
    sgd(&mut p, &[0.5, -2.0], 0.25);
    assert_eq!(p, [0.875, -0.5]);
}

/// v = 0.5 v + g, p -= 0.5 v: powers of two, so by hand and exact.
#[test]
fn momentum() {
    let mut p = [0.0, 0.0];
    let mut momentum = Momentum::new(0.5, [0.0; 2]);
    // v: (0.5, -2), (1.25, -0.75), (0.5, 3.625)
    for (gradient, wanted) in
        GRADIENTS.iter().zip([[-0.25, 1.0], [-0.875, 1.375], [-1.125, -0.4375]])
    {
        momentum.update(&mut p, gradient, 0.5);
        assert_eq!(p, wanted);
    }
}

/// Algorithm 1 of the paper, line by line.
#[test]
fn adam() {
    let (lr, b1, b2, epsilon) = (0.01, 0.9, 0.999, 1e-8);
    let mut p = [1.0, -1.0];
    let mut adam = Adam::new([0.0; 2]);
    let mut wanted = p;
    let (mut m, mut v) = ([0.0; 2], [0.0; 2]);
    for (t, gradient) in (1..).zip(GRADIENTS) {
        adam.update(&mut p, &gradient, lr);
        for i in 0..2 {
            m[i] = b1 * m[i] + (1.0 - b1) * gradient[i];
            v[i] = b2 * v[i] + (1.0 - b2) * gradient[i] * gradient[i];
            let m_hat: f64 = m[i] / (1.0 - f64::powi(b1, t));
            let v_hat: f64 = v[i] / (1.0 - f64::powi(b2, t));
            wanted[i] -= lr * m_hat / (v_hat.sqrt() + epsilon);
            assert!((p[i] - wanted[i]).abs() < 1e-13, "t {t}: {p:?}, wanted {wanted:?}");
        }
    }
    // The first step is lr against the gradient's sign, however large the gradient.
    let mut first = [0.0, 0.0];
    Adam::new([0.0; 2]).update(&mut first, &[1e-3, -1e6], lr);
    assert!((first[0] + lr).abs() < 1e-6 && (first[1] - lr).abs() < 1e-6, "{first:?}");
}

/// 3-4-12-13: the norm goes over all tensors together.
#[test]
fn clipping() {
    let mut gradient = ElmanNetwork::<f64, 1, 1, 1>::zeros();
    gradient.tensors_mut().zip([3.0, 0.0, -4.0, 12.0, 0.0]).for_each(|(tensor, v)| tensor[0] = v);
    assert_eq!(norm(&gradient), 13.0);
    let before = gradient;
    assert_eq!(clip_norm(&mut gradient, 13.0), 13.0);
    assert_eq!(gradient, before, "no longer than the limit: unchanged");
    assert_eq!(clip_norm(&mut gradient, 6.5), 13.0);
    let halves: Vec<f64> = gradient.tensors().flatten().copied().collect();
    assert_eq!(halves, [1.5, 0.0, -2.0, 6.0, 0.0]);
    let mut nothing = [0.0f32; 3];
    assert_eq!(clip_norm(&mut nothing, 1.0), 0.0);
    assert_eq!(nothing, [0.0; 3]);
}

const STEPS: usize = 20;
type Net = ElmanNetwork<f32, 1, 8, 1>;

/// sin(0.3 t), its labels the next value; computed without a library so that its bits are the same
/// everywhere: s_{t+1} = 2 cos(0.3) s_t - s_{t-1}.
fn sine() -> [f32; 401] {
    let (mut before, mut now) = (-0.295_520_206_661_339_6f64, 0.0);
    core::array::from_fn(|_| {
        let value = now as f32;
        (before, now) = (now, 2.0 * 0.955_336_489_125_606 * now - before);
        value
    })
}

/// Mean squared error of the stream's second half, and of saying that nothing changes.
fn score(network: &Net, series: &[f32]) -> (f32, f32) {
    let mut memory = network.rest();
    let (mut network_error, mut persistence) = (0.0, 0.0);
    for (t, pair) in series.windows(2).enumerate() {
        let [y] = network.step(&[pair[0]], &mut memory);
        if t >= 200 {
            network_error += (y - pair[1]) * (y - pair[1]) / 200.0;
            persistence += (pair[0] - pair[1]) * (pair[0] - pair[1]) / 200.0;
        }
    }
    (network_error, persistence)
}

/// 30 passes over the first half, in stretches of 20 steps with the state carried from each to the
/// next.
fn trained(seed: u64) -> (Net, f32) {
    let series = sine();
    let mut network = Net::random(seed);
    let mut gradient = Net::zeros();
    let mut adam = Adam::new(Net::zeros());
    let mut bptt = Bptt::<f32, Elman<f32, 1, 8>, 1, 8, 1, STEPS>::new();
    let mut loss = 0.0;
    for _ in 0..30 {
        let mut start = network.rest();
        loss = 0.0;
        for first in (0..200).step_by(STEPS) {
            let x = core::array::from_fn(|t| [series[first + t]]);
            let targets = core::array::from_fn(|t| [series[first + t + 1]]);
            let labels = Labels::Every;
            loss +=
                bptt.gradient(&network, &x, &start, &targets, labels, STEPS, &mut gradient) / 10.0;
            clip_norm(&mut gradient, 1.0);
            adam.update(&mut network, &gradient, 0.01);
            bptt.last_state(&mut start);
        }
    }
    (network, loss)
}

fn digest(network: &Net) -> u32 {
    let bytes: Vec<u8> = network.tensors().flatten().flat_map(|w| w.to_le_bytes()).collect();
    crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes)
}

#[test]
fn a_network_learns_a_sine_and_beats_persistence() {
    let (network, loss) = trained(1);
    assert!(loss < 2e-3, "training loss {loss}");
    let (error, persistence) = score(&network, &sine());
    let (untrained, _) = score(&Net::random(1), &sine());
    assert!(untrained > persistence, "an untrained network must not be this good: {untrained}");
    assert!(error < 0.05 * persistence, "{error}, persistence {persistence}");
}

/// The digest is part of the source: it holds in debug and release and on every machine.
#[test]
fn the_same_seed_gives_the_same_bits() {
    let [first, second, other] = [1, 1, 2].map(|seed| digest(&trained(seed).0));
    assert_eq!(first, second);
    assert_ne!(first, other);
    assert_eq!(first, 0x4146_F054, "{first:#010x}");
}
