//! A model as PyTorch's state: a safetensors file with the names that `nn.RNN`, `nn.GRU`, `nn.LSTM` and
//! `nn.Linear` give their tensors.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::Kind;
use rnn_core::model_file::{Task, Unit};
use safetensors::tensor::{Dtype, TensorView};

use crate::model::Model;
use crate::pytorch::{
    Description, KEY, LayerState, Modules, Nonlinearity, Scale, TaskName, default_modules, gates,
    is_bias, is_uniform, join, transposed,
};

/// How the file is to be written; the defaults are an imported model's own names, else `rnn` and `fc`.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Names of the recurrent modules, separated by commas: one for all layers, or one each.
    pub recurrent: Option<String>,
    /// Name of the linear module.
    pub linear: Option<String>,
    /// Tensors only, without the metadata that an import reads.
    pub plain: bool,
}

/// The bytes of the file.
///
/// # Errors
/// If PyTorch has no such layers, or the modules' names don't fit them.
pub fn safetensors(model: &Model, options: Options) -> Result<Vec<u8>> {
    let header = &model.header;
    let own = if header.two_biases { model.modules.clone() } else { default_modules(header) };
    let [recurrent, linear] = own;
    let recurrent = options.recurrent.unwrap_or(recurrent);
    let linear = options.linear.unwrap_or(linear);
    let modules = Modules::new(&recurrent);
    let (names, layers) = (modules.names().len(), header.layers.count());
    ensure!(
        names == layers || names == 1 && is_uniform(header),
        "{recurrent}: {names} name(s) for {layers} recurrent layers that aren't all alike; give one for each, with commas between"
    );

    let mut tensors = Tensors::default();
    let mut kept = &model.biases[..];
    for (i, cell) in model.float()?.layers().enumerate() {
        let layer = cell.layer();
        let rows = gates(layer.kind) * layer.hidden;
        let mut state = LayerState::of(cell).context(
            "a GRU whose reset gate comes before the product (the original paper's) has no counterpart in PyTorch",
        )?;
        if let Some((biases, rest)) = kept.split_at_checked(2 * rows) {
            kept = rest;
            let (b_ih, b_hh) = biases.split_at(rows);
            let imported = LayerState { biases: [b_ih.to_vec(), b_hh.to_vec()], ..state.clone() };
            // Somebody may have gone on training since.
            let same = imported.flat(layer) == state.flat(layer);
            state = if same { imported } else { state };
        }
        let LayerState { w_ih, w_hh, biases } = state;
        tensors.push(modules.tensor(i, "weight_ih"), &[rows, layer.inputs], w_ih)?;
        tensors.push(modules.tensor(i, "weight_hh"), &[rows, layer.hidden], w_hh)?;
        if biases.iter().any(|bias| is_bias(bias)) {
            let [b_ih, b_hh] = biases;
            tensors.push(modules.tensor(i, "bias_ih"), &[rows], b_ih)?;
            tensors.push(modules.tensor(i, "bias_hh"), &[rows], b_hh)?;
        }
    }
    let readout = model.float()?.readout();
    let w = transposed(readout.w, readout.outputs).collect();
    tensors.push(join(&linear, "weight"), &[readout.outputs, readout.inputs], w)?;
    if is_bias(readout.b) {
        tensors.push(join(&linear, "bias"), &[readout.outputs], readout.b.to_vec())?;
    }

    let nonlinearity = nonlinearity(model)?;
    let metadata = if options.plain {
        None
    } else {
        let description = Description {
            nonlinearity,
            recurrent: Some(recurrent),
            linear: Some(linear),
            ..describe(model)
        };
        Some(HashMap::from([(KEY.to_owned(), serde_json::to_string(&description)?)]))
    };
    let views = tensors
        .0
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    let views: Vec<_> = views.collect::<Result<_>>()?;
    Ok(safetensors::serialize(views, metadata)?)
}

/// Name, shape and bytes of each.
#[derive(Default)]
struct Tensors(Vec<(String, Vec<usize>, Vec<u8>)>);

impl Tensors {
    fn push(&mut self, name: String, shape: &[usize], values: Vec<f32>) -> Result<()> {
        let taken = self.0.iter().any(|(other, ..)| *other == name);
        ensure!(!taken, "two tensors would have the name {name}; give the modules different names");
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.push((name, shape.to_vec(), bytes));
        Ok(())
    }
}

/// What the weights don't say.
fn describe(model: &Model) -> Description {
    let (mode, target) = model.mode_and_target();
    let (task, forecast) = match model.header.task {
        Task::Forecast { .. } => (TaskName::Forecast, true),
        Task::Text(Unit::Character) => (TaskName::Char, false),
        Task::Text(Unit::Word) => (TaskName::Word, false),
    };
    Description {
        task: Some(task),
        mode: forecast.then(|| mode.into()),
        target: forecast.then(|| model.names[target].clone()),
        names: Some(model.names.clone()),
        scales: forecast.then(|| model.channels.iter().map(Scale::from).collect()),
        window: Some(model.header.window),
        seed: Some(model.header.seed),
        two_biases: Some(model.header.two_biases),
        samples: Some(model.samples.clone()),
        ..Description::default()
    }
}

/// Of the layers that are Elman's, which PyTorch's `nn.RNN` is.
fn nonlinearity(model: &Model) -> Result<Option<Nonlinearity>> {
    let mut found = None;
    for layer in model.header.shape().layers() {
        let here = match layer.kind {
            Kind::Elman(Activation::Tanh) => Nonlinearity::Tanh,
            Kind::Elman(Activation::Relu) => Nonlinearity::Relu,
            Kind::Elman(Activation::Sigmoid) => {
                bail!("an Elman cell with the sigmoid has no counterpart in PyTorch's nn.RNN")
            }
            Kind::Gru(Reset::After | Reset::Before) | Kind::Lstm => continue,
        };
        ensure!(
            found.is_none_or(|other| other == here),
            "Elman layers of tanh and of relu in one network can't be told apart in the file"
        );
        found = Some(here);
    }
    Ok(found)
}
