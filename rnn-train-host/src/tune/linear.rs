//! Linear autoregressions as Elman networks.
//!
//! tanh x = x - x^3/3 + ..., so a unit that only sees small numbers is linear. With W_xh = e, and
//! W_hh handing every unit's value on to the next one, unit k holds e u_{t-k}: a shift register. The
//! readout W_hy = Phi / e then makes o_t = b + sum_k Phi_k u_{t-k} of it, a ridge regression on K lags
//! of all channels. So the search never does worse than linear, and merges what is linear with what
//! isn't.

use nalgebra::DMatrix;
use rnn_core::activation::Activation;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, Task};
use rnn_core::network::Shape;
use rnn_core::scaling::Mode;

use crate::baseline::ridge::NormalEquations;
use crate::data::season;
use crate::model::{Model, SELF_TESTS};
use crate::train::data::Data;
use crate::train::stop::Stop;

/// Lags tried.
const LAGS: [usize; 4] = [20, 10, 5, 2];
/// Largest register, lags x channels.
const REGISTER: usize = 100;
/// Penalties tried, relative to the inputs' variance of 1.
const PENALTIES: [f64; 5] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1];
/// e: larger ones bend more, smaller ones drown in the tanh table's error.
const SMALL: [f32; 3] = [0.01, 0.03, 0.1];
/// Samples that go into the normal equations in one product.
const BLOCK: usize = 256;

/// A linear autoregression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regression {
    /// What it reads and predicts.
    pub mode: Mode,
    /// Samples that it reads.
    pub lags: usize,
    /// Of the squared weights, relative to the inputs' variance of 1.
    pub penalty: f64,
    /// e.
    pub small: f32,
}

impl Regression {
    /// Fitted to the training part; `None` where rounding leaves no solution.
    pub(super) fn fit(&self, data: &Data<'_>) -> Option<Model> {
        let weights = sums(data, self.mode, self.lags).solve(self.penalty)?;
        Some(self.register(data, &weights))
    }

    /// The network; `weights`: (1 + lags x channels) x channels.
    fn register(&self, data: &Data<'_>, weights: &DMatrix<f64>) -> Model {
        let &Regression { mode, lags, small, .. } = self;
        let channels = data.channels.len();
        let hidden = lags * channels;
        let layers = Layers::one(Kind::Elman(Activation::Tanh), hidden);
        let shape = Shape { inputs: channels, layers, outputs: channels };
        let mut w_xh = DMatrix::<f32>::zeros(hidden, channels);
        w_xh.fill_diagonal(small);
        let w_hh =
            DMatrix::from_fn(hidden, hidden, |to, from| f32::from(u8::from(to == from + channels)));
        let w_hy = weights.rows(1, hidden).transpose().map(|w| (w / f64::from(small)) as f32);
        let b_y = weights.row(0).map(|b| b as f32);
        let mut parameters = Vec::with_capacity(shape.parameters());
        for tensor in [w_xh.as_slice(), w_hh.as_slice(), &vec![0.0; hidden], w_hy.as_slice()] {
            parameters.extend_from_slice(tensor);
        }
        parameters.extend(b_y.iter());
        let header = Header {
            self_tests: SELF_TESTS.min(data.split.train.len()),
            ..Header::new(Task::Forecast { mode, target: data.table.target }, channels, layers)
        };
        data.model(header, parameters)
    }
}

/// For each number of lags that `fits` as so many units: the regression with the penalty and e that
/// do best on the validation part; fewer where `stop` is asked for.
pub(super) fn linear(
    data: &Data<'_>,
    mode: Mode,
    fits: impl Fn(usize) -> bool,
    stop: &Stop,
) -> Vec<(Regression, Model)> {
    let channels = data.channels.len();
    let rows = data.split.train.len();
    // A season's lag is in the register as well, where it is that long.
    let season = season(data).map_or(0, |season| season + 1);
    let season = Some(season).filter(|lags| (LAGS[0] + 1..=REGISTER / channels).contains(lags));
    let usual = LAGS.map(|lags| lags.min(REGISTER / channels));
    let mut lags: Vec<usize> = season
        .into_iter()
        .chain(usual)
        .filter(|&lags| lags > 0 && 3 * lags * channels <= rows && fits(lags * channels))
        .collect();
    lags.dedup();
    let Some(&longest) = lags.first() else { return Vec::new() };
    let sums = sums(data, mode, longest);
    let best = |lags: usize| {
        let sums = sums.of_first(1 + lags * channels);
        let solved = PENALTIES.iter().filter_map(|&penalty| Some((penalty, sums.solve(penalty)?)));
        let models = solved.flat_map(|(penalty, weights)| {
            SMALL.map(|small| {
                let regression = Regression { mode, lags, penalty, small };
                (regression, regression.register(data, &weights))
            })
        });
        let scored = models.map(|found| (data.validation_rmse(data.validate(&found.1)), found));
        scored.filter(|(rmse, _)| rmse.is_finite()).min_by(|(a, _), (b, _)| a.total_cmp(b))
    };
    let lags = lags.into_iter().take_while(|_| !stop.was_asked());
    lags.filter_map(best).map(|(_, found)| found).collect()
}

/// The season of the target in the training part.
fn season(data: &Data<'_>) -> Option<usize> {
    let training = data.filled.rows().before(data.split.train.end);
    season::detect(&training.channel(data.table.target).collect::<Vec<_>>())
}

/// Normal equations of the labels on a 1 and on the inputs, lag after lag, over the training part.
fn sums(data: &Data<'_>, mode: Mode, lags: usize) -> NormalEquations {
    let channels = data.channels.len();
    let samples = data.samples(mode);
    let inputs = 1 + lags * channels;
    let label = |t: usize| &samples.targets[t * channels..][..channels];
    // Difference mode has no input before row 1; the label lies one row on.
    let labelled: Vec<usize> = (lags..data.split.train.end - 1)
        .filter(|&t| label(t).iter().all(|label| label.is_finite()))
        .collect();
    let mut sums = NormalEquations::new(inputs, channels);
    for rows in labelled.chunks(BLOCK) {
        let x = DMatrix::from_fn(inputs, rows.len(), |input, sample| match input.checked_sub(1) {
            None => 1.0,
            Some(place) => {
                let (lag, channel) = (place / channels, place % channels);
                f64::from(samples.inputs[(rows[sample] - lag) * channels + channel])
            }
        });
        let y = DMatrix::from_fn(channels, rows.len(), |channel, sample| {
            f64::from(label(rows[sample])[channel])
        });
        sums.add(x.as_view(), y.as_view());
    }
    sums
}
