//! Networks from elsewhere: PyTorch's state in a safetensors file.

use anyhow::{Context, Result, ensure};
use rnn_core::model_file::{Header, LIMIT, MODULE, Task, VOCABULARY_LIMIT};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::Channel;

use crate::model::{Model, SELF_TESTS};
use crate::pytorch::{Description, LayerState, default_modules};

mod network;
mod state;

use network::Network;
use state::{State, list};

/// A model, and what is worth knowing of how it came about.
#[derive(Debug)]
pub struct Imported {
    /// The model.
    pub model: Model,
    /// Sentences.
    pub notes: Vec<String>,
}

/// The model in a safetensors file's bytes: `nn.RNN`, `nn.GRU` or `nn.LSTM`, one direction, with an
/// `nn.Linear` on top. What `options` don't say comes from the file's metadata, if an export of this
/// program wrote it.
///
/// # Errors
/// If the bytes are no such file, or the tensors are missing, of the wrong shape, not finite, or too
/// many to know which ones are meant.
pub fn safetensors(bytes: &[u8], options: Description) -> Result<Imported> {
    let mut state = State::parse(bytes)?;
    let metadata = match &state.description {
        None => Description::default(),
        Some(json) => serde_json::from_str(json)
            .context("the file's metadata of this program can't be read; export it again")?,
    };
    let chosen = options.recurrent.is_some() || options.linear.is_some();
    let description = options.or(metadata);
    let network = network::take(&mut state, &description)?;
    let mut notes = Vec::new();
    if network.elman && description.nonlinearity.is_none() {
        notes.push("the file doesn't say whether the nn.RNN is of tanh or relu; tanh is taken, --nonlinearity sets it".to_owned());
    }
    if !state.rounded.is_empty() {
        let rounded = list(state.rounded.iter().map(String::as_str));
        notes.push(format!("rounded from F64 to F32: {rounded}"));
    }
    if chosen && state.names().next().is_some() {
        notes.push(format!("left out: {}", list(state.names())));
    }
    let model = model(network, description, &mut notes)?;
    Ok(Imported { model, notes })
}

fn model(network: Network, description: Description, notes: &mut Vec<String>) -> Result<Model> {
    let Network { inputs, outputs, layers, parameters, biases, modules, .. } = network;
    ensure!(
        inputs == outputs,
        "{}.weight has {outputs} row(s) for the network's {inputs} input(s): a model here predicts the next value of every input, so that it can go on from its own predictions. Train it with as many outputs as inputs",
        modules[1]
    );
    let (task, names) = description.task_and_names(inputs)?;
    let (what, limit) = match task {
        Task::Forecast { .. } => ("channels", LIMIT),
        Task::Text(_) => ("symbols", VOCABULARY_LIMIT),
    };
    ensure!(inputs <= limit, "the network has {inputs} {what}, and a model has at most {limit}");
    let channels = match task {
        Task::Forecast { mode, .. } => description.channels(mode, &names)?,
        Task::Text(_) => Vec::new(),
    };
    let window = description.window.unwrap_or(0);
    ensure!(window <= LIMIT, "the window has {window} steps, and a model has at most {LIMIT}");

    // What an export made of one bias stays one, unless somebody trained the other one meanwhile.
    let mut header = Header {
        window,
        two_biases: true,
        seed: description.seed.unwrap_or(0),
        ..Header::new(task, inputs, layers)
    };
    let samples = description.samples.unwrap_or_else(|| made_up_samples(&header, &channels));
    header.self_tests = samples.len() / header.sample_length();
    let whole = header.self_tests * header.sample_length() == samples.len();
    let possible = match task {
        Task::Forecast { .. } => samples.iter().all(|sample| sample.is_finite()),
        Task::Text(_) => {
            samples.iter().all(|s| *s >= 0.0 && *s < inputs as f32 && s.fract() == 0.0)
        }
    };
    ensure!(
        whole && possible && header.self_tests <= LIMIT,
        "the self-test samples in the file's metadata are no samples of this network"
    );
    let parameters = parameters.into();
    let mut model = Model {
        header,
        names,
        channels,
        parameters,
        integers: Vec::new().into(),
        modules,
        biases,
        samples,
        watch: None,
    };
    if description.two_biases == Some(false) && biases_of_one(&model) == Some(bits(&model.biases)) {
        model.header.two_biases = false;
        model.biases.clear();
        model.modules = Default::default();
    }
    for (name, replacement) in model.modules.iter_mut().zip(default_modules(&model.header)) {
        if name.len() > MODULE {
            notes.push(format!("a model file has no room for {name}: it is called {replacement}"));
            *name = replacement;
        }
    }
    ensure!(
        model.predictions().iter().all(|prediction| prediction.is_finite()),
        "the network's outputs are beyond the range of f32: its weights are too large, or its scales"
    );
    Ok(model)
}

/// The bits of the two biases that an export makes of the model's single one.
fn biases_of_one(model: &Model) -> Option<Vec<u32>> {
    let layers: Option<Vec<LayerState>> =
        model.float().ok()?.layers().map(LayerState::of).collect();
    Some(layers?.iter().flat_map(|layer| bits(&layer.biases.concat())).collect())
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Samples for the self-test around the channels' means, or symbols.
fn made_up_samples(header: &Header, channels: &[Channel]) -> Vec<f32> {
    let mut random = SplitMix64::new(header.seed);
    match header.task {
        Task::Forecast { .. } => {
            let channels = channels.iter().cycle().take(SELF_TESTS * channels.len());
            let around = |channel: &Channel| {
                let u = 2.0 * random.uniform() as f32 - 1.0;
                channel.level_mean + u * channel.level_deviation
            };
            channels.map(around).collect()
        }
        Task::Text(_) => (0..SELF_TESTS).map(|_| random.below(header.inputs) as f32).collect(),
    }
}
