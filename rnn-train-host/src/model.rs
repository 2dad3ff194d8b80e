//! A trained model on the host: read from and written to a model file, and run sample by sample.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rnn_core::forecast::{self, Memory, Running};
use rnn_core::link::Info;
use rnn_core::model_file::{self, Contents, Header, ModelFile, Task};
use rnn_core::network::NetworkRef;
use rnn_core::quant::block::{Format, Layout};
use rnn_core::quant::{IntegerNetwork, Plan, repack};
use rnn_core::scaling::{Channel, Mode};

use crate::aligned::Aligned;
use crate::atomic::write_atomically;
use crate::data::Rows;
use crate::live::Live;
use crate::watch::Watch;

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
    /// Flat parameters, in the order of [`NetworkRef`]; none of a network of integers.
    pub parameters: Aligned,
    /// The words of a network of integers in the host's own layout, whatever the file's; else none.
    /// A line starts where the first block does.
    pub integers: Aligned<i32>,
    /// Names of PyTorch's recurrent and linear module where an import kept them, else "".
    pub modules: [String; 2],
    /// b_ih and b_hh of every layer where an import kept them, else nothing.
    pub biases: Vec<f32>,
    /// The samples of the file's self-test, row after row.
    pub samples: Vec<f32>,
    /// What is watched for, where the header says that something is.
    pub watch: Option<Watch>,
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
            integers: host_layout(&file),
            modules: file.modules().map(str::to_owned),
            biases: file.biases().collect(),
            samples: file.self_tests().map(|(sample, _)| sample).collect(),
            watch: file.header.watched.then(|| Watch::of(&file)),
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
        let integers = match (self.integer_network(), self.header.plan()) {
            (Some(network), Some(plan)) => in_layout(&network, plan),
            _ => Vec::new(),
        };
        let mut bytes = vec![0; self.header.file_length()];
        let contents = Contents {
            header: self.header,
            names: &names,
            channels: &self.channels,
            parameters: &self.parameters,
            integers: &integers,
            modules: self.modules.each_ref().map(String::as_str),
            biases: &self.biases,
            samples: &self.samples,
            predictions: &predictions,
            watch: self.watch.as_ref().map(Watch::contents),
        };
        model_file::encode(&contents, &mut bytes)?;
        Ok(bytes)
    }

    /// Says what is watched for.
    pub fn set_watch(&mut self, watch: Watch) {
        self.header.watched = true;
        self.watch = Some(watch);
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
                let mut live = self.live();
                let mut o = vec![0.0; self.header.inputs];
                let symbols = self.samples.iter().map(|&symbol| symbol as u16);
                let output = |symbol: u16| {
                    live.step_symbol(symbol);
                    live.read(&mut o);
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
            slot: None,
            learning: None,
        })
    }

    /// The network of `f32`.
    ///
    /// # Errors
    /// If it is one of integers, which has no weights to be trained or handed on.
    pub fn float(&self) -> Result<NetworkRef<'_, f32>> {
        NetworkRef::new(self.header.shape(), &self.parameters).with_context(|| {
            format!(
                "the model's weights are integers ({}); take the f32 model that it was made from",
                self.header.numbers
            )
        })
    }

    /// The network of integers, if it is one.
    pub fn integer_network(&self) -> Option<IntegerNetwork<'_>> {
        let plan = self.header.plan()?;
        IntegerNetwork::new(plan_with(plan, Layout::Panels), &self.integers)
    }

    /// The network with a memory at rest.
    pub fn live(&self) -> Live<'_> {
        match (self.integer_network(), self.float()) {
            (Some(network), _) => Live::integer(network),
            (None, Ok(network)) => Live::float(network),
            (None, Err(_)) => unreachable!("a model has what its header says"),
        }
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
            live: self.live(),
            channels: &self.channels,
            mode: self.mode_and_target().0,
            last: vec![f32::NAN; inputs],
            scratch: vec![0.0; inputs],
            recent: vec![0.0; inputs * window],
            filled: 0,
            prediction: vec![f32::NAN; inputs],
        }
    }
}

/// The same network in another layout.
fn plan_with(plan: Plan, layout: Layout) -> Plan {
    Plan { format: Format { layout, ..plan.format }, ..plan }
}

/// The words of a network in the layout of `plan`.
fn in_layout(network: &IntegerNetwork<'_>, plan: Plan) -> Vec<i32> {
    let mut words = vec![0; plan.words()];
    assert!(repack(network, plan.format.layout, &mut words), "the plan counts the words");
    words
}

/// The words of a file in the host's layout.
fn host_layout(file: &ModelFile<'_>) -> Aligned<i32> {
    let words: Vec<i32> = file.integers().collect();
    let network = file.header.plan().and_then(|plan| IntegerNetwork::new(plan, &words));
    let words = network.map_or_else(Vec::new, |network| {
        in_layout(&network, plan_with(*network.plan(), Layout::Panels))
    });
    Aligned::behind(file.header.plan().map_or(0, |plan| plan.scales()), &words)
}

/// [`rnn_core::stream::Predictor`] for shapes known at run time: the same function on owned memory.
#[derive(Debug, Clone)]
pub struct Predictor<'m> {
    live: Live<'m>,
    channels: &'m [Channel],
    mode: Mode,
    last: Vec<f32>,
    scratch: Vec<f32>,
    recent: Vec<f32>,
    filled: usize,
    prediction: Vec<f32>,
}

impl<'m> Predictor<'m> {
    /// Goes on with another model of the same shape, in the state that there is.
    pub fn go_on(&mut self, model: &'m Model) {
        self.live.go_on(model.live());
        self.channels = &model.channels;
        self.mode = model.mode_and_target().0;
    }

    /// Takes one sample, returns the prediction of the next one.
    pub fn step(&mut self, sample: &[f32]) -> &[f32] {
        let memory = Memory {
            last: &mut self.last,
            scratch: &mut self.scratch,
            recent: &mut self.recent,
            filled: &mut self.filled,
        };
        let prediction = &mut self.prediction;
        forecast::step(&mut self.live, self.channels, self.mode, memory, sample, prediction);
        &self.prediction
    }

    /// Back to rest, as if no sample had come.
    pub fn restart(&mut self) {
        self.live.rest();
        self.last.fill(f32::NAN);
        self.filled = 0;
        self.prediction.fill(f32::NAN);
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
