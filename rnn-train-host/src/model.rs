//! A trained model on the host: read from and written to a model file, and run sample by sample.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rnn_core::forecast::{self, Memory, Running};
use rnn_core::kernel::{Columns, Inference};
use rnn_core::link::Info;
use rnn_core::model_file::{self, Contents, Header, ModelFile, Task};
use rnn_core::network::NetworkRef;
use rnn_core::scaling::{Channel, Mode};

use crate::aligned::Aligned;
use crate::atomic::write_atomically;
use crate::data::Rows;

/// Self-test samples that a new model file carries.
pub const SELF_TESTS: usize = 16;

/// A network with the names and scales of its channels, or with the symbols of its vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Task, shape, window.
    pub header: Header,
    /// The channels' names, or the symbols.
    pub names: Vec<String>,
    /// The channels' scales; none for text.
    pub channels: Vec<Channel>,
    /// Flat parameters, in the order of [`NetworkRef`].
    pub parameters: Aligned,
    /// Names of PyTorch's recurrent and linear module where an import kept them, else "".
    pub modules: [String; 2],
    /// b_ih and b_hh of every layer where an import kept them, else nothing.
    pub biases: Vec<f32>,
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
        let names = 0..file.header.inputs;
        let channels = match file.header.task {
            Task::Forecast { .. } => names.clone(),
            Task::Text(_) => 0..0,
        };
        Ok(Model {
            header: file.header,
            names: names.map(|i| file.name(i).to_owned()).collect(),
            channels: channels.map(|i| file.channel(i)).collect(),
            parameters: file.parameters().collect::<Vec<f32>>().into(),
            modules: file.modules().map(str::to_owned),
            biases: file.biases().collect(),
            samples: file.self_tests().map(|(sample, _)| sample).collect(),
        })
    }

    /// The bytes of the model file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let predictions = self.predictions();
        let longest = self.header.name_length();
        if let Some(name) = self.names.iter().find(|name| name.len() > longest) {
            bail!(
                "the name '{name}' is longer than the {longest} bytes that a model file holds; rename the column"
            );
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let mut bytes = vec![0; self.header.file_length()];
        let contents = Contents {
            header: self.header,
            names: &names,
            channels: &self.channels,
            parameters: &self.parameters,
            modules: self.modules.each_ref().map(String::as_str),
            biases: &self.biases,
            samples: &self.samples,
            predictions: &predictions,
        };
        model_file::encode(&contents, &mut bytes)?;
        Ok(bytes)
    }

    /// What the self-test samples give, one after the other, from rest: predictions, or for text the
    /// output at each symbol's own index.
    pub fn predictions(&self) -> Vec<f32> {
        match self.header.task {
            Task::Forecast { .. } => {
                let mut predictor = self.predictor();
                let samples = self.samples.chunks_exact(self.header.inputs);
                samples.flat_map(|sample| predictor.step(sample).to_vec()).collect()
            }
            Task::Text(_) => {
                let network = self.view();
                let mut memory = Aligned::new(network.shape().memory());
                let mut o = vec![0.0; self.header.inputs];
                let symbols = self.samples.iter().map(|&symbol| symbol as u16);
                let output = |symbol: u16| {
                    let h = network.step::<Inference>(Columns::Symbols(&[symbol]), &mut memory);
                    network.readout().forward::<Inference>(h, &mut o);
                    o[usize::from(symbol)]
                };
                symbols.map(output).collect()
            }
        }
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
        let Header { inputs, layers, window, .. } = self.header;
        Ok(Info {
            inputs: size(inputs),
            hidden: size(layers.hidden()),
            outputs: size(inputs),
            window: size(window),
            model_crc: crc,
        })
    }

    /// A view that the core's functions take.
    pub fn view(&self) -> NetworkRef<'_, f32> {
        NetworkRef::new(self.header.shape(), &self.parameters)
            .expect("a model has as many parameters as its shape says")
    }

    /// What a forecaster reads and predicts, and the channel that is scored; for text, which has
    /// neither, raw and the first.
    pub fn mode_and_target(&self) -> (Mode, usize) {
        match self.header.task {
            Task::Forecast { mode, target } => (mode, target),
            Task::Text(_) => (Mode::Raw, 0),
        }
    }

    /// The index of the channel that is scored.
    pub fn target(&self) -> usize {
        self.mode_and_target().1
    }

    /// A predictor in its initial state.
    pub fn predictor(&self) -> Predictor<'_> {
        let Header { inputs, window, .. } = self.header;
        Predictor {
            network: self.view(),
            channels: &self.channels,
            mode: self.mode_and_target().0,
            memory: Aligned::new(self.header.shape().memory()),
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
    network: NetworkRef<'m, f32>,
    channels: &'m [Channel],
    mode: Mode,
    memory: Aligned,
    last: Vec<f32>,
    scratch: Vec<f32>,
    recent: Vec<f32>,
    filled: usize,
    prediction: Vec<f32>,
}

/// The network of a predictor with its memory.
struct Live<'a> {
    network: &'a NetworkRef<'a, f32>,
    memory: &'a mut [f32],
}

impl Running for Live<'_> {
    fn rest(&mut self) {
        self.memory.fill(0.0);
    }
    fn step(&mut self, u: &[f32]) {
        self.network.step::<Inference>(Columns::Values(u), self.memory);
    }
    fn read(&self, o: &mut [f32]) {
        self.network.readout().forward::<Inference>(self.network.h(self.memory), o);
    }
}

impl Predictor<'_> {
    /// Takes one sample, returns the prediction of the next one.
    pub fn step(&mut self, sample: &[f32]) -> &[f32] {
        let memory = Memory {
            last: &mut self.last,
            scratch: &mut self.scratch,
            recent: &mut self.recent,
            filled: &mut self.filled,
        };
        let mut live = Live { network: &self.network, memory: &mut self.memory };
        let prediction = &mut self.prediction;
        forecast::step(&mut live, self.channels, self.mode, memory, sample, prediction);
        &self.prediction
    }

    /// Takes every row.
    pub fn warm_up(&mut self, rows: Rows<'_>) {
        self.warm_up_range(rows, 0..rows.len());
    }

    /// Takes the rows of a range.
    pub fn warm_up_range(&mut self, rows: Rows<'_>, range: Range<usize>) {
        for t in range {
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
