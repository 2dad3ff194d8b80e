//! A trained model on the host: read from and written to a model file, and run sample by sample.

use std::path::Path;

use anyhow::{Context, Result, bail};
use rnn_core::forecast::{ForecasterRef, Memory};
use rnn_core::link::Info;
use rnn_core::model_file::{self, Contents, Header, ModelFile};
use rnn_core::network::NetworkRef;
use rnn_core::scaling::Channel;

use crate::atomic::write_atomically;
use crate::data::Rows;

/// Self-test samples that a new model file carries.
pub const SELF_TESTS: usize = 16;

/// A network with the names and scales of its channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Shape, mode, window, target.
    pub header: Header,
    /// The channels' names.
    pub names: Vec<String>,
    /// The channels' scales.
    pub channels: Vec<Channel>,
    /// Flat parameters, in the order of [`rnn_core::network::Shape::lengths`].
    pub parameters: Vec<f32>,
    /// The samples of the file's self-test, row after row.
    pub samples: Vec<f32>,
}

impl Model {
    /// Reads a model file.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read the model {}", path.display()))?;
        Self::from_bytes(&bytes).with_context(|| format!("{}", path.display()))
    }

    /// The model in the bytes of a model file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, model_file::Error> {
        let file = ModelFile::parse(bytes)?;
        let channels = 0..file.header.inputs;
        Ok(Model {
            header: file.header,
            names: channels.clone().map(|i| file.name(i).to_owned()).collect(),
            channels: channels.map(|i| file.channel(i)).collect(),
            parameters: file.parameters().collect(),
            samples: file.self_tests().map(|(sample, _)| sample).collect(),
        })
    }

    /// The bytes of the model file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let predictions = self.predictions();
        for name in &self.names {
            if name.len() > model_file::NAME {
                bail!(
                    "the column name '{name}' is longer than the {} bytes that a model file holds; rename the column",
                    model_file::NAME
                );
            }
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let mut bytes = vec![0; self.header.file_length()];
        let contents = Contents {
            header: self.header,
            model: self.view(),
            names: &names,
            samples: &self.samples,
            predictions: &predictions,
        };
        model_file::encode(&contents, &mut bytes)?;
        Ok(bytes)
    }

    /// What the self-test samples give, row after row, from h = 0.
    pub fn predictions(&self) -> Vec<f32> {
        let mut predictor = self.predictor();
        let samples = self.samples.chunks_exact(self.header.inputs);
        samples.flat_map(|sample| predictor.step(sample).to_vec()).collect()
    }

    /// Writes the model file, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = self.to_bytes()?;
        write_atomically(path, |file| Ok(file.write_all(&bytes)?))
    }

    /// What a device that carries this model says of itself.
    pub fn info(&self) -> Result<Info> {
        let bytes = self.to_bytes()?;
        let crc = ModelFile::parse(&bytes)?.crc();
        // The file's sizes are at most 4096.
        let size = |size: usize| size as u16;
        let Header { inputs, hidden, window, .. } = self.header;
        Ok(Info {
            inputs: size(inputs),
            hidden: size(hidden),
            outputs: size(inputs),
            window: size(window),
            model_crc: crc,
        })
    }

    /// A view that the core's functions take.
    pub fn view(&self) -> ForecasterRef<'_> {
        let network = NetworkRef::from_flat(self.header.shape(), &self.parameters);
        ForecasterRef {
            network: network.expect("a model has as many parameters as its shape says"),
            channels: &self.channels,
            mode: self.header.mode,
        }
    }

    /// A predictor in its initial state.
    pub fn predictor(&self) -> Predictor<'_> {
        let Header { inputs, hidden, window, .. } = self.header;
        Predictor {
            model: self.view(),
            h: vec![0.0; hidden],
            h_next: vec![0.0; hidden],
            last: vec![f32::NAN; inputs],
            scratch: vec![0.0; inputs],
            recent: vec![0.0; inputs * window],
            filled: 0,
            prediction: vec![f32::NAN; inputs],
        }
    }
}

/// [`rnn_core::stream::Predictor`] for shapes known at run time: the same function on owned memory.
#[derive(Debug, Clone)]
pub struct Predictor<'m> {
    model: ForecasterRef<'m>,
    h: Vec<f32>,
    h_next: Vec<f32>,
    last: Vec<f32>,
    scratch: Vec<f32>,
    recent: Vec<f32>,
    filled: usize,
    prediction: Vec<f32>,
}

impl Predictor<'_> {
    /// Takes one sample, returns the prediction of the next one.
    pub fn step(&mut self, sample: &[f32]) -> &[f32] {
        let memory = Memory {
            h: &mut self.h,
            h_next: &mut self.h_next,
            last: &mut self.last,
            scratch: &mut self.scratch,
            recent: &mut self.recent,
            filled: &mut self.filled,
        };
        self.model.step(memory, sample, &mut self.prediction);
        &self.prediction
    }

    /// Takes every row.
    pub fn warm_up(&mut self, rows: Rows<'_>) {
        for t in 0..rows.len() {
            self.step(rows.row(t));
        }
    }

    /// The last prediction; NaN before the first sample.
    pub fn prediction(&self) -> &[f32] {
        &self.prediction
    }

    /// Recursive forecast of `steps` samples, the first one being the last prediction, each fed back
    /// as the next input; `take` gets every sample. The predictor stays where it is.
    pub fn forecast(&self, steps: usize, mut take: impl FnMut(usize, &[f32])) {
        let mut ahead = self.clone();
        for step in 0..steps {
            let prediction = ahead.prediction.clone();
            take(step, &prediction);
            if step + 1 < steps {
                ahead.step(&prediction);
            }
        }
    }
}
