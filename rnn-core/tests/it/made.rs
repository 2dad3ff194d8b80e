//! Model files for the tests: golden/tiny.rnn (an Elman cell), golden/stack.rnn (two layers, with
//! what PyTorch's format has beside), and a text model. `UPDATE_GOLDEN=1 cargo test -p rnn-core --test it model_encode::` writes
//! the golden ones anew.

use rnn_core::activation::Activation;
use rnn_core::cell::{Cell, Stack};
use rnn_core::elman::Elman;
use rnn_core::forecast::Forecaster;
use rnn_core::gru::{Gru, Reset};
use rnn_core::layers::{Kind, Layers};
use rnn_core::lstm::Lstm;
use rnn_core::model_file::{Contents, Error, Header, Numbers, Task, Unit, WatchContents, encode};
use rnn_core::network::Network;
use rnn_core::parameters::Parameters;
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};
use rnn_core::stream::Predictor;
use rnn_core::watch::Watched;
use rnn_core::watch::guard::{Limits, Rules};
use rnn_core::watch::score::Usual;

pub(crate) static TINY: &[u8] = include_bytes!("../golden/tiny.rnn");
pub(crate) static STACK: &[u8] = include_bytes!("../golden/stack.rnn");

/// 2 channels, 3 hidden units.
pub(crate) type Tiny = Forecaster<Elman<f32, 2, 3>, 2, 3>;
/// 1 channel, an LSTM of 2 units under a GRU of 3.
pub(crate) type Stacked = Forecaster<Stack<Lstm<f32, 1, 2>, Gru<f32, 2, 3>, 2>, 1, 3>;

/// What a file is made of.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) header: Header,
    pub(crate) names: Vec<&'static str>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) parameters: Vec<f32>,
    pub(crate) modules: [&'static str; 2],
    pub(crate) biases: Vec<f32>,
    pub(crate) samples: Vec<f32>,
    pub(crate) predictions: Vec<f32>,
    pub(crate) watch: Option<(Rules, Vec<Watched>)>,
}

impl Made {
    /// The file in so many bytes of 0xAA, and what `encode` says.
    pub(crate) fn encode(&self, room: usize) -> (Vec<u8>, Result<usize, Error>) {
        let contents = Contents {
            header: self.header,
            names: &self.names,
            channels: &self.channels,
            parameters: &self.parameters,
            integers: &[],
            modules: self.modules,
            biases: &self.biases,
            samples: &self.samples,
            predictions: &self.predictions,
            watch: self.watch.as_ref().map(|(rules, channels)| WatchContents {
                rules: *rules,
                period: 300.0,
                threshold: 4.0,
                channels,
            }),
        };
        let mut out = vec![0xAA; room];
        let length = encode(&contents, &mut out);
        (out, length)
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (bytes, length) = self.encode(self.header.file_length());
        assert_eq!(length, Ok(bytes.len()));
        bytes
    }
}

pub(crate) const fn scales(
    level_mean: f32,
    level_deviation: f32,
    difference_mean: f32,
    difference_deviation: f32,
) -> Channel {
    Channel { level_mean, level_deviation, difference_mean, difference_deviation }
}

fn parameters<C, const I: usize, const H: usize>(model: &Forecaster<C, I, H>) -> Vec<f32>
where
    C: Cell<f32, I, H>,
{
    model.network.tensors().flatten().copied().collect()
}

pub(crate) const TINY_HEADER: Header = Header {
    self_tests: 3,
    seed: 0x0123_4567_89AB_CDEF,
    ..Header::new(
        Task::Forecast { mode: Mode::Difference, target: 1 },
        2,
        Layers::one(Kind::Elman(Activation::Tanh), 3),
    )
};

pub(crate) fn tiny_model() -> Tiny {
    let channels = [scales(20.0, 2.5, 0.01, 0.4), scales(401.0, 3.0, -0.25, 1.5)];
    Forecaster { network: Network::random(21), channels, mode: Mode::Difference }
}

pub(crate) fn tiny() -> Made {
    let model = tiny_model();
    let samples = [[20.5, 400.0], [20.75, 401.5], [20.5, 402.0]];
    let mut predictor = Predictor::<_, 2, 3, 0>::new(&model);
    let predictions = samples.map(|sample| predictor.step(&sample));
    Made {
        header: TINY_HEADER,
        names: vec!["temperature °C", "CO₂"],
        channels: model.channels.to_vec(),
        parameters: parameters(&model),
        modules: [""; 2],
        biases: vec![],
        samples: samples.as_flattened().to_vec(),
        predictions: predictions.as_flattened().to_vec(),
        watch: None,
    }
}

/// What is watched for in a channel of these scales.
pub(crate) fn watched_channel(low: f32, high: f32, channel: &Channel) -> Watched {
    Watched {
        limits: Limits { low, high, stuck: 4 },
        usual: Usual {
            mean: channel.level_mean,
            deviation: channel.level_deviation,
            residual: 0.25,
            residual_tail: 3.0,
            level: 0.125,
            level_tail: 1.5,
        },
    }
}

/// The same with what is watched for.
pub(crate) fn watched() -> Made {
    let rules = Rules { earliest: 0.5, latest: 1.5, hold: 5, warm_up: 12 };
    let Made { header, channels, .. } = tiny();
    let limits = [(-10.0, 50.0), (300.0, 500.0)].iter().zip(&channels);
    let watched = limits.map(|(&(low, high), channel)| watched_channel(low, high, channel));
    let watch = Some((rules, watched.collect()));
    Made { header: Header { watched: true, ..header }, watch, ..tiny() }
}

pub(crate) fn stack_model() -> Stacked {
    let channels = [scales(-4.0, 1.5, 0.0, 0.5)];
    Forecaster { network: Network::random(22), channels, mode: Mode::Residual }
}

pub(crate) fn stack() -> Made {
    let layers = Layers::one(Kind::Lstm, 2).with(Kind::Gru(Reset::After), 3);
    let header = Header {
        task: Task::Forecast { mode: Mode::Residual, target: 0 },
        inputs: 1,
        layers: layers.expect("room for two"),
        self_tests: 4,
        two_biases: true,
        numbers: Numbers::Float,
        seed: 5,
        ..TINY_HEADER
    };
    let model = stack_model();
    let samples = [-4.0, -3.5, -5.25, -3.0];
    let mut predictor = Predictor::<_, 1, 3, 0>::new(&model);
    let predictions = samples.map(|sample| predictor.step(&[sample])[0]);
    // b_ih and b_hh: 4 gates of 2 units, 3 of 3.
    let mut biases = vec![0.0; 2 * 8 + 2 * 9];
    SplitMix64::new(23).fill_uniform(0.5, &mut biases);
    Made {
        header,
        names: vec!["level"],
        channels: model.channels.to_vec(),
        parameters: parameters(&model),
        modules: ["cell", "readout"],
        biases,
        samples: samples.to_vec(),
        predictions: predictions.to_vec(),
        watch: None,
    }
}

/// A vocabulary of 4 symbols, a GRU (reset before) of 2 units.
pub(crate) fn text(unit: Unit) -> Made {
    let header = Header {
        task: Task::Text(unit),
        inputs: 4,
        layers: Layers::one(Kind::Gru(Reset::Before), 2),
        self_tests: 2,
        ..TINY_HEADER
    };
    let mut parameters = vec![0.0; header.shape().parameters()];
    SplitMix64::new(24).fill_uniform(0.5, &mut parameters);
    Made {
        header,
        names: vec!["", "a", "ß", "😀"],
        channels: vec![],
        parameters,
        modules: [""; 2],
        biases: vec![],
        samples: vec![0.0, 3.0],
        predictions: vec![0.25, -0.5],
        watch: None,
    }
}
